"""How does each alert stand, and when was each asset out? One document an alert, which is its own fact: the last event of an
alert says all that figures need of it, so a later version replaces an earlier one and nothing has to be rebuilt.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

ALERTS = "alerts"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LASTS = datetime(9999, 1, 1, tzinfo=UTC)
"""`over_time` of an alert that is not over: one field says of both kinds how far they reach."""

Span = tuple[datetime, datetime]
Document = dict[str, Any]


def outages(spans: Iterable[Span]) -> list[Span]:
    """The times at which one thing was out: spans that overlap or touch are one outage."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
