"""Which webhooks are told of an event: those that want it, whose filter its record fits, and whose owner may read it.

Rows are written in the transaction of the event's batch. A webhook is heeded from the instant on at which it was made or
changed: what is remembered of webhooks was read after every event that is held against it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Clock
from chassis.events.wire import Envelope
from chassis.store import Store
from services.gateway.domain.delivery import Channel
from services.gateway.domain.webhook import State, Webhook
from services.gateway.ports import Catalog, Owners, Told
from services.gateway.usecases.log import Log
from services.gateway.usecases.webhooks import WEBHOOKS

LARGEST = 16 * 1024
"""Bytes of an event that a webhook is told whole; with what is around it that stays below 20 kB, as receivers expect."""
_SHORT = 200


class Telling:
    """Writes deliveries for events."""

    def __init__(self, store: Store, log: Log, catalog: Catalog, owners: Owners) -> None:
        self._store, self._log, self._catalog, self._owners = store, log, catalog, owners
        self._clock: Clock = store.clock
        self._known: dict[str, tuple[datetime, list[Webhook]]] = {}

    async def tell(self, data: Mapping[str, Any], envelope: Envelope) -> None:
        """An event of the current tenant. Raises `Unavailable` while nobody knows who may read it."""
        webhooks = await self._webhooks(envelope.time)
        wanting = [webhook for webhook in webhooks if webhook.wants(envelope.type, envelope.time)]
        if not wanting:
            return
        event = told(data, envelope)
        await self._log.measure()
        for webhook in wanting:
            if not self._catalog.fits(webhook.filter, event):
                continue
            if not await self._owners.sees(webhook.owner_id, webhook.limits, event):
                continue
            async with self._store.transaction() as tx:
                self._log.add(
                    tx,
                    Channel.WEBHOOK,
                    webhook.id,
                    event_id=event.id,
                    event_type=event.type,
                    subject=event.subject,
                    content=content(event),
                )

    async def _webhooks(self, at: datetime) -> list[Webhook]:
        """Those of the current tenant, as they were after `at`."""
        tenant = ctx.current().tenant
        known = self._known.get(tenant)
        if known is None or known[0] <= at:
            now = self._clock()
            rows = await self._store.find(WEBHOOKS, {"state": State.ENABLED.value, "delete_time": None})
            known = self._known[tenant] = (now, [from_document(row, Webhook) for row in rows])
        return known[1]


def told(data: Mapping[str, Any], envelope: Envelope) -> Told:
    """An event as it came."""
    return Told(
        id=envelope.id,
        type=envelope.type,
        subject=envelope.subject,
        tenant=envelope.tenant,
        version=envelope.version,
        time=envelope.time,
        data=data,
        text=orjson.dumps(data),
    )


def content(event: Told) -> dict[str, Any]:
    """What a delivery keeps of an event: all of it, or where that is too large the short values of its record."""
    text = event.text if len(event.text) <= LARGEST else orjson.dumps(_thin(event.data))
    return {"time": event.time, "data": text, "version": event.version}


def _thin(data: Mapping[str, Any]) -> dict[str, Any]:
    """The event without its changes, its record without what is long: a receiver asks for the rest by the record's id."""
    found: dict[str, Any] = {"thin": True}
    for member, value in data.items():
        if isinstance(value, dict):
            found[member] = {name: each for name, each in value.items() if _short(each)}
        elif _short(value):
            found[member] = value
    return found


def _short(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _SHORT)
