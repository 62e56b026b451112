"""Figures of outages: spans of alerts, merged asset by asset and then summed up."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import Any

from services.analytics.domain.summary import Row, summarize
from services.analytics.projections.alerts import EPOCH, LASTS, Span, outages
from services.analytics.usecases.questions import Question

Found = Sequence[Mapping[str, Any]]


def _merged(found: Found) -> dict[str, list[Span]]:
    """The outages of each group; one that lasts ends at `LASTS`."""
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in found:
        spans[row["g"], row["asset"]].append((row["start"], row["end"] or LASTS))
    groups: dict[str, list[Span]] = defaultdict(list)
    for (group, _asset), each in spans.items():
        groups[group] += outages(each)
    return groups


def restored(question: Question, found: Found) -> list[Row]:
    """How long outages lasted that ended in the period."""
    first, last = question.start or EPOCH, question.end or LASTS
    rows = []
    for group, spans in _merged(found).items():
        lengths = [(end - start).total_seconds() for start, end in spans if first <= end < last]
        if lengths:
            total = summarize(lengths)
            rows.append(Row(group=group, value=total.mean, median=total.median, p90=total.p90, count=total.count))
    return rows


def downtime(question: Question, found: Found) -> list[Row]:
    """How long assets were out within the period, up to now."""
    first, last = question.start or EPOCH, min(question.end or LASTS, question.now)
    rows = []
    for group, spans in _merged(found).items():
        seconds = [(min(end, last) - max(start, first)).total_seconds() for start, end in spans if start < last and end > first]
        if seconds:
            rows.append(Row(group=group, value=fsum(seconds), count=len(seconds)))
    return rows


SUMS: Mapping[str, Callable[[Question, Found], list[Row]]] = {"mttr-restore": restored, "downtime": downtime}
"""By the name of the figure."""
