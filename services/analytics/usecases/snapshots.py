"""The daily snapshot of the backlog: taken each day, made up for days that were missed, corrected when facts come late.

What is kept is, at any time, what the facts that are not marked as late say about the days up to `through`. A late fact
changes it by the difference that the fact makes to its own incident, in the transaction that takes the mark away: nothing
else is counted again, and a death leaves it as it was or as it should be. Everything that is written here counts a revision
on, so that of two processes at once one begins its turn anew.

Work is done in turns of a bounded size, each followed by a rest: the consumer of events lives in the same process.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chassis.domain import Clock
from chassis.errors import Error
from chassis.races import again
from chassis.store import Backend, Delete, Insert, Store, Transaction, Update, Write
from services.analytics.domain.facts import FACTS, Fact, midnight, next_midnight
from services.analytics.projections.backlog import BACKLOG, DAY, EARLIEST, Cell, change, documents, settled
from services.analytics.projections.incidents import INCIDENTS

_log = logging.getLogger(__name__)

PROGRESS = "snapshots"
"""One document a tenant: up to which midnight its snapshots are taken, and how often they were written."""

SETTLING = timedelta(minutes=2)
"""How long after midnight facts of the day before may still be on their way without being marked as late."""

_CHUNK = 500
_DAYS = 31  # of one turn
_CELLS = 2_000  # of one turn of late facts, beside those of its last incident
_REST = 1.0  # after a turn, of the time that it took
_BREATH_SECONDS = 0.005
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class _Progress:
    """`through` is empty until a first snapshot is taken, `revision` 0 until something was written."""

    through: datetime | None
    revision: int


class Snapshots:
    """Takes snapshots of all tenants."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._breathed = 0.0

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
        """Catches up with every tenant, every `interval` seconds, until canceled: a turn of each, as long as there is work."""
        while True:
            try:
                waiting = await self.tenants()
                while waiting:
                    waiting = [tenant for tenant in waiting if await self._turn(tenant)]
            except Error as error:
                _log.warning("Snapshots are late.", extra={"reason": error.reason})
            await asyncio.sleep(interval)

    async def catch_up(self, tenant: str) -> int:
        """Takes what is missing and counts what came late; says how many days and how many late facts there were."""
        done = 0
        while taken := await self._turn(tenant):
            done += taken
        return done

    async def compute_all(self, tenant: str) -> None:
        """Takes every snapshot anew."""
        await self.catch_up(tenant)
        last, day = midnight(self._clock() - SETTLING), await self._beginning(tenant)
        while day is not None and day <= last:
            until = min(day + (_DAYS - 1) * DAY, last)
            await again(lambda first=day, end=until: self._days(tenant, first, end), attempts=_ATTEMPTS)  # type: ignore[misc]
            day = until + DAY

    async def _turn(self, tenant: str) -> int:
        """A bounded part of what there is to do, and a rest; says how many days and late facts it was."""
        began = self._breathed = time.monotonic()
        taken = await again(lambda: self._late(tenant))
        if taken < _CHUNK:
            taken += await again(lambda: self._missing(tenant))
        if taken:
            await asyncio.sleep(_REST * (time.monotonic() - began))
        return taken

    async def _missing(self, tenant: str) -> int:
        progress, last = await self._progress(tenant), midnight(self._clock() - SETTLING)
        if progress.through is None:
            await self._begin(tenant, progress, last)
            return 1
        first = progress.through + DAY
        if first > last:
            return 0
        until = min(first + (_DAYS - 1) * DAY, last)
        await self._days(tenant, first, until)
        return (until - first).days + 1

    async def _begin(self, tenant: str, progress: _Progress, last: datetime) -> None:
        """Where nothing was taken yet, or a version that counted otherwise took it, all that was told so far comes late."""
        await self._backend.update_many(FACTS, {"tenant": tenant}, {"$set": {"late": True}})
        await self._backend.delete_many(BACKLOG, {"tenant": tenant})
        async with self._store.transaction() as tx:
            await self._go_on(tx, tenant, replace(progress, through=last))

    async def _late(self, tenant: str) -> int:
        progress = await self._progress(tenant)
        if progress.through is None:
            return 0
        late = await self._backend.find(
            FACTS, {"tenant": tenant, "late": True}, sort=[("time", 1)], limit=_CHUNK, projection={"subject": 1}
        )
        by_subject = await self._facts(tenant, dict.fromkeys(fact["subject"] for fact in late))
        changed, counted = Counter[Cell](), list[str]()
        for facts in by_subject.values():
            changed.update(change(facts, progress.through))  # `update` of a counter adds, negative numbers too
            counted += [fact["_id"] for fact in facts if fact.get("late")]
            if len(changed) >= _CELLS:
                break
            await self._breathe()
        if not counted:
            return 0
        async with self._store.transaction() as tx:
            await self._go_on(tx, tenant, progress)
            for write in _additions(tenant, changed):
                tx.write(write)
            for fact in counted:
                tx.write(Update(FACTS, {"_id": fact, "tenant": tenant}, {"$unset": {"late": ""}}, strict=False))
        _log.info("Late facts counted.", extra={"facts": len(counted), "cells": len(changed)})
        return len(counted)

    async def _progress(self, tenant: str) -> _Progress:
        known = await self._backend.find_one(PROGRESS, {"_id": tenant, "tenant": tenant})
        return _Progress(known["through"], known["revision"]) if known and "revision" in known else _Progress(None, 0)

    async def _go_on(self, tx: Transaction, tenant: str, progress: _Progress) -> _Progress:
        """Counts the revision on in this transaction, which fails as `Busy` where another one did."""
        following = replace(progress, revision=progress.revision + 1)
        query, said = {"_id": tenant, "tenant": tenant}, {"through": following.through, "revision": following.revision}
        if progress.revision:
            tx.write(Update(PROGRESS, {**query, "revision": progress.revision}, {"$set": said}))
        elif await self._backend.find_one(PROGRESS, query) is None:
            tx.write(Insert(PROGRESS, {**query, **said}))
        else:
            tx.write(Update(PROGRESS, {**query, "revision": {"$exists": False}}, {"$set": said}))
        return following

    async def _beginning(self, tenant: str) -> datetime | None:
        oldest = await self._backend.find(INCIDENTS, {"tenant": tenant}, sort=[("create_time", 1)], limit=1)
        return max(next_midnight(oldest[0]["create_time"]), EARLIEST) if oldest else None

    async def _days(self, tenant: str, first: datetime, last: datetime) -> None:
        """Has these days say what the facts say. `first` is no later than the day after the last that was taken."""
        progress = await self._progress(tenant)
        wanted = documents(tenant, await self._count(tenant, first, last))
        kept = {
            row["_id"]: row
            for row in await self._backend.find(BACKLOG, {"tenant": tenant, "time": {"$gte": first, "$lte": last}})
        }
        for chunk in _chunks(list(_corrections(tenant, kept, wanted))):
            async with self._store.transaction() as tx:
                progress = await self._go_on(tx, tenant, progress)
                for write in chunk:
                    tx.write(write)
            await self._breathe()
        if progress.through is None or progress.through < last:
            async with self._store.transaction() as tx:
                await self._go_on(tx, tenant, replace(progress, through=last))
        _log.info("Backlog snapshots taken.", extra={"days": (last - first).days + 1, "cells": len(wanted)})

    async def _count(self, tenant: str, first: datetime, last: datetime) -> Counter[Cell]:
        # Whatever was over for good before the first midnight counts at none of them.
        reaching = {"$or": [{"open": True}, {"last_resolved": {"$gte": first}}, {"close_time": {"$gte": first}}]}
        candidates = await self._backend.find(
            INCIDENTS, {"tenant": tenant, "create_time": {"$lte": last}, **reaching}, projection={"_id": 1}
        )
        subjects = dict.fromkeys(f"incidents/{row['_id']}" for row in candidates)
        # What is over by a late fact alone is counted until that fact is.
        late = await self._backend.find(FACTS, {"tenant": tenant, "late": True}, projection={"subject": 1})
        subjects |= dict.fromkeys(fact["subject"] for fact in late)
        counted: Counter[Cell] = Counter()
        for chunk in _chunks(list(subjects)):
            for facts in (await self._facts(tenant, chunk)).values():
                counted.update(settled(facts, first, last))
                await self._breathe()
        return counted

    async def _facts(self, tenant: str, subjects: Iterable[str]) -> Mapping[str, list[Fact]]:
        """All facts of these records, by record."""
        by_subject: dict[str, list[Fact]] = defaultdict(list)
        for fact in await self._backend.find(FACTS, {"tenant": tenant, "subject": {"$in": list(subjects)}}):
            by_subject[fact["subject"]].append(fact)
        return by_subject

    async def _breathe(self) -> None:
        """Gives way to what else the process does."""
        if time.monotonic() - self._breathed > _BREATH_SECONDS:
            await asyncio.sleep(0)
            self._breathed = time.monotonic()


def _corrections(tenant: str, kept: Mapping[str, Any], wanted: Mapping[str, dict[str, Any]]) -> list[Write]:
    writes: list[Write] = [Delete(BACKLOG, {"_id": id, "tenant": tenant}) for id in kept.keys() - wanted.keys()]  # noqa: A001 - as its field
    for id, document in wanted.items():  # noqa: A001 - as above
        if id not in kept:
            writes.append(Insert(BACKLOG, document))
        elif kept[id]["count"] != document["count"]:
            writes.append(Update(BACKLOG, {"_id": id, "tenant": tenant}, {"$set": {"count": document["count"]}}))
    return writes


def _additions(tenant: str, changed: Counter[Cell]) -> list[Write]:
    writes: list[Write] = []
    for document in documents(tenant, changed).values():
        count = document.pop("count")
        query = {"_id": document.pop("_id"), "tenant": document.pop("tenant")}
        update = {"$inc": {"count": count}, "$setOnInsert": document}
        writes.append(Update(BACKLOG, query, update, strict=False, upsert=True))
        if count < 0:
            writes.append(Delete(BACKLOG, {**query, "count": 0}))
    return writes


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
