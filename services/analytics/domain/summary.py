"""Mean, median and 90th percentile, exact: over all values, never over samples or buckets."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set of durations amounts to, in the unit of its values."""

    mean: float
    median: float
    p90: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a figure."""

    group: str
    series: str = ""
    value: float | None = None
    median: float | None = None
    p90: float | None = None
    count: int = 0


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, interpolated linearly between neighbors."""
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    part = position - below
    lower, upper = ordered[below], ordered[above]
    # In this form equal neighbors give their own value exactly; rounding must not lead past the upper one.
    return min(upper, lower + (upper - lower) * part)


def summarize(values: Sequence[float]) -> Summary:
    """The summary of one value or more."""
    ordered = sorted(values)
    return Summary(fsum(ordered) / len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.9), len(ordered))
