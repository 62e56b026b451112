"""Where a group stands: one row for each partition, moved by compare-and-set in the transaction of the effects.

Kafka's own offsets are not used. Whoever lost a partition without noticing loses the compare-and-set, and with it the
whole batch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiokafka import TopicPartition

from chassis.store.backend import Backend, Delete, Index, Insert, Taken, Update

OFFSETS = "offsets"
ATTEMPTS = "attempts"
_ATTEMPTS_KEPT = timedelta(days=1)

INDEXES = (Index(ATTEMPTS, [("expire_time", 1)], expire_after=timedelta(0)),)
_TENANT = "-"  # belongs to the installation, not to one of its tenants


@dataclass(slots=True)
class Position:
    """The next offset of a partition, and from which offset on each kind of record was watched.

    Before `careful_until` a record may be the one that killed the process which had the partition before.
    """

    next: int
    since: Mapping[str, int]
    careful_until: int = 0


class Positions:
    """The rows of one group for the partitions that this process has."""

    def __init__(self, backend: Backend, group: str, clock: Callable[[], datetime]) -> None:
        self._backend, self._group, self._clock = backend, group, clock
        self.held: dict[TopicPartition, Position] = {}

    async def load(
        self,
        partitions: Iterable[TopicPartition],
        beginnings: Callable[[list[TopicPartition]], Any],
        follows: Callable[[TopicPartition], Iterable[str]],
        most: int,
    ) -> None:
        """Reads the rows of partitions that were assigned; a group that has none begins where the partition begins.

        Where nobody said a last word (`release`), the next `most` records are suspects.
        """
        wanted = list(partitions)
        if not wanted:
            return
        found = await self._backend.find(OFFSETS, {"_id": {"$in": [self._id(partition) for partition in wanted]}})
        rows = {row["_id"]: row for row in found}
        missing = [partition for partition in wanted if self._id(partition) not in rows]
        if missing:
            for partition, beginning in (await beginnings(missing)).items():
                rows[self._id(partition)] = await self._bootstrap(partition, beginning)
        for partition in wanted:
            row = rows[self._id(partition)]
            # A kind that nobody watched before is complete only if nothing was passed over.
            since = {kind: row["since"].get(kind, row["next"]) for kind in follows(partition)}
            self.held[partition] = Position(row["next"], since, row["next"] + most if row.get("working") else 0)
        await self._mark(wanted, working=True)

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Says that these were left in good health, and forgets them."""
        left = [partition for partition in partitions if self.held.pop(partition, None) is not None]
        await self._mark(left, working=False)

    async def _mark(self, partitions: list[TopicPartition], *, working: bool) -> None:
        if partitions:
            query = {"_id": {"$in": [self._id(partition) for partition in partitions]}}
            await self._backend.update_many(OFFSETS, query, {"$set": {"working": working}})

    async def attempt(self, partition: TopicPartition, offset: int) -> int:
        """Counts, before it is made, an attempt that the process may not survive."""
        query = {"_id": f"{self._id(partition)}|{offset}", "tenant": _TENANT}
        change = {"$inc": {"attempts": 1}, "$set": {"expire_time": self._clock() + _ATTEMPTS_KEPT}}
        counted = await self._backend.find_one_and_update(ATTEMPTS, query, change, upsert=True)
        return int((counted or {})["attempts"])

    async def _bootstrap(self, partition: TopicPartition, beginning: int) -> dict[str, Any]:
        row = {"_id": self._id(partition), "tenant": _TENANT, "group": self._group, "next": beginning, "since": {}}
        try:
            await self._backend.write([Insert(OFFSETS, row)])
        except Taken:
            found = await self._backend.find_one(OFFSETS, {"_id": row["_id"]})
            return found or row
        return row

    async def moved(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Partitions whose row says something else than this process believes, with what it says."""
        wanted = [partition for partition in partitions if partition in self.held]
        found = await self._backend.find(OFFSETS, {"_id": {"$in": [self._id(partition) for partition in wanted]}})
        rows = {row["_id"]: int(row["next"]) for row in found}
        return {
            partition: rows[self._id(partition)]
            for partition in wanted
            if rows.get(self._id(partition), -1) not in (-1, self.held[partition].next)
        }

    async def survived(self, partition: TopicPartition, offset: int) -> None:
        """The attempt failed, but the process lives: whatever it was, the record does not kill."""
        query = {"_id": f"{self._id(partition)}|{offset}", "tenant": _TENANT}
        await self._backend.write([Delete(ATTEMPTS, query)])

    def move(self, partition: TopicPartition, to: int) -> Update:
        """The write that moves a partition on, refused when its row is not where this process believes."""
        position = self.held[partition]
        query = {"_id": self._id(partition), "tenant": _TENANT, "next": position.next}
        return Update(OFFSETS, query, {"$set": {"next": to, "since": dict(position.since), "time": self._clock()}})

    def _id(self, partition: TopicPartition) -> str:
        return f"{self._group}|{partition.topic}|{partition.partition}"
