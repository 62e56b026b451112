"""Which change rows may leave next: in order for each record, and independently of each other. No I/O.

A row leaves when the version before it is known to be published: acknowledged in this process, or found published in the
database. Whoever asks is told which predecessors to look up. Nothing here trusts clocks or the order of arrival.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from chassis.events.wire import key_of
from chassis.store.backend import Document

_REMEMBERED = 50_000  # records whose last published version is kept; forgetting one costs a look at the database


@dataclass(slots=True)
class _Lane:
    """The rows of one record that wait: by version, and their order."""

    rows: dict[int, Document] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    flying: Document | None = None
    blocked: str = ""


class Lanes:
    """Rows on their way, a lane for each record. At most `rows` and `size` bytes of data are held."""

    def __init__(self, rows: int = 20_000, size: int = 64 << 20, remembered: int = _REMEMBERED) -> None:
        self._most_rows, self._most_size, self._most_remembered = rows, size, remembered
        self._lanes: dict[str, _Lane] = {}
        self._due: deque[str] = deque()
        self._published: OrderedDict[str, int] = OrderedDict()
        self.count = 0
        self.size = 0

    @property
    def full(self) -> bool:
        """Whether a row that is offered now would be refused."""
        return self.count >= self._most_rows or self.size >= self._most_size

    @property
    def blocked(self) -> dict[str, str]:
        """Records whose next row cannot leave, and why."""
        return {key: lane.blocked for key, lane in self._lanes.items() if lane.blocked}

    @property
    def oldest(self) -> datetime | None:
        """When the oldest row that is held here happened, those under way included."""
        rows = (row for lane in self._lanes.values() for row in (*lane.rows.values(), lane.flying) if row is not None)
        return min((row["time"] for row in rows), default=None)

    def clear(self) -> None:
        """Forgets everything, what is under way too: its answers come to nothing but the note that it is published."""
        self._lanes.clear()
        self._due.clear()
        self.count = self.size = 0

    def offer(self, row: Document) -> bool:
        """Takes a row up, unless memory is full. One that is known already is taken once."""
        key, version = key_of(row), row["version"]
        lane = self._lanes.get(key)
        if lane is not None and (version in lane.rows or version == _version(lane.flying)):
            return True
        if self.full:
            return False
        self._add(key, row)
        return True

    def precede(self, row: Document) -> bool:
        """Takes up the predecessor of a row that waits. Where memory is full, it takes the place of the later ones, which
        are found in the database again; otherwise they would keep out the very row that they wait for. False then."""
        if self.offer(row):
            return True
        key = key_of(row)
        if (lane := self._lanes.get(key)) is not None:
            while lane.order:
                self._pop(lane)
        self._add(key, row)
        return False

    def _add(self, key: str, row: Document) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        lane.rows[row["version"]] = row
        heappush(lane.order, row["version"])
        self.count += 1
        self.size += len(row["data"])
        self._due.append(key)

    def take(self, most: int) -> tuple[list[Document], list[Document], list[Document]]:
        """Rows that leave now, rows that are published already, rows whose predecessor has to be looked up."""
        leaving: list[Document] = []
        settled: list[Document] = []
        unsure: list[Document] = []
        while self._due and len(leaving) < most:
            key = self._due.popleft()
            lane = self._lanes.get(key)
            if lane is None or lane.flying or lane.blocked:
                continue
            published = self._published.get(key, 0)
            while lane.order and lane.order[0] <= published:
                settled.append(self._pop(lane))
            if not lane.order:
                del self._lanes[key]
            elif lane.order[0] == published + 1:
                row = self._pop(lane)
                lane.flying = row
                leaving.append(row)
            else:
                unsure.append(lane.rows[lane.order[0]])
        return leaving, settled, unsure

    def _pop(self, lane: _Lane) -> Document:
        row = lane.rows.pop(heappop(lane.order))
        self.count -= 1
        self.size -= len(row["data"])
        return row

    def published(self, key: str, version: int) -> None:
        """Notes that a record's changes up to `version` are out, from an acknowledgement or from the database."""
        self._published[key] = max(version, self._published.pop(key, 0))
        if len(self._published) > self._most_remembered:
            self._published.popitem(last=False)
        self._next(key)

    def acknowledged(self, row: Document) -> None:
        """The broker has the row."""
        key = key_of(row)
        if (lane := self._lanes.get(key)) is not None and _version(lane.flying) == row["version"]:
            lane.flying = None
        self.published(key, row["version"])

    def failed(self, row: Document, blocked: str = "") -> None:
        """The row did not leave, or nobody knows. It is next again, at once or, `blocked` with a reason, when revived."""
        key = key_of(row)
        lane = self._lanes.get(key)
        if lane is None or _version(lane.flying) != row["version"]:
            return
        lane.flying = None
        lane.rows[row["version"]] = row
        heappush(lane.order, row["version"])
        self.count += 1
        self.size += len(row["data"])
        if blocked:
            lane.blocked = blocked
        self._next(key)

    def block(self, row: Document, reason: str) -> None:
        """A waiting row whose predecessor is nowhere: its record stands still, no other."""
        if (lane := self._lanes.get(key_of(row))) is not None:
            lane.blocked = reason

    def revive(self) -> None:
        """Tries every blocked record again."""
        for key, lane in self._lanes.items():
            if lane.blocked:
                lane.blocked = ""
                self._due.append(key)

    def again(self, rows: Iterable[Document]) -> None:
        """Has another look at rows whose predecessor was looked up in vain."""
        self._due.extend(key_of(row) for row in rows)

    def drop(self, shards: frozenset[int]) -> None:
        """Forgets waiting rows of shards that another process now publishes; what is flying is still awaited."""
        for key, lane in list(self._lanes.items()):
            if any(row["shard"] in shards for row in lane.rows.values()):
                while lane.order:
                    self._pop(lane)
                lane.blocked = ""
                if not lane.flying:
                    del self._lanes[key]

    def _next(self, key: str) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            return
        if lane.order:
            self._due.append(key)
        elif not lane.flying:
            del self._lanes[key]


def _version(row: Document | None) -> int:
    return 0 if row is None else int(row["version"])
