"""Gives deliveries their turns: one process at a time, few to each target at once, so that a slow receiver delays nobody.

A target of which the last attempt failed gets one turn at a time, all such targets of a tenant together half of its turns,
and fewer the more tenants have them, so that some are left for those of others; one that asks for a pause gets it. What is
handed over may arrive more than once, always under the same id; it is given up after the last attempt.

Fails: never. A delivery that fails waits for its next turn; while the database is silent nothing is delivered.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import DeadlinePassed, Unavailable
from chassis.lease import Lease
from chassis.listing.fields import duration_text
from chassis.service import Service, Stage
from chassis.store import Store
from chassis.store.backend import Document
from chassis.telemetry import Metrics
from services.gateway.domain.delivery import ATTEMPTS_KEPT, Channel, DeliveryState, next_attempt
from services.gateway.usecases.log import DELIVERIES, DUE_FIELD

_log = logging.getLogger(__name__)

AT_ONCE, OF_A_TENANT, OF_A_TARGET = 128, 64, 4
TROUBLED = 96  # of all turns; the rest is for targets that answer
LONGEST_PAUSE = timedelta(minutes=5)
_SHORTEST_PAUSE = timedelta(seconds=5)
_LOOK_SECONDS = 0.5
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = {"tenant": 1, "target_id": 1, "channel": 1}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. `retry` tells whether another makes sense, `after` when at the earliest, `pause` whether the target
    wants rest from all that waits for it. `error` and `response` are for people; `response` is what came back."""

    delivered: bool
    error: str = ""
    status: int = 0
    response: str = ""
    retry: bool = True
    after: timedelta | None = None
    pause: bool = False


class Sender(Protocol):
    """A way out. Both are called as the service itself, in the delivery's tenant."""

    async def send(self, delivery: Document) -> Outcome:
        """Hands one over. Raises `Unavailable` where that has to wait, without a turn being counted."""

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """Hears how it ended, after that was written down. It may hear of it twice."""


@dataclass(slots=True)
class _Trouble:
    """A target of which the last attempt failed, and whose it is."""

    tenant: str
    pauses: int = 0
    until: float = 0.0


class Worker:
    """Takes due deliveries to their senders, by channel."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[Channel, Sender],
        metrics: Metrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._senders, self._monotonic = store, senders, monotonic
        self._outcomes = metrics.webhook_deliveries
        self._actor = Actor(id="itsm-gateway", kind="service")
        self._running: dict[str, tuple[str, str, asyncio.Task[None]]] = {}
        self._troubled: dict[str, _Trouble] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        lease = Lease(self._store.backend, "deliveries", service.name)
        service.background("deliveries", lambda: lease.lead(self.run), stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Delivers until it is canceled."""
        try:
            while True:
                with suppress(Unavailable):  # asked again
                    await self.begin()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            tasks = [task for _, _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self) -> int:
        """Begins what is due and may be begun; says how much."""
        now, begun = self._store.clock(), 0
        while len(self._running) < AT_ONCE:
            query: dict[str, Any] = {
                DUE_FIELD: {"$gt": _EVER, "$lte": now},
                "target_id": {"$nin": self._busy_targets()},
                "tenant": {"$nin": self._busy_tenants()},
                "channel": {"$in": [channel.value for channel in self._senders]},
                "_id": {"$nin": list(self._running)},
            }
            rows = await self._store.backend.find(DELIVERIES, query, sort=[(DUE_FIELD, 1)], limit=AT_ONCE, projection=_PLACE)
            before = begun
            for row in rows:
                if self._may_begin(row):
                    self._begin(row)
                    begun += 1
            if begun == before:
                break
        return begun

    async def settle(self) -> None:
        """Waits for what was begun."""
        await asyncio.gather(*(task for _, _, task in self._running.values()))

    def _may_begin(self, row: Document) -> bool:
        if len(self._running) >= AT_ONCE or row["_id"] in self._running:
            return False
        return row["target_id"] not in self._busy_targets() and row["tenant"] not in self._busy_tenants()

    def _busy_tenants(self) -> list[str]:
        busy = Counter(tenant for tenant, _, _ in self._running.values())
        return [tenant for tenant, count in busy.items() if count >= OF_A_TENANT]

    def _busy_targets(self) -> list[str]:
        """Those that may be given no further turn now."""
        now = self._monotonic()
        busy = Counter(target for _, target, _ in self._running.values())
        hindered = Counter(tenant for tenant, target, _ in self._running.values() if target in self._troubled)
        most = min(OF_A_TENANT // 2, TROUBLED - hindered.total())
        found = {target for target, count in busy.items() if count >= OF_A_TARGET}
        found |= {target for target, trouble in self._troubled.items() if busy[target] or hindered[trouble.tenant] >= most}
        found |= {target for target, trouble in self._troubled.items() if trouble.until > now}
        return list(found)

    def _begin(self, row: Document) -> None:
        key = row["_id"]
        task = asyncio.ensure_future(self._one(row))
        self._running[key] = (row["tenant"], row["target_id"], task)
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _one(self, place: Document) -> None:
        key = place["_id"]
        try:
            with ctx.use(Context(tenant=place["tenant"], actor=self._actor, correlation_id=uuid4().hex)):
                found = await self._store.find(DELIVERIES, {"_id": key, DUE_FIELD: {"$gt": _EVER}}, limit=1)
                if found:
                    await self._handled(found[0])
        except (Unavailable, DeadlinePassed) as error:  # it stays due
            _log.info("A delivery waits.", extra={"record": key, "error": str(error)})
            await asyncio.sleep(_LOOK_SECONDS)
        except Exception as error:  # whatever is wrong with one, others must go on
            _log.error("A delivery failed.", extra={"record": key}, exc_info=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _handled(self, row: Document) -> None:
        sender, at, began = self._senders[Channel(row["channel"])], self._store.clock(), self._monotonic()
        outcome = await self._sent(sender, row)
        latency = timedelta(milliseconds=round((self._monotonic() - began) * 1000))
        self._remember(row, outcome)
        await self._store.failpoints.reached("S12")
        await self._keep(row, outcome, at, latency)
        await sender.settled(row, outcome)

    async def _sent(self, sender: Sender, row: Document) -> Outcome:
        try:
            return await sender.send(row)
        except (Unavailable, DeadlinePassed):
            raise
        except Exception as error:  # uncounted, whatever a receiver can bring about would be sent again without end
            _log.error("A delivery failed.", extra={"record": row["_id"]}, exc_info=error)
            return Outcome(False, "it could not be handed over: a defect on this side")

    def _remember(self, row: Document, outcome: Outcome) -> None:
        target = row["target_id"]
        if outcome.delivered:
            self._troubled.pop(target, None)
            return
        trouble = self._troubled.setdefault(target, _Trouble(row["tenant"]))
        if outcome.pause:
            pause = max(min(_SHORTEST_PAUSE * (1 << min(trouble.pauses, 10)), LONGEST_PAUSE), outcome.after or timedelta(0))
            trouble.pauses += 1
            trouble.until = self._monotonic() + pause.total_seconds()

    async def _keep(self, row: Document, outcome: Outcome, at: datetime, latency: timedelta) -> None:
        turn, due, state, said = row["turn"] + 1, None, DeliveryState.DELIVERED, "delivered"
        if not outcome.delivered:
            if outcome.retry:
                due = next_attempt(turn, self._store.clock(), outcome.after, random.random())  # noqa: S311 - jitter, no secret
            state, said = (DeliveryState.PENDING, "retried") if due else (DeliveryState.FAILED, "failed")
        self._outcomes.labels(said).inc()
        if state is DeliveryState.FAILED:
            _log.warning("A delivery was given up.", extra={"record": row["_id"], "why": outcome.error})
        attempt = {
            "time": at,
            "status": outcome.status,
            "latency": duration_text(latency),
            "error": outcome.error,
            "response": outcome.response,
        }
        count = row["attempt_count"]
        # Who had it delivered again meanwhile is owed a whole series of attempts, whatever this one ended with.
        query = {"_id": row["_id"], "attempt_count": count, "series": row.get("series")}
        update = {
            "state": state.value,
            "attempt_count": count + 1,
            "turn": turn,
            "attempts": [*row["attempts"], attempt][-ATTEMPTS_KEPT:],
            DUE_FIELD: due,
        }
        await self._store.backend.update_many(DELIVERIES, self._store.scoped(query), {"$set": update})
