"""Delivers notifications: one process at a time, few to each tenant at once, so that a slow receiver delays nobody else's.

A notification may reach its receiver more than once, always with the same id; it is given up after the last attempt.
Fails: never. A delivery that fails waits for its next attempt; while the database is silent nothing is delivered.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from chassis import context as ctx
from chassis.codec import from_document
from chassis.context import Actor, Context
from chassis.errors import NotFound, Unavailable
from chassis.lease import Lease
from chassis.outbound import Delivery, Outbound
from chassis.plugins import addressed, handed
from chassis.service import Service, Stage
from chassis.store import Store
from chassis.store.backend import Document
from services.monitor.domain.notification import (
    NotificationState,
    NotificationTarget,
    next_attempt,
    signed,
    signing_key,
)
from services.monitor.ports import NotifierPlugin
from services.monitor.usecases.notifying import DUE_FIELD, NOTIFICATIONS

_log = logging.getLogger(__name__)

AT_ONCE, OF_A_TENANT = 32, 4
_LOOK_SECONDS = 0.5
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Delivering:
    """Takes due rows to their receivers. `secret` is what signing keys follow from; `plugins` serve addresses of their own."""

    def __init__(
        self, store: Store, outbound: Outbound, secret: bytes, plugins: Mapping[str, NotifierPlugin] | None = None
    ) -> None:
        self._store, self._outbound, self._secret, self._plugins = store, outbound, secret, plugins or {}
        self._actor = Actor(id="itsm-monitor", kind="service")
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        lease = Lease(self._store.backend, "notifications", service.name)
        service.background("notifications", lambda: lease.lead(self.run), stage=Stage.CONSUMERS)
        service.on_stop(Stage.STORE, self._outbound.close)

    async def run(self) -> None:
        """Delivers until it is canceled."""
        try:
            while True:
                with suppress(Unavailable):  # asked again
                    await self.begin()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for _, task in self._running.values():
                task.cancel()
            await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)

    async def begin(self) -> int:
        """Begins to deliver what is due and may be begun; says how many."""
        now, begun = self._store.clock(), 0
        while len(self._running) < AT_ONCE:
            busy = Counter(tenant for tenant, _ in self._running.values())
            query: dict[str, Any] = {
                DUE_FIELD: {"$gt": _EVER, "$lte": now},
                "tenant": {"$nin": [tenant for tenant, count in busy.items() if count >= OF_A_TENANT]},
                "_id": {"$nin": list(self._running)},
            }
            rows = await self._store.backend.find(NOTIFICATIONS, query, sort=[(DUE_FIELD, 1)], limit=AT_ONCE)
            if not rows:
                break
            for row in rows:
                if busy[row["tenant"]] < OF_A_TENANT and len(self._running) < AT_ONCE:
                    busy[row["tenant"]] += 1
                    self._begin(row)
                    begun += 1
        return begun

    async def settle(self) -> None:
        """Waits for what was begun."""
        await asyncio.gather(*(task for _, task in self._running.values()))

    def _begin(self, row: Document) -> None:
        key = row["_id"]
        task = asyncio.ensure_future(self._one(row))
        self._running[key] = (row["tenant"], task)
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _one(self, row: Document) -> None:
        try:
            with ctx.use(Context(tenant=row["tenant"], actor=self._actor, correlation_id=uuid4().hex)):
                await self._keep(row, await self._tried(row))
        except Unavailable as error:  # it stays due
            _log.info("A notification waits for the database.", extra={"record": row["_id"], "error": str(error)})
        except Exception as error:  # whatever is wrong with one, others must go on
            _log.error("A notification failed.", extra={"record": row["_id"]}, exc_info=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _tried(self, row: Document) -> Delivery:
        try:
            target = from_document(await self._store.document(NotificationTarget, row["target_id"]), NotificationTarget)
        except NotFound:
            return Delivery(False, "its target is gone")
        if not target.enabled:
            return Delivery(False, "its target is disabled")
        body = bytes(row["body"])
        if (place := addressed(target.url)) is not None:
            return await self._by_plugin(*place, row["_id"], body)
        key = signing_key(self._secret, row["tenant"], target)
        headers = {
            "content-type": "application/json",
            "user-agent": "itsm-monitor",
            # Receivers judge the age by it: the real clock, not the one that tests may shift.
            **signed(key, row["_id"], datetime.now(UTC), body),
        }
        await self._store.failpoints.reached("S11")
        return await self._outbound.deliver(target.url, headers, body)

    async def _by_plugin(self, name: str, target: str, id: str, body: bytes) -> Delivery:  # noqa: A002 - as its field
        plugin = self._plugins.get(name)
        if plugin is None:  # it may be back after the next start
            return Delivery(False, f"the plugin {name} is not there", retry=True)
        return await handed(lambda: plugin.notify(target, id, orjson.loads(body)))

    async def _keep(self, row: Document, delivery: Delivery) -> None:
        await self._store.failpoints.reached("S12")
        now, attempts = self._store.clock(), row["attempts"] + 1
        due, state = None, NotificationState.DELIVERED
        if not delivery.delivered:
            if delivery.retry:
                due = next_attempt(attempts, now, delivery.after, random.random())  # noqa: S311 - jitter, no secret
            state = NotificationState.PENDING if due else NotificationState.DEAD
        if state is NotificationState.DEAD:
            _log.warning("A notification was given up.", extra={"record": row["_id"], "why": delivery.why})
        query = {"_id": row["_id"], "state": NotificationState.PENDING.value, "attempts": row["attempts"]}
        update = {
            "state": state.value,
            "attempts": attempts,
            "status": delivery.status,
            "outcome": delivery.why,
            "attempt_time": now,
            DUE_FIELD: due,
        }
        await self._store.backend.update_many(NOTIFICATIONS, self._store.scoped(query), {"$set": update})
