"""Gives jobs their turns: one process at a time, few of a tenant and few in all, so that nobody at work feels it.

Who has none under way comes before who has one, and half of the places are for first ones alone: a tenant whose jobs are long
holds up its own. Those that are under way take turns call by call (`hands`).

A job that has to wait for a service, or because there is too much to do, leaves its place, for longer each time. Whoever takes
over after a crash finds the jobs as they were and goes on with them.

Fails: never. A job that cannot go on says why; one that meets a defect is tried again a few times before it does.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Error, Exhausted, ForbiddenMove, Unavailable
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.domain.job import LONGEST, OPEN, Job, Kind, Progress
from services.gateway.jobs.actions import Actions
from services.gateway.jobs.bulk import Bulk, skip
from services.gateway.jobs.exporting import Export
from services.gateway.jobs.hands import Hands, Over, asking
from services.gateway.jobs.ledger import Ledger
from services.gateway.ports import Plan
from services.gateway.usecases.jobs import JOBS

_log = logging.getLogger(__name__)

AT_ONCE, OF_A_TENANT = 16, 2
_LOOK_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_DEFECTS = 3
_DEFECT = "a defect on this side; it is in the log"


@dataclass(slots=True)
class _Held:
    """A job that has to wait, how long it did last, and how often it met a defect."""

    until: float = 0.0
    pause: float = 0.0
    defects: int = 0


Equip = Callable[[str, Job, Sequence[str]], Hands]
"""The hands for a job of a tenant that takes these permissions."""


class Runner:
    """Takes jobs to their end: the oldest of each tenant first, and then its next."""

    def __init__(
        self, store: Store, actions: Actions, equip: Equip, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._actions, self._equip, self._monotonic = store, actions, equip, monotonic
        self._held: dict[str, _Held] = {}
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        lease = Lease(self._store.backend, "jobs", service.name)
        service.background("jobs", lambda: lease.lead(self.run), stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works until it is canceled."""
        try:
            while True:
                with suppress(Unavailable):  # asked again
                    await self.begin()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self) -> int:
        """Begins jobs whose turn it is; says how many."""
        begun = 0
        while len(self._running) < AT_ONCE:
            busy = Counter(tenant for tenant, _ in self._running.values())
            found = await self._oldest(list(busy))
            if found is None and len(self._running) < AT_ONCE // 2:
                found = await self._oldest([tenant for tenant, count in busy.items() if count >= OF_A_TENANT])
            if found is None:
                break
            self._begin(found["tenant"], found["_id"])
            begun += 1
        return begun

    async def _oldest(self, but_of: Sequence[str]) -> Document | None:
        """The one that waits for longest, of other tenants than these."""
        query = {
            "state": {"$in": sorted(OPEN)},
            "tenant": {"$nin": list(but_of)},
            "_id": {"$nin": [*self._running, *self._waiting()]},
        }
        found = await self._store.backend.find(JOBS, query, sort=[("create_time", 1)], limit=1, projection={"tenant": 1})
        return found[0] if found else None

    async def settle(self) -> None:
        """Waits for what was begun."""
        await asyncio.gather(*(task for _, task in self._running.values()))

    def _waiting(self) -> list[str]:
        now = self._monotonic()
        return [id for id, held in self._held.items() if held.until > now]  # noqa: A001 - the field's name everywhere

    def _begin(self, tenant: str, id: str) -> None:  # noqa: A002 - the field's name everywhere
        task = asyncio.ensure_future(self._one(tenant, id))
        self._running[id] = tenant, task
        task.add_done_callback(lambda _: self._running.pop(id, None))

    async def _one(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        try:
            with ctx.use(asking(tenant)):
                await self._turn(tenant, Ledger(self._store, id))
        except (Unavailable, Exhausted, DeadlinePassed) as busy:
            _log.info("A job waits.", extra={"record": id, "error": str(busy)})
            self._hold_back(id, busy.retry_after.total_seconds() if isinstance(busy, Unavailable | Exhausted) else 0.0)
        except Exception as error:  # whatever is wrong with one, others must go on
            _log.error("A job failed.", extra={"record": id}, exc_info=error)
            held = self._hold_back(id, 0.0)
            held.defects += 1
            if held.defects >= _DEFECTS:
                with ctx.use(asking(tenant)), suppress(ForbiddenMove, Unavailable):  # it ended all the same, or later
                    await Ledger(self._store, id).fail(_DEFECT)
        else:
            self._held.pop(id, None)

    def _hold_back(self, id: str, asked: float) -> "_Held":  # noqa: A002 - as above
        """Leaves its place to others for a while."""
        held = self._held.setdefault(id, _Held())
        held.pause = min(max(2 * held.pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        held.until = self._monotonic() + max(asked, held.pause)
        return held

    async def _turn(self, tenant: str, ledger: Ledger) -> None:
        """Goes on with a job, to its end or until it has to wait."""
        job = await ledger.job()
        if not job.open:
            return
        if ledger.too_old(job, LONGEST):
            await self._fail(ledger, f"it took longer than {LONGEST.total_seconds() // 3600:.0f} hours")
            return
        work: Bulk | Export | None = None
        try:
            plan = self._plan(job)
            job = await ledger.start()
            hands = self._equip(tenant, job, plan.needs)
            kind = Bulk if job.kind is Kind.BULK else Export
            work = kind(self._store, self._actions, hands, ledger, job)
            await work.run()
        except (Unavailable, Exhausted, DeadlinePassed):
            if work is not None:
                await ledger.advance(work.progress)
            raise
        except (Over, Error) as over:
            with suppress(ForbiddenMove):  # somebody canceled it before it began
                await self._fail(ledger, str(over), work.progress if work is not None else None)

    async def _fail(self, ledger: Ledger, reason: str, progress: Progress | None = None) -> None:
        await skip(self._store, await ledger.job())
        await ledger.fail(reason, progress)

    def _plan(self, job: Job) -> Plan:
        if job.kind is Kind.EXPORT:
            return self._actions.export(job.resource, job.fields)
        back = bool(job.undo_of)
        return self._actions.bulk(job.resource, job.action, job.parameters, listed=job.selected >= 0, back=back)
