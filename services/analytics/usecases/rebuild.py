"""Everything anew from the log of facts, incident by incident, while live events go on.

Interrupted at any point it leaves each incident either as it was or as it should be; asking again goes on from the start.
"""

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock, uuid7
from chassis.errors import Error
from chassis.races import again
from chassis.store import Delete, Insert, Store, Update, Write
from services.analytics.domain.facts import FACTS, Fact
from services.analytics.projections.incidents import INCIDENTS, Document, fold
from services.analytics.usecases.snapshots import Snapshots

_log = logging.getLogger(__name__)

REBUILDS = "rebuilds"
"""One document a tenant: the last rebuild that was asked for, and how it went."""

_CHUNK = 200
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a rebuild stands: `corrected` of the `incidents` differed from what was kept."""

    done: bool
    asked: datetime
    incidents: int = 0
    corrected: int = 0


class Rebuild:
    """Computes the projections of one tenant anew."""

    def __init__(self, store: Store, snapshots: Snapshots, clock: Clock) -> None:
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self._asked = asyncio.Event()

    async def ask(self, *, wait: float = 20) -> Progress:
        """Asks for a rebuild of the caller's tenant and waits for it, up to `wait` seconds. One that runs is joined."""
        tenant = ctx.current().tenant
        known = await self._store.backend.find_one(REBUILDS, {"_id": tenant, "tenant": tenant})
        if known is None or known["done"]:
            asked = {"request": uuid7(), "asked": self._clock(), "done": False, "incidents": 0, "corrected": 0}
            async with self._store.transaction() as tx:
                tx.write(Update(REBUILDS, {"_id": tenant, "tenant": tenant}, {"$set": asked}, strict=False, upsert=True))
        self._asked.set()
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            known = await self._store.backend.find_one(REBUILDS, {"_id": tenant, "tenant": tenant}) or {}
            if known["done"] or asyncio.get_running_loop().time() > deadline:
                return Progress(
                    done=known["done"], asked=known["asked"], incidents=known["incidents"], corrected=known["corrected"]
                )
            await asyncio.sleep(0.1)

    async def follow(self, interval: float) -> None:
        """Does what was asked for, until canceled. Another process' request is seen after `interval` seconds."""
        while True:
            self._asked.clear()
            try:
                for request in await self._store.backend.find(REBUILDS, {"tenant": {"$gt": ""}, "done": False}):
                    await self._answer(request)
            except Error as error:
                _log.warning("Rebuild interrupted.", extra={"reason": error.reason})
            try:
                await asyncio.wait_for(self._asked.wait(), interval)
            except TimeoutError:
                continue

    async def _answer(self, request: Document) -> None:
        tenant = request["tenant"]
        incidents, corrected = await self.run(tenant)
        done = {"done": True, "incidents": incidents, "corrected": corrected}
        query = {"_id": tenant, "tenant": tenant, "request": request["request"]}
        async with self._store.transaction() as tx:
            tx.write(Update(REBUILDS, query, {"$set": done}, strict=False))
        _log.info("Projections rebuilt.", extra={"incidents": incidents, "corrected": corrected})

    async def run(self, tenant: str) -> tuple[int, int]:
        """Computes every incident and every snapshot anew; says how many incidents there are and how many were wrong."""
        incidents = corrected = 0
        last = ""
        while chunk := await self._subjects(tenant, last):
            corrected += await self._chunk(tenant, chunk)
            incidents += len(chunk)
            last = chunk[-1]
        corrected += await self._strays(tenant)
        await self._snapshots.compute_all(tenant)
        return incidents, corrected

    async def _subjects(self, tenant: str, after: str) -> list[str]:
        """The next records in the log, by their first fact."""
        query = {"tenant": tenant, "subject": {"$gt": after}}
        found = await self._store.backend.find(
            FACTS, query, sort=[("tenant", 1), ("subject", 1)], limit=_CHUNK * 10, projection={"subject": 1}
        )
        return sorted({fact["subject"] for fact in found})[:_CHUNK]

    async def _chunk(self, tenant: str, subjects: list[str]) -> int:
        """Corrects some incidents; run again when live events changed one of them meanwhile."""

        async def attempt() -> int:
            writes = await self._corrections(tenant, subjects)
            async with self._store.transaction() as tx:
                for write in writes:
                    tx.write(write)
            return len(writes)

        return await again(attempt, attempts=_ATTEMPTS)

    async def _corrections(self, tenant: str, subjects: list[str]) -> list[Write]:
        ids = [subject.partition("/")[2] for subject in subjects]
        # Kept first: what a live event adds between the two reads is in the facts, and its version fails the write below.
        kept = {row["_id"]: row for row in await self._store.backend.find(INCIDENTS, {"tenant": tenant, "_id": {"$in": ids}})}
        by_id: dict[str, list[Fact]] = defaultdict(list)
        for fact in await self._store.backend.find(FACTS, {"tenant": tenant, "subject": {"$in": subjects}}):
            by_id[fact["subject"].partition("/")[2]].append(fact)
        writes: list[Write] = []
        for name, facts in by_id.items():
            right, present = fold(facts), kept.get(name)
            if present is None:
                writes.append(Insert(INCIDENTS, right))
            elif present != right:
                writes.append(_replacement(present, right))
        return writes

    async def _strays(self, tenant: str) -> int:
        """Takes away documents of incidents that no fact tells of."""
        removed, last = 0, ""
        while rows := await self._store.backend.find(
            INCIDENTS, {"tenant": tenant, "_id": {"$gt": last}}, sort=[("_id", 1)], limit=_CHUNK, projection={"_id": 1}
        ):
            last = rows[-1]["_id"]
            subjects = [f"incidents/{row['_id']}" for row in rows]
            told = await self._store.backend.find(
                FACTS, {"tenant": tenant, "subject": {"$in": subjects}}, projection={"subject": 1}
            )
            for subject in set(subjects) - {fact["subject"] for fact in told}:
                async with self._store.transaction() as tx:
                    tx.write(Delete(INCIDENTS, {"_id": subject.partition("/")[2], "tenant": tenant}))
                removed += 1
        return removed


def _replacement(present: Document, right: Document) -> Update:
    changed: dict[str, Any] = {name: value for name, value in right.items() if present.get(name, ...) != value}
    gone = present.keys() - right.keys()
    query = {name: present.get(name) for name in ("_id", "tenant", "version", "epoch")}
    update: dict[str, Any] = {"$set": changed} if changed else {}
    return Update(INCIDENTS, query, update | ({"$unset": dict.fromkeys(gone, "")} if gone else {}))
