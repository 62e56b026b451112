"""Files of exports, kept in pieces: how many of them one person and one tenant may have, and when they go.

Room is counted in whole pieces, so that a file takes one MiB at least.
"""

from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.errors import Exhausted
from chassis.store import Insert, Store

PIECES = "job_pieces"
PIECE = 1 << 20
OF_A_PERSON, OF_A_TENANT = 1024, 8192
"""How many pieces are kept at most."""
_AGAIN = timedelta(hours=1)
_NAMED = 3
_JOBS = "jobs"


class Files:
    """Pieces of files of the current tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def require_room(self, creator: str) -> None:
        """Raises `Exhausted`, naming what to remove, where a person or the tenant has as much as may be kept."""
        backend, tenant, now = self._store.backend, ctx.current().tenant, self._store.clock()
        kept = {"tenant": tenant, "creator_id": creator, "expire_time": {"$gt": now}}
        if await backend.count(PIECES, kept, limit=OF_A_PERSON) >= OF_A_PERSON:
            whose, most = "your files", OF_A_PERSON
        else:
            del kept["creator_id"]
            if await backend.count(PIECES, kept, limit=OF_A_TENANT) < OF_A_TENANT:
                return
            whose, most = "the files of this tenant", OF_A_TENANT
        rows = await backend.find(
            _JOBS,
            {"tenant": tenant, "creator_id": creator, "state": "SUCCEEDED", "result.expire_time": {"$gt": now}},
            sort=[("result.size", -1)],
            limit=_NAMED,
        )
        named = ", ".join(f"{row['_id']} ({-(-row['result']['size'] // PIECE)} MiB)" for row in rows if row.get("result"))
        todo = f"remove jobs that you need no more, such as {named}" if named else "others have to remove theirs"
        raise Exhausted(f"{whose} take {most} MiB, which is all that is kept: {todo}, or wait until they are forgotten", _AGAIN)

    async def keep(self, job: str, run: str, place: int, content: bytes, *, creator: str, until: datetime) -> None:
        """One more piece of a file."""
        piece = {
            "_id": f"{job}|{run}|{place}",
            "tenant": ctx.current().tenant,
            "creator_id": creator,
            "content": content,
            "expire_time": until,
        }
        await self._store.backend.write([Insert(PIECES, piece)])

    async def piece(self, job: str, run: str, place: int) -> bytes:
        """One piece; empty after the last."""
        query = {"_id": f"{job}|{run}|{place}", "tenant": ctx.current().tenant}
        found = await self._store.backend.find_one(PIECES, query)
        return bytes(found["content"]) if found else b""

    async def end(self, job: str, until: datetime) -> None:
        """All that was ever written for a job goes at that instant, and no later than it would have gone."""
        first, after = f"{job}|", f"{job}}}"
        query = {"_id": {"$gte": first, "$lt": after}, "tenant": ctx.current().tenant, "expire_time": {"$gt": until}}
        await self._store.backend.update_many(PIECES, query, {"$set": {"expire_time": until}})
