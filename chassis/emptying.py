"""Takes everything away that a tenant for demonstration has in this service, and keeps what was told before from coming back.

Each collection names the tenant in each document, so that nothing has to know what there is. Events that were made before
and arrive later, also from other services or in a replay, are passed over by their ids, which begin with when they were made.

Each process looks for what others emptied: what it remembers of a tenant goes a few seconds later, and when it starts, where
it keeps something on a disk.

Fails: `ForbiddenMove` for every other tenant, whoever asks.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection

from chassis import context as ctx
from chassis.demonstration import is_one
from chassis.errors import Error, ForbiddenMove
from chassis.store import Store, Update
from chassis.store.backend import Backend
from chassis.store.numbers import NUMBERS
from chassis.telling import TELLING

_log = logging.getLogger(__name__)

EMPTIED = "emptied"
LOOK_SECONDS = 3.0
Forget = Callable[[str], Awaitable[None]]


class Emptying:
    """`kept` are collections that stay: who may sign in does not go with what was done.

    Human numbers go on: a process has blocks of them, and none is given twice.
    """

    def __init__(self, store: Store, kept: Collection[str] = ()) -> None:
        self._store, self._kept = store, {EMPTIED, TELLING, NUMBERS, *kept}
        self._forget: list[Forget] = []
        self._known: dict[str, int] = {}

    def also(self, forget: Forget) -> None:
        """Has `forget(tenant)` called afterwards, in every process: for what it remembers beside its database.

        It may be called late and again: what came into the tenant since must stay, or come back by itself.
        """
        self._forget.append(forget)

    async def run(self) -> int:
        """Empties the tenant of the caller; says how many documents there were. Again changes nothing."""
        tenant, backend = ctx.current().tenant, self._store.backend
        if not is_one(tenant):
            raise ForbiddenMove("IN_USE", "empty", "only a tenant for demonstration can be emptied")
        now = {"$set": {"time": int(time.time() * 1000)}}
        await backend.write([Update(EMPTIED, {"_id": tenant, "tenant": tenant}, now, strict=False, upsert=True)])
        removed = 0
        for collection in await backend.collection_names():
            if collection not in self._kept:
                removed += await backend.delete_many(collection, {"tenant": tenant})
        await self._let_go(tenant)
        return removed

    async def follow(self) -> None:
        """Looks for what other processes emptied, until it is canceled."""
        while True:
            try:
                await self.look()
            except Error as error:  # the next look finds it still
                _log.warning("What was emptied elsewhere is still remembered.", extra={"reason": error.reason})
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Lets go of what was emptied since the last look; at the first, of all that ever was. Raises what forgetting does."""
        for row in await self._store.backend.find(EMPTIED, {"tenant": {"$gt": ""}}):
            if self._known.get(row["_id"]) != row["time"]:
                await self._let_go(row["_id"])
                self._known[row["_id"]] = row["time"]

    async def _let_go(self, tenant: str) -> None:
        recent = self._store.recent
        for key in [key for key in recent if key[0] == tenant]:
            del recent[key]
        for forget in self._forget:
            await forget(tenant)


async def went(backend: Backend, tenant: str, event_id: str) -> bool:
    """Whether an event was made before its tenant was emptied."""
    if not is_one(tenant):
        return False
    found = await backend.find_one(EMPTIED, {"_id": tenant, "tenant": tenant})
    return found is not None and _made(event_id) <= found["time"]


def _made(event_id: str) -> int:
    """Milliseconds since 1970 at which an id of `uuid7` was made."""
    return int(event_id.replace("-", "")[:12], 16)
