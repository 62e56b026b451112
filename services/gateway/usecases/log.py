"""The log of deliveries, one for all ways out: what waits, what was tried, what became of it.

A delivery is written in the transaction of what it tells of, under an id that follows from both, so that the same event again
tells nobody twice. `deliveries/worker.py` hands over what is due.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis import context as ctx
from chassis.codec import to_document
from chassis.domain import uuid7
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import Store, Transaction, Update
from services.gateway.domain.delivery import AGAIN, Channel, Delivery, delivery_id, new_delivery, refused
from services.gateway.usecases.addressing import SUBSCRIPTIONS
from services.gateway.usecases.reading import Asked, Document, Paged, page_of

_log = logging.getLogger(__name__)

DELIVERIES = "deliveries"
DUE_FIELD = "next_due_time"
MOST_WAITING = 20_000
"""How many deliveries of a tenant may wait."""
_BROWSERS, _MINE = 50, 50
_MEASURED_SECONDS = 5.0
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Log:
    """Deliveries of the current tenant. `most` may wait; `refused` counts those that are given up because more do."""

    def __init__(
        self,
        store: Store,
        listing: Listing,
        *,
        most: int = MOST_WAITING,
        refused: Callable[[float], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._listing, self._most, self._refused, self._monotonic = store, listing, most, refused, monotonic
        self._full: dict[str, tuple[float, bool]] = {}

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
        due: datetime | None = None,
        renew: bool = False,
    ) -> str:
        """Has a target told as soon as the transaction is through, or at `due`; says the delivery's id.

        One that is there already stays as it is; with `renew` its content becomes this one. Where too many of the tenant wait
        (see `measure`), it is given up at once.
        """
        tenant, now = ctx.current().tenant, self._store.clock()
        key = delivery_id(tenant, channel, target_id, event_id)
        row = new_delivery(
            channel, target_id, event_id=event_id, event_type=event_type, subject=subject, at=now, content=content
        )
        row[DUE_FIELD] = max(due, now) if due is not None else now
        if self._full.get(tenant, (0.0, False))[1]:
            row |= refused(now)
            self._refused(1)
        update: dict[str, Any] = {"$setOnInsert": row}
        if renew:
            update["$set"] = {"content": row.pop("content")}
        tx.write(Update(DELIVERIES, {"_id": key, "tenant": tenant}, update, strict=False, upsert=True))
        return key

    async def measure(self) -> None:
        """Finds out, every few seconds, whether more deliveries of the current tenant wait than may: then no more are taken
        until there are fewer, so that what one tenant cannot get rid of does not fill the database of all."""
        tenant, now = ctx.current().tenant, self._monotonic()
        if now - self._full.get(tenant, (-_MEASURED_SECONDS, False))[0] < _MEASURED_SECONDS:
            return
        waiting = await self._store.count(DELIVERIES, {DUE_FIELD: {"$gt": _EVER}}, limit=self._most)
        full = waiting >= self._most
        if full and not self._full.get(tenant, (0.0, False))[1]:
            _log.warning("Too many deliveries wait: new ones are given up.", extra={"tenant": tenant, "waiting": waiting})
        self._full[tenant] = (now, full)

    async def all(self, asked: Asked) -> Paged:
        """A page of the deliveries of all targets."""
        return await page_of(self._store, DELIVERIES, self._listing, asked)

    async def mine(self, subject: str) -> Sequence[Document]:
        """What was sent to the caller of one record, or of all, the newest first."""
        caller = ctx.current().actor.id
        browsers = await self._store.find(SUBSCRIPTIONS, {"owner_id": caller}, limit=_BROWSERS)
        query: dict[str, Any] = {"target_id": {"$in": [caller, *(each["_id"] for each in browsers)]}}
        if subject:
            query["subject"] = subject
        return await self._store.find(DELIVERIES, query, sort=[("create_time", -1), ("_id", 1)], limit=_MINE, naive=True)

    async def one(self, id: str) -> Document:  # noqa: A002 - as its field
        """A delivery of any target. Raises `NotFound`."""
        return await self._store.document(Delivery, id, naive=True)

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
        """The same as `repeat` for a delivery of this target. Raises `NotFound`."""
        await self.get(channel, target_id, id)
        return to_document(await self.repeat(id))

    async def repeat(self, id: str) -> Delivery:  # noqa: A002 - as above
        """Has a delivery due now, whatever became of it, with all attempts before it. Raises `NotFound`.

        It is kept as long as a new one. What an attempt that is under way meanwhile ends with is not written down.
        """
        now, tenant = self._store.clock(), ctx.current().tenant
        # Attempts change the row without a version: what is remembered of it may be of long ago.
        self._store.recent.pop((tenant, Delivery, id), None)
        if not ctx.current().dry_run:
            unversioned = self._store.scoped({"_id": id, "version": {"$exists": False}})
            await self._store.backend.update_many(DELIVERIES, unversioned, {"$set": {"version": 0}})
        async with self._store.transaction() as tx:
            delivery = await tx.get(Delivery, id)
            delivery.again(now, uuid7())
            # As a whole: where a field is as it was when it was read, an attempt may have ended otherwise since.
            written = {name: value for name, value in to_document(delivery).items() if name in AGAIN}
            tx.write(Update(DELIVERIES, {"_id": id, "tenant": tenant}, {"$set": written}))
            tx.save(delivery)
        self._store.recent.pop((tenant, Delivery, id), None)
        return delivery
