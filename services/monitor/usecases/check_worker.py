"""Runs the checks that no agent runs. Replicas share them by leases on sixteen shards; each knows its own by heart.

Every check has its place in its interval, so many are spread over it and nothing comes due at once: not after a start, not
after a pause, not when a replica takes over. A result is handed over within a fraction of a second, many in one transaction.

While the database is away a worker goes on with the checks that it had, and keeps the results with their times until they can
be handed over. Two workers may then look at one check; that is no harm, since results are heard by their times.

Fails: never. Looks never raise; a batch of results that cannot be kept is tried again, without the one that is to blame.
"""

import asyncio
import heapq
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from chassis import context as ctx
from chassis.codec import from_document
from chassis.context import Actor, Context
from chassis.errors import Error, Unavailable
from chassis.events.shards import Shards
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Store
from chassis.store.backend import Document, Query
from chassis.telemetry import Metrics
from services.monitor.domain.backlog import Backlog, Key, Waiting
from services.monitor.domain.check import Check, slot, soon
from services.monitor.ports import Prober
from services.monitor.usecases.check_results import CHECKS, Results

_log = logging.getLogger(__name__)

AT_ONCE = 512
"""Looks under way in one process."""
BACKLOG = 20_000
"""Results that wait for the database."""
_HANDED_OVER = 500
_GATHER_SECONDS = 0.2
_LOOK_SECONDS = 2.0  # how often changed checks are read, where another process may have changed them
_WHOLE_SECONDS = 300.0  # how often all are read, whatever the clocks of others said
_OVERLAP = timedelta(seconds=10)  # by how much the clocks of replicas may differ until all are read again
_RETRY_SECONDS = 1.0
_IDLE_SECONDS = 1.0


class CheckWorker:
    """The worker of one process."""

    def __init__(self, store: Store, results: Results, prober: Prober, metrics: Metrics) -> None:
        self._store, self._results, self._prober = store, results, prober
        self._lateness = metrics.due_lateness.labels("checks")
        self._shards = Shards(store.backend, f"checks-{uuid4().hex}", self._gained, self._lost, work="checks")
        self._actor = Actor(id="itsm-monitor", kind="service")
        self._mine: frozenset[int] = frozenset()
        self._checks: dict[Key, Check] = {}
        self._due: list[tuple[datetime, Key]] = []
        self._planned: dict[Key, datetime] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self._backlog = Backlog(BACKLOG)
        self._arrived, self._changed, self._woken = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._silent = False
        self._sure_from = 0.0
        self._whole_at = self._poll_at = 0.0
        self._seen = store.clock()
        self._since = results.presence.since()
        self._touched: set[str] = set()
        store.on_commit(self._committed)

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background("checks", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works until it is canceled; hands over what it has then, and gives its shards back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for loop in (self._shards.run, self._follow, self._work, self._hand_over):
                    tasks.create_task(loop())
        finally:
            for look in self._looking:
                look.cancel()
            with suppress(Error):  # the leases end by themselves, and the next worker looks again
                await self._hand_over_some()
                await self._shards.release()

    def _gained(self, _shards: frozenset[int]) -> None:
        self._whole_at = 0.0
        self._changed.set()

    def _lost(self, _shards: frozenset[int]) -> None:
        self._changed.set()

    def _committed(self, rows: Sequence[Document]) -> None:
        if touched := [row["key"] for row in rows if row["kind"] == CHECKS]:
            self._touched.update(touched)
            self._changed.set()

    async def _follow(self) -> None:
        """Keeps what is known of the checks of its shards."""
        while True:
            self._changed.clear()
            try:
                await self._learn()
            except Unavailable:
                self._silent, self._whole_at = True, 0.0
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _learn(self) -> None:
        held = self._shards.mine
        if self._silent or not held >= self._mine:
            # Leases end while the database is away; what was held then goes on until others can have taken it.
            await self._store.backend.ping()
        if self._silent:
            self._silent, self._sure_from = False, time.monotonic() + Lease.usual * 2 / 3
            self._results.presence.begin()
        if time.monotonic() < self._sure_from:
            held |= self._mine
        self._mine = held
        for key in [key for key, check in self._checks.items() if check.shard not in held]:
            self._forget(key)
        now, query = self._store.clock(), self._question()
        found = await self._store.backend.find(CHECKS, query) if query and held else []
        for row in found:
            try:
                self._know((row["tenant"], row["_id"]), from_document(row, Check), now)
            except msgspec.ValidationError as error:  # of another release, perhaps; the others are run all the same
                _log.error("A check cannot be read.", extra={"check": row["_id"]}, exc_info=error)

    def _question(self) -> Query | None:
        """Which checks to read: now and then all, every two seconds what was changed, at once what was changed here."""
        mine: Query = {"shard": {"$in": sorted(self._mine)}, "agent_id": ""}
        touched, ticks = self._touched, time.monotonic()
        self._touched = set()
        if ticks >= self._whole_at:
            self._whole_at, self._poll_at, self._seen = ticks + _WHOLE_SECONDS, ticks + _LOOK_SECONDS, self._store.clock()
            return mine
        if ticks >= self._poll_at:
            since, self._seen, self._poll_at = self._seen - _OVERLAP, self._store.clock(), ticks + _LOOK_SECONDS
            return {**mine, "update_time": {"$gte": since}}
        return {**mine, "_id": {"$in": sorted(touched)}} if touched else None

    def _know(self, key: Key, check: Check, now: datetime) -> None:
        before = self._checks.get(key)
        if not check.enabled:
            self._forget(key)
            return
        self._checks[key] = check
        if before is None or before.interval != check.interval:
            waits = check.next_due_time is not None and check.next_due_time > now
            self._plan(key, check.next_due_time if waits and check.next_due_time else soon(check, now))

    def _forget(self, key: Key) -> None:
        self._checks.pop(key, None)
        self._planned.pop(key, None)

    def _plan(self, key: Key, due: datetime) -> None:
        self._planned[key] = due
        heapq.heappush(self._due, (due, key))
        self._woken.set()

    async def _work(self) -> None:
        """Begins each look when it is due, with no more than so many under way."""
        while True:
            self._woken.clear()
            now = self._store.clock()
            if self._results.presence.since() != self._since:
                # The clock may have been set: what was planned by the former one means nothing.
                self._since = self._results.presence.since()
                for key, check in self._checks.items():
                    self._plan(key, slot(check, now))
            while self._due and self._due[0][0] <= now and len(self._looking) < AT_ONCE:
                due, key = heapq.heappop(self._due)
                if self._planned.get(key) == due:
                    self._begin(key, due, now)
            wait = _IDLE_SECONDS
            if self._due and len(self._looking) < AT_ONCE:
                wait = min(wait, max((self._due[0][0] - now).total_seconds(), 0.0))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    def _begin(self, key: Key, due: datetime, now: datetime) -> None:
        check = self._checks[key]
        self._lateness.observe((now - due).total_seconds())
        self._plan(key, slot(check, now))
        look = asyncio.create_task(self._look(key, check, now))
        self._looking.add(look)
        look.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looking.discard(look)
        self._woken.set()

    async def _look(self, key: Key, check: Check, now: datetime) -> None:
        dropped = self._backlog.dropped
        self._backlog.add(Waiting(key, await self._prober.look(check, now)))
        if self._backlog.dropped > dropped and dropped % 1000 == 0:
            _log.warning("Results are dropped while the database is away.", extra={"dropped": self._backlog.dropped})
        self._arrived.set()

    async def _hand_over(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._arrived.clear()
            try:
                await self._hand_over_some()
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
            if len(self._backlog):
                self._arrived.set()

    async def _hand_over_some(self) -> None:
        """Hands over the oldest results, tenant by tenant. Raises `Unavailable`; what is left then waits."""
        by_tenant: dict[str, list[tuple[int, Waiting]]] = defaultdict(list)
        for number, waiting in self._backlog.first(_HANDED_OVER):
            by_tenant[waiting.key[0]].append((number, waiting))
        for tenant, items in by_tenant.items():
            with ctx.use(Context(tenant=tenant, actor=self._actor, correlation_id=uuid4().hex)):
                await self._report([waiting for _, waiting in items])
            self._backlog.remove([number for number, _ in items])

    async def _report(self, waiting: Sequence[Waiting]) -> None:
        try:
            await self._results.report([(each.key[1], each.result) for each in waiting])
        except Unavailable:
            raise
        except Exception as error:  # whatever one result does, the others must get through
            if len(waiting) == 1:
                _log.error("A result cannot be kept.", extra={"check": waiting[0].key[1]}, exc_info=error)
                return
            for each in waiting:
                await self._report([each])
