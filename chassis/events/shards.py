"""Which shards of a work this process does: each live replica holds its share of the sixteen, by leases.

Fails: never; while the database is silent, shards are lost by themselves when their leases end.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from chassis.errors import Unavailable
from chassis.lease import LEASES, Lease, renew
from chassis.store.backend import Backend, Delete
from chassis.store.changes import SHARDS

_ALONE_SWEEP, _SHARED_SWEEP = 5.0, 1.0


class Shards:
    """The shards of one process among its replicas. `gained` and `lost` are told of changes."""

    def __init__(
        self,
        backend: Backend,
        holder: str,
        gained: Callable[[frozenset[int]], None],
        lost: Callable[[frozenset[int]], None],
        *,
        work: str = "relay",
    ) -> None:
        self._backend, self._holder = backend, holder
        self._ttl = Lease.usual
        self._gained, self._lost = gained, lost
        self._member = f"{work}-member|"
        self._leases = {shard: Lease(backend, f"{work}|{shard:02d}", holder) for shard in range(SHARDS)}
        self._told: frozenset[int] = frozenset()
        self._sure_until = 0.0
        self.accompanied = asyncio.Event()

    @property
    def mine(self) -> frozenset[int]:
        """The shards that are this process's now."""
        if self._told and time.monotonic() >= self._sure_until:
            self._tell()
        return self._told

    @property
    def sweep_seconds(self) -> float:
        """How often `pending` is read although nothing asks for it."""
        return _SHARED_SWEEP if self.accompanied.is_set() else _ALONE_SWEEP

    async def run(self) -> None:
        """Keeps the share of this process until it is canceled."""
        while True:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(self._ttl * 2 / 3):
                    await self._balance()
            self._tell()
            # Early enough for a second attempt before the time is over.
            await asyncio.sleep(self._ttl / 3 if len(self._told) == SHARDS else self._ttl / 6)

    async def _balance(self) -> None:
        members = await self._members()
        if members > 1:
            self.accompanied.set()
        else:
            self.accompanied.clear()
        share = -(-SHARDS // members)
        held = [shard for shard, lease in self._leases.items() if lease.held]
        for shard in held[share:]:
            await self._leases[shard].release()
        await renew([self._leases[shard] for shard in held[:share]])
        # Where to look first differs, so that replicas that start together do not all ask for the same shards.
        start = hash(self._holder) % SHARDS
        missing = share - len(held)
        for offset in range(SHARDS):
            if missing <= 0:
                break
            lease = self._leases[(start + offset) % SHARDS]
            if not lease.held and await lease.acquire():
                missing -= 1

    async def _members(self) -> int:
        """How many replicas there are, this one included, after saying that it lives."""
        query = {"_id": f"{self._member}{self._holder}"}
        await self._backend.find_one_and_update(
            LEASES, query, {"$set": {"tenant": "-"}, "$currentDate": {"seen": True}}, upsert=True
        )
        alive = {"$expr": {"$gt": ["$seen", {"$subtract": ["$$NOW", round(self._ttl * 1000)]}]}}
        return await self._backend.count(LEASES, {"_id": {"$gte": self._member, "$lt": f"{self._member}~"}, **alive}, limit=100)

    def _tell(self) -> None:
        now = frozenset(shard for shard, lease in self._leases.items() if lease.held)
        before, self._told = self._told, now
        self._sure_until = time.monotonic() + min((self._leases[shard].left for shard in now), default=0.0)
        if before - now:
            self._lost(before - now)
        if now - before:
            self._gained(now - before)

    async def release(self) -> None:
        """Gives every shard back at once."""
        await asyncio.gather(*(lease.release() for lease in self._leases.values()))
        await self._backend.write([Delete(LEASES, {"_id": f"{self._member}{self._holder}"})])
        self._tell()
