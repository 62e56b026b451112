"""The last minutes of all public events in memory, and positions in them that hold on every process of the gateway.

A position (`Vector`) says for each partition which offset comes next. Its text form, the cursor, is signed: whoever hands
one back was at this very point, on whichever process. Processes read partitions in different orders, so what a client has
seen is never a place in the ring but a vector, and a replay merges both.

Fails: `Cursors.opened` with `Problem` 400 for a text that we did not write.
"""

import base64
import binascii
import hashlib
import heapq
import hmac
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile

import msgspec

from chassis.http.problems import Problem

MAX_ENTRIES = 20_000
MAX_BYTES = 32 << 20
MAX_CURSOR = 8192
_MAC_BYTES = 16
_ENTRY_BYTES = 600  # of an entry beside its texts: object, strings' heads, its place in the ring

Vector = dict[str, list[int]]
"""By service the next offset of each partition of its topic."""

_Place = tuple[str, int]


@dataclass(slots=True, eq=False)
class Entry:
    """One event as it was read. `head` is the JSON text of its envelope, up to the place of `value`.

    `time` is that of the broker's record, in milliseconds since the epoch.
    """

    service: str
    partition: int
    offset: int
    time: int
    tenant: str
    plural: str
    subject: str
    type: str
    head: bytes
    value: bytes

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return _ENTRY_BYTES + len(self.head) + len(self.value)

    def frame(self, cursor: bytes) -> bytes:
        """The event as it goes over the wire."""
        return b"id: %b\nevent: %b\ndata: %b%b}\n\n" % (cursor, self.type.encode(), self.head, self.value)


class Cursors:
    """Vectors as signed text. `epoch` is that of the installation: a restore makes all earlier positions unknown."""

    def __init__(self, key: bytes, epoch: int) -> None:
        self._key = hashlib.sha256(b"stream" + key).digest()
        self._epoch = epoch
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[int, Vector]).decode

    def text(self, vector: Vector) -> bytes:
        """The cursor of a position."""
        body = self._encode((self._epoch, vector))
        return base64.urlsafe_b64encode(self._mac(body) + body).rstrip(b"=")

    def opened(self, text: str) -> Vector | None:
        """The position that a cursor names; `None` for one of another epoch. Raises `Problem` 400."""
        try:
            if len(text) > MAX_CURSOR:
                raise ValueError(len(text))
            signed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
            mac, body = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
            if not hmac.compare_digest(mac, self._mac(body)):
                raise ValueError("signature")
            epoch, vector = self._decode(body)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            raise Problem(400, "malformed", "the event id is none of this stream", reason="CURSOR") from None
        return vector if epoch == self._epoch else None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]


class Ring:
    """What was read, the oldest dropped first.

    `vector` is the position after the newest entry; `floor` is the oldest position after which nothing is missing here.
    Age is that of the event and not of its reading: a process that starts reads one partition after the other, and would
    otherwise drop the newest of the first for the oldest of the last.
    """

    def __init__(self, cursors: Cursors, *, entries: int = MAX_ENTRIES, size: int = MAX_BYTES) -> None:
        self.cursors = cursors
        self.floor: Vector = {}
        self.vector: Vector = {}
        self._held: defaultdict[_Place, deque[Entry]] = defaultdict(deque)
        self._oldest: list[tuple[int, _Place]] = []  # a heap: of each partition that holds something, its first
        self._cursor: bytes | None = None
        self._limit, self._room, self._count, self._size = entries, size, 0, 0

    def __len__(self) -> int:
        return self._count

    def begin(self, vector: Vector) -> None:
        """Empties the ring and starts it at a position."""
        self._held.clear()
        self._oldest.clear()
        self._count = self._size = 0
        self.floor, self.vector = copied(vector), copied(vector)
        self._cursor = None

    def extend(self, vector: Vector) -> None:
        """Takes up partitions that there were not before, from where they are read."""
        for service, offsets in vector.items():
            known = self.vector.setdefault(service, [])
            known += offsets[len(known) :]
            kept = self.floor.setdefault(service, [])
            kept += offsets[len(kept) :]
        self._cursor = None

    @property
    def cursor(self) -> bytes:
        """The text of `vector`, made once however many ask for it."""
        if self._cursor is None:
            self._cursor = self.cursors.text(self.vector)
        return self._cursor

    def passed(self, service: str, partition: int, offset: int) -> None:
        """Moves on over a record that nobody is to see."""
        self.vector[service][partition] = offset + 1
        self._cursor = None

    def add(self, entry: Entry) -> None:
        """Keeps the next record of its partition."""
        self.vector[entry.service][entry.partition] = entry.offset + 1
        self._cursor = None
        place = (entry.service, entry.partition)
        held = self._held[place]
        if not held:
            heapq.heappush(self._oldest, (entry.time, place))
        held.append(entry)
        self._count += 1
        self._size += entry.size
        while self._count > self._limit or (self._count and self._size > self._room):
            self._drop()

    def _drop(self) -> None:
        _, place = heapq.heappop(self._oldest)
        held = self._held[place]
        dropped = held.popleft()
        if held:
            heapq.heappush(self._oldest, (held[0].time, place))
        self._count -= 1
        self._size -= dropped.size
        self.floor[dropped.service][dropped.partition] = dropped.offset + 1

    def covers(self, seen: Vector) -> bool:
        """Whether all that follows a position is still here."""
        return seen.keys() == self.floor.keys() and all(
            len(given) == len(self.floor[service])
            and all(one >= kept for one, kept in zip(given, self.floor[service], strict=True))
            for service, given in seen.items()
        )

    def newest(self, tenant: str, types: Collection[str], most: int) -> list[Entry]:
        """What is here of a tenant of these types, the newest first."""
        fitting = (each for held in self._held.values() for each in held if each.tenant == tenant and each.type in types)
        return heapq.nlargest(most, fitting, key=lambda entry: entry.time)

    def after(self, seen: Vector) -> Iterator[tuple[Entry, Vector]]:
        """What is here now and follows a position, oldest first, each with the position after it (one object that moves on)."""
        missed = [_since(held, seen[service][partition]) for (service, partition), held in self._held.items()]
        return _told(heapq.merge(*missed, key=lambda entry: entry.time), copied(seen))


def _since(held: deque[Entry], offset: int) -> tuple[Entry, ...]:
    return tuple(takewhile(lambda entry: entry.offset >= offset, reversed(held)))[::-1]


def _told(entries: Iterator[Entry], at: Vector) -> Iterator[tuple[Entry, Vector]]:
    for entry in entries:
        at[entry.service][entry.partition] = entry.offset + 1
        yield entry, at


class Ahead:
    """A client that has seen more of some partitions, on another process, than this one has read yet."""

    def __init__(self, seen: Vector) -> None:
        self._seen = seen

    def admits(self, entry: Entry) -> bool:
        """Whether the client does not have it yet."""
        return entry.offset >= self._seen[entry.service][entry.partition]

    def position(self, vector: Vector) -> Vector:
        """Where the client is when this process is at `vector`."""
        return merged(vector, self._seen)

    def over(self, vector: Vector) -> bool:
        """Whether this process has read all that the client had seen."""
        return all(
            at >= had
            for service, offsets in self._seen.items()
            for at, had in zip(vector.get(service, ()), offsets, strict=False)
        )


def copied(vector: Vector) -> Vector:
    """A copy that does not move with the original."""
    return {service: offsets.copy() for service, offsets in vector.items()}


def merged(one: Vector, other: Vector) -> Vector:
    """The position after everything that either has behind it."""
    return {
        service: [max(pair) for pair in zip(offsets, other[service], strict=True)] if service in other else offsets.copy()
        for service, offsets in one.items()
    }
