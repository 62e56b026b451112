"""The daily snapshot of the backlog: taken each day, made up for days that were missed, corrected when facts come late.

A snapshot is a pure function of the facts, so taking it twice, or from two processes at once, ends with the same documents.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.domain import Clock
from chassis.errors import Error
from chassis.store import Backend, Delete, Insert, Store, Update, Write
from services.analytics.domain.facts import FACTS, Fact, midnight, next_midnight
from services.analytics.projections.backlog import BACKLOG, Cell, cells, documents
from services.analytics.projections.incidents import INCIDENTS

_log = logging.getLogger(__name__)

PROGRESS = "snapshots"
"""One document a tenant: up to which midnight its snapshots are taken."""

SETTLING = timedelta(minutes=2)
"""How long after midnight facts of the day before may still be on their way without being marked as late."""

_CHUNK = 500
_LATE_AT_ONCE = 5_000


class Snapshots:
    """Takes snapshots of all tenants."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @property
    def _backend(self) -> Backend:
        return self._store.backend

    async def tenants(self) -> list[str]:
        """Every tenant that facts have come from."""
        found = await self._backend.aggregate(
            INCIDENTS, [{"$match": {"tenant": {"$gt": ""}}}, {"$sort": {"tenant": 1}}, {"$group": {"_id": "$tenant"}}]
        )
        return sorted(row["_id"] for row in found)

    async def follow(self, interval: float) -> None:
        """Catches up with every tenant, every `interval` seconds, until canceled."""
        while True:
            try:
                for tenant in await self.tenants():
                    await self.catch_up(tenant)
            except Error as error:
                _log.warning("Snapshots are late.", extra={"reason": error.reason})
            await asyncio.sleep(interval)

    async def catch_up(self, tenant: str) -> int:
        """Takes what is missing and corrects what late facts changed; says how many days were computed."""
        late = await self._backend.find(
            FACTS,
            {"tenant": tenant, "late": True},
            sort=[("time", 1)],
            limit=_LATE_AT_ONCE,
            projection={"time": 1, "create_time": 1},
        )
        last = midnight(self._clock() - SETTLING)
        first = await self._first(tenant, late)
        if first is not None and first <= last:
            await self._compute(tenant, first, last)
        for chunk in _chunks([fact["_id"] for fact in late]):
            await self._backend.update_many(FACTS, {"tenant": tenant, "_id": {"$in": chunk}}, {"$unset": {"late": ""}})
        return (last - first).days + 1 if first is not None and first <= last else 0

    async def compute_all(self, tenant: str) -> None:
        """Takes every snapshot anew."""
        last, first = midnight(self._clock() - SETTLING), await self._beginning(tenant)
        if first is not None and first <= last:
            await self._compute(tenant, first, last)

    async def _first(self, tenant: str, late: Sequence[Fact]) -> datetime | None:
        progress = await self._backend.find_one(PROGRESS, {"_id": tenant, "tenant": tenant})
        if progress is None:
            return await self._beginning(tenant)
        first: datetime = progress["through"] + timedelta(days=1)
        # An incident counts from its creation on, which may be long before the first fact about it.
        return min([first, *(next_midnight(min(fact["time"], fact["create_time"])) for fact in late)])

    async def _beginning(self, tenant: str) -> datetime | None:
        oldest = await self._backend.find(INCIDENTS, {"tenant": tenant}, sort=[("create_time", 1)], limit=1)
        return next_midnight(oldest[0]["create_time"]) if oldest else None

    async def _compute(self, tenant: str, first: datetime, last: datetime) -> None:
        wanted = documents(tenant, await self._count(tenant, first, last))
        kept = {
            row["_id"]: row
            for row in await self._backend.find(BACKLOG, {"tenant": tenant, "time": {"$gte": first, "$lte": last}})
        }
        for chunk in _chunks(list(_corrections(tenant, kept, wanted))):
            async with self._store.transaction() as tx:
                for write in chunk:
                    tx.write(write)
        async with self._store.transaction() as tx:
            tx.write(
                Update(PROGRESS, {"_id": tenant, "tenant": tenant}, {"$max": {"through": last}}, strict=False, upsert=True)
            )
        _log.info("Backlog snapshots taken.", extra={"days": (last - first).days + 1, "cells": len(wanted)})

    async def _count(self, tenant: str, first: datetime, last: datetime) -> Counter[Cell]:
        # Whatever was over for good before the first midnight counts at none of them.
        reaching = {"$or": [{"open": True}, {"last_resolved": {"$gte": first}}, {"close_time": {"$gte": first}}]}
        candidates = await self._backend.find(
            INCIDENTS, {"tenant": tenant, "create_time": {"$lte": last}, **reaching}, projection={"_id": 1}
        )
        counted: Counter[Cell] = Counter()
        for chunk in _chunks([f"incidents/{row['_id']}" for row in candidates]):
            by_subject: dict[str, list[Fact]] = defaultdict(list)
            for fact in await self._backend.find(FACTS, {"tenant": tenant, "subject": {"$in": chunk}}):
                by_subject[fact["subject"]].append(fact)
            for facts in by_subject.values():
                counted.update(cells(facts, first, last))
        return counted


def _corrections(tenant: str, kept: Mapping[str, Any], wanted: Mapping[str, dict[str, Any]]) -> list[Write]:
    writes: list[Write] = [Delete(BACKLOG, {"_id": id, "tenant": tenant}) for id in kept.keys() - wanted.keys()]  # noqa: A001 - as its field
    for id, document in wanted.items():  # noqa: A001 - as above
        if id not in kept:
            writes.append(Insert(BACKLOG, document))
        elif kept[id]["count"] != document["count"]:
            writes.append(Update(BACKLOG, {"_id": id, "tenant": tenant}, {"$set": {"count": document["count"]}}))
    return writes


def _chunks(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
