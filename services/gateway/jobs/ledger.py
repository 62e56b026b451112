"""How far a job has come, written down: its state once a second at most, so that nobody is told of every record."""

import time
from collections.abc import Callable
from datetime import timedelta

from chassis.races import again
from chassis.store import Store
from services.gateway.domain.job import Job, Progress, Result

TOLD_SECONDS = 1.0


class Ledger:
    """Keeps the state of one job of the current tenant."""

    def __init__(self, store: Store, id: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:  # noqa: A002 - as its field
        self._store, self._id, self._monotonic = store, id, monotonic
        self._told = monotonic()

    async def job(self) -> Job:
        """The job as it is now."""
        return await self._store.get(Job, self._id)

    async def start(self) -> Job:
        """Its turn has come. Raises `ForbiddenMove` for one that has ended."""
        return await self._changed(lambda job: job.start(self._store.clock()))

    async def settle(self, total: int, run: str = "") -> Job:
        """It is clear what it is about; `run` names the pieces of its file from now on."""
        return await self._changed(lambda job: job.settle(total, run))

    async def goes_on(self, progress: Progress) -> bool:
        """Writes down how far it is, when it is time to; says whether it is still wanted."""
        if self._monotonic() - self._told >= TOLD_SECONDS:
            return not (await self.advance(progress)).cancel_requested
        return not (await self.job()).cancel_requested

    async def advance(self, progress: Progress) -> Job:
        """Writes down how far it is."""
        self._told = self._monotonic()
        return await self._changed(lambda job: job.advance(progress))

    async def finish(self, progress: Progress, result: Result | None = None) -> None:
        """It went as far as it should."""
        await self._changed(lambda job: job.finish(self._store.clock(), progress, result))

    async def fail(self, reason: str, progress: Progress | None = None) -> None:
        """It cannot go on."""
        await self._changed(lambda job: job.fail(self._store.clock(), reason, progress))

    def too_old(self, job: Job, longest: timedelta) -> bool:
        """Whether it takes longer than a job may."""
        return self._store.clock() - job.create_time > longest

    async def _changed(self, change: Callable[[Job], None]) -> Job:
        async def attempt() -> Job:
            async with self._store.transaction() as tx:
                job = await tx.get(Job, self._id)
                change(job)
                tx.save(job)
            return job

        return await again(attempt)
