"""What a group has seen of each record: drops what comes again, notices what comes early.

One small document for each record and group, moved by compare-and-set in the transaction of the effects. A cache spares
the reads; a stale one costs a failed transaction, after which it is cleared.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from chassis.events.wire import Envelope
from chassis.store.backend import Backend, Document, Insert, Update, Write

SEEN = "seen"
_CACHED = 50_000


class Verdict(Enum):
    """What to do with a version."""

    APPLY = "applied"
    DUPLICATE = "duplicate"
    EARLY = "parked"


@dataclass(frozen=True, slots=True)
class Seen:
    """The last version of a record that a group has handled."""

    version: int
    epoch: int


class Versions:
    """The guard of one group. `begin` a batch, `judge` and `note` its events, add `writes`, then `keep` or `forget`."""

    def __init__(self, backend: Backend, group: str) -> None:
        self._backend, self._group = backend, group
        self._cache: OrderedDict[str, Seen | None] = OrderedDict()
        self._noted: dict[str, Seen] = {}

    async def begin(self, keys: Iterable[str]) -> None:
        """Makes ready for a batch that tells of these records (record keys)."""
        self._noted.clear()
        missing = [key for key in keys if key not in self._cache]
        if missing:
            await self._load(missing)

    async def reload(self, key: str) -> None:
        """Reads one record's state anew, unless this batch has moved it."""
        if key not in self._noted:
            await self._load([key])

    async def _load(self, keys: list[str]) -> None:
        tenants = sorted({key.partition("/")[0] for key in keys})
        query = {"tenant": {"$in": tenants}, "_id": {"$in": [self._id(key) for key in keys]}}
        found: list[Document] = await self._backend.find(SEEN, query)
        states = {document["_id"]: Seen(document["version"], document["epoch"]) for document in found}
        for key in keys:
            self._cache[key] = states.get(self._id(key))
            self._cache.move_to_end(key)

    def judge(self, envelope: Envelope, *, complete: bool) -> Verdict:
        """Whether a version is next. `complete`: the topic was read from its start, so that a first version is version 1."""
        seen = self._noted.get(envelope.key) or self._cache.get(envelope.key)
        if seen is None:
            return Verdict.EARLY if complete and envelope.epoch <= 1 and envelope.version > 1 else Verdict.APPLY
        if envelope.epoch != seen.epoch:
            # After a restore a record may stand at any version; what was published before it must not come back.
            return Verdict.APPLY if envelope.epoch > seen.epoch else Verdict.DUPLICATE
        if envelope.version <= seen.version:
            return Verdict.DUPLICATE
        return Verdict.APPLY if envelope.version == seen.version + 1 else Verdict.EARLY

    def note(self, envelope: Envelope) -> None:
        """This version is handled in this batch."""
        self._noted[envelope.key] = Seen(envelope.version, envelope.epoch)

    def writes(self) -> Iterator[Write]:
        """Moves every record of the batch from what was read to what was noted."""
        for key, now in self._noted.items():
            before = self._cache.get(key)
            tenant = key.partition("/")[0]
            state = {"version": now.version, "epoch": now.epoch}
            if before is None:
                yield Insert(SEEN, {"_id": self._id(key), "tenant": tenant, **state})
            else:
                query = {"_id": self._id(key), "tenant": tenant, "version": before.version, "epoch": before.epoch}
                yield Update(SEEN, query, {"$set": state})

    def keep(self) -> None:
        """The batch is committed."""
        for key, seen in self._noted.items():
            self._cache[key] = seen
            self._cache.move_to_end(key)
        self._noted.clear()
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)

    def forget(self) -> None:
        """The batch failed, or another process may have moved on: nothing that is remembered counts."""
        self._noted.clear()
        self._cache.clear()

    def _id(self, key: str) -> str:
        return f"{self._group}|{key}"
