"""What a stretch of time says of a series: its samples told by ten figures, from which any aggregate over it follows.

Windows of five minutes and of an hour are kept as roll-ups; those of a query are made of raw samples or of roll-ups alike.
A counter that falls has begun again at zero (Prometheus' rule), so the rise over a reset is the new value.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from math import isnan
from struct import Struct

from services.monitor.domain.samples import Columns, is_stale
from services.monitor.domain.series import SeriesKind

FIVE_MINUTES = 300_000
HOUR = 3_600_000
NAN = float("nan")

_COUNT = Struct("<I")
_FIELDS = 10


class Aggregate(StrEnum):
    """What a window is asked for. RATE is per second; INCREASE is the rise within the window."""

    LAST = "LAST"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    SUM = "SUM"
    COUNT = "COUNT"
    RATE = "RATE"
    INCREASE = "INCREASE"


@dataclass(slots=True)
class Window:
    """`start`, `first_time` and `last_time` in milliseconds since 1970; `increase` counts from the first value to the last.

    `last` is NaN where the series ended inside of the window.
    """

    start: float
    count: float
    minimum: float
    maximum: float
    total: float
    first: float
    last: float
    increase: float
    first_time: float
    last_time: float


def windows(samples: Columns, step: int) -> list[Window]:
    """Ordered samples by windows of `step` milliseconds, aligned to 1970. NaN only counts where it says that a series ended."""
    found: list[Window] = []
    current: Window | None = None
    end = 0
    previous = 0.0
    for time, value in zip(samples.times, samples.values, strict=True):
        if value != value:
            if current is not None and time < end and is_stale(value):
                current.last = NAN
            continue
        if current is None or time >= end:
            start = time - time % step
            end = start + step
            current = Window(start, 1.0, value, value, value, value, value, 0.0, time, time)
            found.append(current)
        else:
            current.count += 1
            current.minimum = min(current.minimum, value)
            current.maximum = max(current.maximum, value)
            current.total += value
            current.increase += value - previous if value >= previous else value
            current.last, current.last_time = value, time
        previous = value
    return found


def combined(parts: Iterable[Window], step: int) -> list[Window]:
    """Ordered windows put together into longer ones."""
    found: list[Window] = []
    for part in parts:
        start = part.start - part.start % step
        if not found or found[-1].start != start:
            found.append(Window(start, *astuple(part)[1:]))
            continue
        whole = found[-1]
        whole.increase += part.increase + _rise(whole.last, part.first)
        whole.count += part.count
        whole.minimum = min(whole.minimum, part.minimum)
        whole.maximum = max(whole.maximum, part.maximum)
        whole.total += part.total
        whole.last, whole.last_time = part.last, part.last_time
    return found


def fullest(parts: Iterable[Window]) -> list[Window]:
    """One window a start, that of the most samples: what was rolled up again after a late sample replaces what was before."""
    found: dict[float, Window] = {}
    for part in parts:
        held = found.get(part.start)
        if held is None or part.count >= held.count:
            found[part.start] = part
    return [found[start] for start in sorted(found)]


def points(found: Sequence[Window], step: int, aggregate: Aggregate, kind: SeriesKind) -> Iterator[tuple[int, float]]:
    """The aggregate of each window that has one, with the window's start in milliseconds."""
    before: Window | None = None
    for window in found:
        value = _value(window, before, step, aggregate, kind)
        if value is not None and not isnan(value):
            yield int(window.start), value
        before = window


def _value(window: Window, before: Window | None, step: int, aggregate: Aggregate, kind: SeriesKind) -> float | None:
    match aggregate:
        case Aggregate.LAST:
            return window.last
        case Aggregate.AVG:
            return window.total / window.count
        case Aggregate.MIN:
            return window.minimum
        case Aggregate.MAX:
            return window.maximum
        case Aggregate.SUM:
            return window.total
        case Aggregate.COUNT:
            return window.count
    joined = before is not None and window.start - before.start <= step
    began = before.last_time if joined and before is not None else window.first_time
    if kind is SeriesKind.DELTA:
        # Each value counts since the one before, so the first of all has no known beginning.
        risen = window.total if joined else window.total - window.first
    else:
        risen = window.increase + (_rise(before.last, window.first) if joined and before is not None else 0.0)
    if aggregate is Aggregate.INCREASE:
        return risen
    return risen * 1000 / (window.last_time - began) if window.last_time > began else None


def _rise(before: float, after: float) -> float:
    # After the end of a series nothing is known of what lay between.
    if isnan(before):
        return 0.0
    return after - before if after >= before else after


def kept(found: Sequence[Window]) -> bytes:
    """Windows as a chunk of a roll-up."""
    columns = zip(*(astuple(window) for window in found), strict=True)
    raw = b"".join(array("d", column).tobytes() for column in columns)
    return _COUNT.pack(len(found)) + zlib.compress(b"".join(raw[place::8] for place in range(8)), 6)


def unkept(chunk: bytes) -> list[Window]:
    """The windows of a chunk."""
    (count,) = _COUNT.unpack_from(chunk)
    planes = zlib.decompress(chunk[_COUNT.size :])
    total = count * _FIELDS
    raw = bytearray(total * 8)
    for place in range(8):
        raw[place::8] = planes[place * total : (place + 1) * total]
    values = array("d", bytes(raw))
    columns = (values[field * count : (field + 1) * count] for field in range(_FIELDS))
    return [Window(*row) for row in zip(*columns, strict=True)]
