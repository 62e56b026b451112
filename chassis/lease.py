"""Who does a piece of background work now: a lease per role, with an epoch, measured by the database's clock.

A lease makes work efficient, never right: a holder may be paused and wake up late, so whatever it writes is a
compare-and-set of its own (docs/architecture.md, "Leases").

Fails: `Unavailable` while the database is silent; a holder that cannot renew stops by itself before others may take over, by
a third of the time and its own monotonic clock.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from chassis.errors import Unavailable
from chassis.store.backend import Backend

_log = logging.getLogger(__name__)

LEASES = "leases"
TTL = 15.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _later(ttl: float) -> dict[str, Any]:
    """`ttl` seconds from now, by the server's time."""
    return {"$add": ["$$NOW", round(ttl * 1000)]}


class Lease:
    """One role, tried for by one holder. `holder` is for people: what follows it in the database is new each time.

    `margin` is what clocks and a last write in flight may take, in seconds as `ttl`.
    """

    usual: ClassVar[float] = TTL
    """How long the leases of this process live where nothing else is said (`ITSM_LEASE_SECONDS`)."""

    def __init__(
        self, backend: Backend, role: str, holder: str, *, ttl: float | None = None, margin: float | None = None
    ) -> None:
        self._backend, self.role, self.holder = backend, role, f"{holder}:{uuid4().hex}"
        self._ttl = self.usual if ttl is None else ttl
        self._margin = self._ttl / 3 if margin is None else margin
        self._until = 0.0
        self.epoch = 0

    @property
    def held(self) -> bool:
        """Whether the holder may still work, by its own monotonic clock."""
        return time.monotonic() < self._until

    @property
    def left(self) -> float:
        """Seconds that the holder may still work."""
        return max(0.0, self._until - time.monotonic())

    async def acquire(self) -> bool:
        """Takes the lease if it is free, renews it if it is ours; says whether it is ours now. Raises `Unavailable`."""
        asked = time.monotonic()
        # Everything is decided inside the one update, where $$NOW is the server's time.
        free = {"$lte": [{"$ifNull": ["$expires", _LONG_AGO]}, "$$NOW"]}
        # The holder alone decides: where the answer to a former attempt was lost, its epoch is not known here.
        ours = {"$eq": ["$holder", self.holder]}
        pipeline: list[dict[str, Any]] = [
            {"$set": {"free": free, "ours": ours}},
            {
                "$set": {
                    "tenant": "-",
                    "epoch": {"$cond": ["$free", {"$add": [{"$ifNull": ["$epoch", 0]}, 1]}, "$epoch"]},
                    "holder": {"$cond": ["$free", self.holder, "$holder"]},
                    "expires": {"$cond": [{"$or": ["$free", "$ours"]}, _later(self._ttl), "$expires"]},
                }
            },
            {"$unset": ["free", "ours"]},
        ]
        found = await self._backend.find_one_and_update(LEASES, {"_id": self.role}, pipeline, upsert=True)
        if found is not None and found["holder"] == self.holder:
            self.epoch = int(found["epoch"])
            self._renewed(asked)
        else:
            self._until = 0.0
        return self.held

    def _renewed(self, asked: float) -> None:
        self._until = asked + self._ttl - self._margin

    async def release(self) -> None:
        """Gives the lease back at once, so that another need not wait for its end."""
        if not self.epoch:
            return
        self._until = 0.0
        query = {"_id": self.role, "holder": self.holder, "epoch": self.epoch}
        await self._backend.update_many(LEASES, query, {"$set": {"expires": _LONG_AGO}})

    async def lead(self, work: Callable[[], Awaitable[object]]) -> None:
        """Runs `work` whenever the lease is ours, for ever; cancels it when the lease is lost, starts it again when regained.

        Raises what `work` raises, after giving the lease back; returns when `work` does.
        """
        try:
            while True:
                async with self._while_held() as lost:
                    running = asyncio.ensure_future(work())
                    try:
                        await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not running.done():
                            running.cancel()
                            await asyncio.wait({running})
                    if not running.cancelled():
                        running.result()
                        return
                    _log.warning("Lease lost.", extra={"role": self.role})
        finally:
            with suppress(Unavailable):  # it then ends by itself
                await self.release()

    @asynccontextmanager
    async def _while_held(self) -> AsyncIterator["asyncio.Task[None]"]:
        while not await self._try():  # noqa: ASYNC110 - the database tells nobody that a lease is free
            await asyncio.sleep(self._ttl / 3)
        keeping = asyncio.create_task(self._keep())
        try:
            yield keeping
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def _keep(self) -> None:
        """Returns when the lease is lost."""
        while self.held:
            await asyncio.sleep(min(self._ttl / 3, self.left))
            renewing = asyncio.ensure_future(self._try())
            # A silent database must not keep us working beyond our time.
            done, _ = await asyncio.wait({renewing}, timeout=self.left)
            if not done:
                renewing.cancel()
                self._until = 0.0

    async def _try(self) -> bool:
        try:
            return await self.acquire()
        except Unavailable:
            return self.held


async def renew(leases: Sequence[Lease]) -> bool:
    """Renews many leases of one kind in one step; says whether all are ours still. Raises `Unavailable`.

    Where some were lost, each is asked for by itself, so that `held` then tells which.
    """
    if not leases:
        return True
    asked = time.monotonic()
    first = leases[0]
    # A holder is new for each lease and each process: whose it is needs no other proof.
    query = {"_id": {"$in": [lease.role for lease in leases]}, "holder": {"$in": [lease.holder for lease in leases]}}
    renewed = await first._backend.update_many(LEASES, query, [{"$set": {"expires": _later(first._ttl)}}])  # noqa: SLF001
    if renewed == len(leases):
        for lease in leases:
            lease._renewed(asked)  # noqa: SLF001 - of this module
        return True
    return all(await asyncio.gather(*(lease.acquire() for lease in leases)))
