"""Work that records want done at an instant: each carries its next one in a stored field, and no timer stands beside it.

The worker finds what is due over all tenants, fairly, and calls the handler; the handler loads the record, does what is due
now and saves it with its next instant. That save is a compare-and-set, so two workers, or one that was paused, never do
the same twice; the lease only spares the second one the work.

It looks again while handlers are under way and begins more as places become free, few of a tenant: what takes long holds up
nobody but its own tenant, and no record is begun while it is under way.

Where what is due of several records of a tenant can be done in one transaction, a second handler does so: of thousands that
fall due in one minute each costs a fraction of a transaction. What it cannot do together is done one by one.

Fails: never. A handler that fails is tried again with growing delays, with an error in the log; others go on meanwhile.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, zip_longest
from uuid import uuid4

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Busy, Unavailable
from chassis.lease import Lease
from chassis.races import again
from chassis.service import Service, Stage
from chassis.store import Index, Store
from chassis.store.backend import Document
from chassis.telemetry import Metrics
from chassis.telling import Telling

_log = logging.getLogger(__name__)

BATCH = 200
TOGETHER = 25
"""So many records of a tenant are handled in one transaction at most, where the worker has a handler for several."""
_FULLER = 5  # a batch of what is handled together, so that tenants in turn fill a transaction each
_TENANTS = 20  # looked at one after the other when a batch is full of a few
_AT_ONCE, _OF_A_TENANT = 24, 8
_RESERVED, _FEW = 8, 2
"""So many of the places are for tenants that have fewer than a few records under way."""
_LOOK_SECONDS = 1.0
_FIRST_DELAY, _LAST_DELAY = timedelta(seconds=1), timedelta(minutes=5)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

Handle = Callable[[str, str], Awaitable[object]]
HandleTogether = Callable[[str, Sequence[str]], Awaitable[object]]


def due_index(collection: str, field: str, *further: str) -> Index:
    """The index that a `DueWorker` needs: over those records alone that wait for something.

    By `further` fields a worker passes over records without reading them.
    """
    return Index(collection, [(name, 1) for name in (field, *further)], partial={field: {"$gt": _EVER}})


@dataclass(frozen=True, slots=True)
class _HeldBack:
    """A record whose handler failed, or left it as due as it was."""

    delay: timedelta
    until: datetime


class DueWorker:
    """Calls `handle(tenant, id)` for records of `collection` when the instant in `field` has come, as the service itself.

    `together(tenant, ids)` does the same for several in one transaction, for all of them or for none; where it fails, each is
    handled alone.
    """

    def __init__(
        self,
        store: Store,
        service: str,
        collection: str,
        field: str,
        handle: Handle,
        metrics: Metrics,
        *,
        name: str = "",
        together: HandleTogether | None = None,
    ) -> None:
        self.name = name or f"{collection}.{field}"
        self._store, self._collection, self._field, self._handle = store, collection, field, handle
        self._together = together
        self._batch, self._at_a_time = (BATCH, 1) if together is None else (BATCH * _FULLER, TOGETHER)
        self._actor = Actor(id=f"itsm-{service}", kind="service")
        self._lateness = metrics.due_lateness.labels(self.name)
        self._lease = Lease(store.backend, f"due|{self.name}", service)
        self._telling = Telling(store.backend)
        self._held_back: dict[tuple[str, str], _HeldBack] = {}
        self._handled: dict[tuple[str, str], datetime] = {}
        self._under_way: dict[asyncio.Task[None], tuple[str, list[str]]] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background(f"due {self.name}", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        await self._lease.lead(self.rounds)

    async def rounds(self) -> None:
        """Works until it is canceled; whoever calls it holds the lease."""
        try:
            while True:
                batch, left = list[Document](), 0
                with suppress(Unavailable):  # asked again in a second
                    handled, self._handled = self._handled, {}
                    batch = await self._claim(self._store.clock())
                    left = await self._work(batch, handled, time.monotonic() + _LOOK_SECONDS)
                if not left and len(batch) < self._batch:
                    await asyncio.sleep(await self._until_next())
        finally:
            tasks = list(self._under_way)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._under_way.clear()

    async def round(self) -> int:
        """Handles one batch of what is due now, to its end; says how many records there were."""
        handled, self._handled = self._handled, {}
        batch = await self._claim(self._store.clock())
        await self._work(batch, handled, math.inf)
        while self._under_way:
            await self._one_ends(None)
        return len(batch)

    async def _work(self, batch: Sequence[Document], handled: dict[tuple[str, str], datetime], until: float) -> int:
        """Begins the records of a batch in their order as there are places; says how many are left at that instant."""
        waiting = list(batch)
        while waiting:
            busy = Counter(tenant for tenant, _ in self._under_way.values())
            place = next((place for place, document in enumerate(waiting) if _room(busy, document["tenant"])), None)
            if place is not None:
                taken = self._taken(waiting, waiting[place]["tenant"])
                task = asyncio.ensure_future(self._some(taken, handled))
                self._under_way[task] = (taken[0]["tenant"], [document["_id"] for document in taken])
                continue
            if (patience := until - time.monotonic()) <= 0:
                break
            await self._one_ends(None if patience == math.inf else patience)
        return len(waiting)

    def _taken(self, waiting: list[Document], tenant: str) -> list[Document]:
        """The first of a tenant's that wait, as many as are handled at a time; they wait no longer."""
        taken = list(islice((document for document in waiting if document["tenant"] == tenant), self._at_a_time))
        for document in taken:
            waiting.remove(document)
        return taken

    async def _one_ends(self, seconds: float | None) -> None:
        """Waits for the next handler that ends, for so long at most."""
        await asyncio.wait(self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        self._reap()

    async def _claim(self, now: datetime) -> list[Document]:
        """Up to a batch of due records, one of each tenant in turn; a tenant with thousands delays no other."""
        passed_over = [record for (_, record), held in self._held_back.items() if held.until > now]
        self._reap()
        passed_over += [record for _, records in self._under_way.values() for record in records]
        by_tenant: dict[str, list[Document]] = {}
        resting: set[str] = set()
        for _ in range(_TENANTS):
            query = {self._field: {"$gt": _EVER, "$lte": now}, "tenant": {"$nin": [*by_tenant, *sorted(resting)]}}
            if passed_over:
                query["_id"] = {"$nin": passed_over}
            found = await self._store.backend.find(
                self._collection, query, sort=[(self._field, 1)], limit=self._batch, projection={"tenant": 1, self._field: 1}
            )
            # Asked after what is due was read: whoever dates something back says so before.
            resting |= await self._telling.resting(document["tenant"] for document in found)
            for document in found:
                if document["tenant"] not in resting:
                    by_tenant.setdefault(document["tenant"], []).append(document)
            if len(found) < self._batch:
                break
        in_turn = chain.from_iterable(zip_longest(*by_tenant.values()))
        return [document for document in in_turn if document is not None][: self._batch]

    def _reap(self) -> None:
        """Those that have ended leave their places."""
        for task in [task for task in self._under_way if task.done()]:
            del self._under_way[task]
            task.result()

    async def _some(self, documents: Sequence[Document], handled: dict[tuple[str, str], datetime]) -> None:
        """Handles records of one tenant."""
        tenant, now = documents[0]["tenant"], self._store.clock()
        waiting = [document for document in documents if not self._is_stuck(document, handled, now)]
        for document in waiting:
            self._lateness.observe(max((now - document[self._field]).total_seconds(), 0.0))
        if self._together is not None and len(waiting) > 1:
            try:
                with self._as_service(tenant):
                    await self._together(tenant, [document["_id"] for document in waiting])
            except Busy:  # one of them was changed meanwhile
                pass
            except Exception as error:  # alone it is seen whose fault it is
                _log.warning("Due records are handled one by one.", extra={"worker": self.name}, exc_info=error)
            else:
                self._done(waiting)
                return
        for document in waiting:
            await self._alone(document)

    async def _alone(self, document: Document) -> None:
        tenant, record = document["tenant"], document["_id"]
        try:
            with self._as_service(tenant):
                await again(lambda: self._handle(tenant, record))
        except Exception as error:  # whatever one record does to its handler, others must go on
            _log.error("A due record failed.", extra={"worker": self.name, "record": record}, exc_info=error)
            self._hold_back(tenant, record, self._store.clock())
        else:
            self._done([document])

    def _as_service(self, tenant: str) -> AbstractContextManager[Context]:
        return ctx.use(Context(tenant=tenant, actor=self._actor, correlation_id=uuid4().hex))

    def _is_stuck(self, document: Document, handled: dict[tuple[str, str], datetime], now: datetime) -> bool:
        """Whether a record is as due as before it was handled: again and again at once it would take all of the time."""
        tenant, record = document["tenant"], document["_id"]
        if handled.get((tenant, record)) != document[self._field]:
            return False
        _log.error("A due record was handled and is as due as before.", extra={"worker": self.name, "record": record})
        self._hold_back(tenant, record, now)
        return True

    def _done(self, documents: Iterable[Document]) -> None:
        for document in documents:
            key = document["tenant"], document["_id"]
            self._held_back.pop(key, None)
            self._handled[key] = document[self._field]

    def _hold_back(self, tenant: str, record: str, now: datetime) -> None:
        before = self._held_back.get((tenant, record))
        delay = min(before.delay * 2, _LAST_DELAY) if before is not None else _FIRST_DELAY
        self._held_back[tenant, record] = _HeldBack(delay, now + delay)

    async def _until_next(self) -> float:
        """Seconds until something is due, at most one: another process may have saved something sooner."""
        now = self._store.clock()
        query = {self._field: {"$gt": now}}
        projection = {self._field: 1}
        with suppress(Unavailable):
            following = await self._store.backend.find(
                self._collection, query, sort=[(self._field, 1)], limit=1, projection=projection
            )
            if following:
                due: datetime = following[0][self._field]
                return min((due - now).total_seconds(), _LOOK_SECONDS)
        return _LOOK_SECONDS


def _room(busy: Counter[str], tenant: str) -> bool:
    """Whether one more of a tenant may begin."""
    free = _AT_ONCE - busy.total()
    return free > 0 and busy[tenant] < (_OF_A_TENANT if free > _RESERVED else _FEW)
