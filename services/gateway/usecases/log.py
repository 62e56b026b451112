"""The log of deliveries, one for all ways out: what waits, what was tried, what became of it.

A delivery is written in the transaction of what it tells of, under an id that follows from both, so that the same event again
tells nobody twice. `deliveries/worker.py` hands over what is due.
"""

import logging
from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import Store, Transaction, Update
from services.gateway.domain.delivery import KEPT, Channel, DeliveryState, delivery_id, new_delivery
from services.gateway.usecases.reading import Asked, Document, Paged, page_of

_log = logging.getLogger(__name__)

DELIVERIES = "deliveries"
DUE_FIELD = "next_due_time"


class Log:
    """Deliveries of the current tenant."""

    def __init__(self, store: Store, listing: Listing) -> None:
        self._store, self._listing = store, listing

    def add(
        self,
        tx: Transaction,
        channel: Channel,
        target_id: str,
        *,
        event_id: str,
        event_type: str,
        subject: str,
        content: Mapping[str, Any],
    ) -> str:
        """Has a target told, as soon as the transaction is through; says the delivery's id."""
        tenant, now = ctx.current().tenant, self._store.clock()
        key = delivery_id(tenant, channel, target_id, event_id)
        row = new_delivery(
            channel, target_id, event_id=event_id, event_type=event_type, subject=subject, at=now, content=content
        )
        query = {"_id": key, "tenant": tenant}
        tx.write(Update(DELIVERIES, query, {"$setOnInsert": row}, strict=False, upsert=True))
        return key

    async def page(self, channel: Channel, target_id: str, asked: Asked) -> Paged:
        """A page of the deliveries of a target."""
        among = {"channel": channel.value, "target_id": target_id}
        return await page_of(self._store, DELIVERIES, self._listing, asked, among=among)

    async def get(self, channel: Channel, target_id: str, id: str) -> Document:  # noqa: A002 - as its field
        """One delivery of a target. Raises `NotFound`."""
        query = {"_id": id, "channel": channel.value, "target_id": target_id}
        found = await self._store.find(DELIVERIES, query, limit=1)
        if not found:
            raise NotFound("delivery", id)
        return found[0]

    async def again(self, channel: Channel, target_id: str, id: str) -> Document:  # noqa: A002 - as above
        """Has a delivery due now, whatever became of it, with all attempts before it. Raises `NotFound`.

        It is kept as long as a new one. What an attempt that is under way meanwhile ends with is not written down.
        """
        delivery, now, caller = await self.get(channel, target_id, id), self._store.clock(), ctx.current().actor
        update = {
            "state": DeliveryState.PENDING.value,
            "turn": 0,
            "series": uuid7(),
            "expire_time": now + KEPT,
            DUE_FIELD: now,
        }
        await self._store.backend.update_many(DELIVERIES, self._store.scoped({"_id": delivery["_id"]}), {"$set": update})
        _log.info("A delivery is made again.", extra={"record": id, "actor": caller.id, "actor_kind": caller.kind})
        return await self.get(channel, target_id, id)
