"""Columns of samples: instants in milliseconds since 1970 and values, how they are merged and how they are kept.

A merge is a union: its result depends neither on order nor on repetition. Where two samples of one series carry the same
instant and different values, the greater value stays, a number before NaN, and any value before the end of the series; so
a resend changes nothing, and two senders that disagree (a pair for high availability) end the same on every replica.

Kept bytes are little-endian, like every machine that this runs on.
"""

import math
import struct
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import sub, xor

SPAN = 2 * 3600 * 1000
"""Milliseconds of one bucket."""

_STALE_BITS = 0x7FF0_0000_0000_0002
STALE: float = struct.unpack("<d", struct.pack("<Q", _STALE_BITS))[0]
"""The NaN with which Prometheus says that a series ended; no other NaN means that."""

_PLAIN, _PACKED = 0, 1
_HEAD = struct.Struct("<BI")


@dataclass(slots=True)
class Columns:
    """Samples of one series; `times` in milliseconds, as long as `values`."""

    times: "array[int]"
    values: "array[float]"

    @classmethod
    def empty(cls) -> "Columns":
        """No samples."""
        return cls(array("q"), array("d"))

    def add(self, other: "Columns") -> None:
        """Appends, in whatever order."""
        self.times.extend(other.times)
        self.values.extend(other.values)

    def between(self, start: int, end: int) -> "Columns":
        """Those at or after `start` and before `end`."""
        if not self.times or (start <= min(self.times) and max(self.times) < end):
            return self
        kept = [place for place, time in enumerate(self.times) if start <= time < end]
        return Columns(array("q", (self.times[at] for at in kept)), array("d", (self.values[at] for at in kept)))


def bits(value: float) -> int:
    """The 64 bits of a value, which alone tell one NaN from another."""
    found: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return found


def is_stale(value: float) -> bool:
    """Whether it says that the series ended."""
    return value != value and bits(value) == _STALE_BITS


def stronger(one: float, other: float) -> float:
    """Which of two values stays at one instant of one series."""
    return max(one, other, key=_rank)


def _rank(value: float) -> tuple[int, float, float]:
    if value == value:
        return 2, value, math.copysign(1, value)
    return (0 if is_stale(value) else 1), float(bits(value)), 0.0


def merged(columns: Columns) -> Columns:
    """The same samples in order of time, one an instant."""
    times, values = columns.times, columns.values
    if all(earlier < later for earlier, later in pairwise(times)):
        return columns
    held: dict[int, float] = {}
    for time, value in zip(times, values, strict=True):
        before = held.setdefault(time, value)
        if before is not value:
            held[time] = stronger(before, value)
    ordered = array("q", sorted(held))
    return Columns(ordered, array("d", map(held.__getitem__, ordered)))


def plain(columns: Columns, start: int) -> bytes:
    """A chunk as it is added to a bucket that begins at `start`: quick to make, for the few samples of a minute."""
    offsets = array("I", (time - start for time in columns.times))
    return bytes([_PLAIN]) + offsets.tobytes() + columns.values.tobytes()


def packed(columns: Columns, start: int) -> bytes:
    """A chunk of a bucket that is complete: 0.5 to 8 bytes a sample, 0.2 µs each to make."""
    columns = merged(columns)
    offsets = array("I", (time - start for time in columns.times))
    steps = array("I", offsets[:1])
    steps.extend(map(sub, offsets[1:], offsets))
    raw = array("Q", columns.values.tobytes())
    changes = array("Q", raw[:1])
    changes.extend(map(xor, raw[1:], raw))
    planes = _planes(steps.tobytes(), 4) + _planes(changes.tobytes(), 8)
    return _HEAD.pack(_PACKED, len(offsets)) + zlib.compress(planes, 1)


def unpacked(chunk: bytes, start: int) -> Columns:
    """What either of the two made. Raises `ValueError` for anything else."""
    if chunk[0] == _PLAIN:
        count, rest = divmod(len(chunk) - 1, 12)
        if rest:
            raise ValueError("a chunk of samples was cut")
        offsets, values = array("I", chunk[1 : 1 + 4 * count]), array("d", chunk[1 + 4 * count :])
        return Columns(array("q", (start + offset for offset in offsets)), values)
    if chunk[0] != _PACKED:
        raise ValueError("a chunk of samples of another release")
    _, count = _HEAD.unpack_from(chunk)
    planes = zlib.decompress(chunk[_HEAD.size :])
    steps = array("I", _rows(planes[: 4 * count], 4))
    changes = array("Q", _rows(planes[4 * count :], 8))
    times = array("q", accumulate(steps, initial=start))[1:]
    return Columns(times, array("d", array("Q", accumulate(changes, xor)).tobytes()))


def read(chunks: Iterable[bytes], start: int) -> Columns:
    """The samples of a whole bucket."""
    found = Columns.empty()
    for chunk in chunks:
        found.add(unpacked(chunk, start))
    return merged(found)


def _planes(raw: bytes, width: int) -> bytes:
    # First bytes together, then second bytes: what hardly changes then compresses to nothing.
    return b"".join(raw[place::width] for place in range(width))


def _rows(planes: bytes, width: int) -> bytes:
    count = len(planes) // width
    rows = bytearray(len(planes))
    for place in range(width):
        rows[place::width] = planes[place * count : (place + 1) * count]
    return bytes(rows)
