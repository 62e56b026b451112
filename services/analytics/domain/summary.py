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


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, interpolated linearly between neighbors."""
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    part = position - below
    # One product a neighbor, so that equal neighbors give their own value exactly.
    return ordered[below] if not part else ordered[below] * (1 - part) + ordered[above] * part


def summarize(values: Sequence[float]) -> Summary:
    """The summary of one value or more."""
    ordered = sorted(values)
    return Summary(fsum(ordered) / len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.9), len(ordered))
