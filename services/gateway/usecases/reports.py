"""Reports of jobs, a row for each record: how many rows one person and one tenant may have before some have to go.

What takes a job back is not counted against anybody before it begins, so that nobody is kept from it: there is one of a job.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Exhausted
from chassis.store import Store

ITEMS = "job_items"
OF_A_PERSON, OF_A_TENANT = 500_000, 2_000_000
"""How many rows are kept at most."""
_AGAIN = timedelta(hours=1)
_NAMED = 3
_JOBS = "jobs"


class Reports:
    """Rows of the current tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def require_room(self, creator: str, rows: int) -> None:
        """Raises `Exhausted`, naming what to remove, where so many more would be too many for a person or the tenant."""
        tenant, now = ctx.current().tenant, self._store.clock()
        kept = {"tenant": tenant, "creator_id": creator, "expire_time": {"$gt": now}}
        if await self._full(kept, OF_A_PERSON - rows):
            whose, most = "your jobs", OF_A_PERSON
        else:
            del kept["creator_id"]
            if not await self._full(kept, OF_A_TENANT - rows):
                return
            whose, most = "the jobs of this tenant", OF_A_TENANT
        mine = {"tenant": tenant, "creator_id": creator, "kind": "BULK", "delete_time": None, "expire_time": {"$gt": now}}
        found = await self._store.backend.find(_JOBS, mine, sort=[("progress.total", -1)], limit=_NAMED)
        named = ", ".join(f"{row['_id']} ({row['progress']['total']} rows)" for row in found)
        todo = f"remove jobs whose report you need no more, such as {named}" if named else "others have to remove theirs"
        text = f"the reports of {whose} may have {most} rows, and {rows} more are too many"
        raise Exhausted(f"{text}: {todo}, or wait until they are forgotten", _AGAIN)

    async def _full(self, kept: Mapping[str, Any], most: int) -> bool:
        return await self._store.backend.count(ITEMS, kept, limit=most + 1) > most
