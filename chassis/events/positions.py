"""Where a group stands: one row for each partition, moved by compare-and-set in the transaction of the effects.

Kafka's own offsets are not used. Whoever lost a partition without noticing loses the compare-and-set, and with it the
whole batch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import TopicPartition

from chassis.store.backend import Backend, Insert, Taken, Update

OFFSETS = "offsets"
_TENANT = "-"  # belongs to the installation, not to one of its tenants


@dataclass(slots=True)
class Position:
    """The next offset of a partition, and from which offset on each kind of record was watched."""

    next: int
    since: Mapping[str, int]


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
    ) -> None:
        """Reads the rows of partitions that were assigned; a group that has none begins where the partition begins."""
        wanted = list(partitions)
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
            self.held[partition] = Position(row["next"], since)

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

    def move(self, partition: TopicPartition, to: int) -> Update:
        """The write that moves a partition on, refused when its row is not where this process believes."""
        position = self.held[partition]
        query = {"_id": self._id(partition), "tenant": _TENANT, "next": position.next}
        return Update(OFFSETS, query, {"$set": {"next": to, "since": dict(position.since), "time": self._clock()}})

    def _id(self, partition: TopicPartition) -> str:
        return f"{self._group}|{partition.topic}|{partition.partition}"
