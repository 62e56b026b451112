"""Answers with figures: one aggregation a part, summed up exactly."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.domain import Clock
from chassis.errors import Invalid, NotFound
from chassis.listing import Fields, compile_query, parse
from chassis.store import Store
from services.analytics.domain.definitions import DEFINITIONS, GROUPS, About, Definition, GroupBy, Unit, group_named
from services.analytics.domain.summary import Row, summarize
from services.analytics.projections.backlog import BACKLOG
from services.analytics.usecases import outages
from services.analytics.usecases.questions import QUESTIONS, Asked, Question, snapshots

_OLDEST = "incident-backlog"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over a period, and when it was computed."""

    definition: Definition
    rows: list[Row]
    at: datetime


class Kpis:
    """What may be asked of the figures. `fields` are what filters may name, by what a figure is about (and for snapshots)."""

    def __init__(self, store: Store, fields: Mapping[str, Fields], clock: Clock) -> None:
        self._store, self._fields, self._clock = store, fields, clock

    def definitions(self) -> Sequence[Definition]:
        """Every figure that there is."""
        return list(DEFINITIONS.values())

    async def get(
        self,
        name: str,
        *,
        filter_text: str = "",
        group_by: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Figure:
        """One figure. Raises `NotFound` for an unknown name, `Invalid` for a filter, group or period that makes no sense."""
        definition = DEFINITIONS.get(name)
        if definition is None:
            raise NotFound("kpi", name)
        if start is not None and end is not None and start >= end:
            raise Invalid({"to": "must be later than from"})
        now, group = self._clock(), _group(group_by, definition)
        snapshot = name == _OLDEST and (end is not None or group is GroupBy.DAY)
        wanted = compile_query(parse(filter_text, self._fields_of(definition, snapshot)), now)
        question = Question(wanted=wanted, group_by=group, start=start, end=end, now=now)
        asked = await self._snapshots(question) if snapshot else QUESTIONS[name](question)
        found = [row for one in asked for row in await self._store.aggregate(one.collection, one.pipeline)]
        rows = outages.SUMS[name](question, found) if definition.about is About.OUTAGES else _SUMS[definition.unit](found)
        return Figure(definition, _ordered(definition, rows), now)

    def judge(self, name: str, filter_text: str, group_by: str) -> None:
        """Raises as `get` for what cannot be asked, without asking it."""
        definition = DEFINITIONS.get(name)
        if definition is None:
            raise NotFound("kpi", name)
        snapshot = name == _OLDEST and _group(group_by, definition) is GroupBy.DAY
        parse(filter_text, self._fields_of(definition, snapshot))

    def _fields_of(self, definition: Definition, snapshot: bool) -> Fields:
        return self._fields[BACKLOG if snapshot else definition.about]

    async def _snapshots(self, question: Question) -> list[Asked]:
        """By day, each snapshot of the period; else the last one."""
        if question.group_by is GroupBy.DAY:
            return snapshots(question)
        last = await self._store.find(BACKLOG, question.within("time"), sort=[("time", -1)], limit=1)
        if not last:
            return []
        day = Question(
            wanted=question.wanted, group_by=question.group_by, start=last[0]["time"], end=question.end, now=question.now
        )
        return snapshots(day)


def _group(text: str, definition: Definition) -> GroupBy | None:
    if not text:
        return None
    groups = GROUPS[definition.about]
    if (group := group_named(text)) in groups:
        return group
    raise Invalid({"groupBy": f"expected one of {', '.join(groups)}"})


def _numbers(found: Sequence[dict[str, Any]]) -> list[Row]:
    return [Row(group=row["g"], series=row["s"], value=float(row["n"]), count=row["n"]) for row in found]


def _shares(found: Sequence[dict[str, Any]]) -> list[Row]:
    """The whole of each group first, then its parts where it has several."""
    rows = []
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        groups[row["g"]].append(row)
    for group, parts in groups.items():
        number = sum(part["n"] for part in parts)
        rows.append(Row(group=group, value=sum(part["hit"] for part in parts) / number, count=number))
        rows += [
            Row(group=group, series=part["s"], value=part["hit"] / part["n"], count=part["n"]) for part in parts if part["s"]
        ]
    return rows


def _durations(found: Sequence[dict[str, Any]]) -> list[Row]:
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in found:
        values[row["g"], row["s"]] += row["values"]
    return [
        Row(group=group, series=part, value=total.mean, median=total.median, p90=total.p90, count=total.count)
        for (group, part), total in ((key, summarize(each)) for key, each in values.items())
    ]


_SUMS: dict[Unit, Callable[[Sequence[dict[str, Any]]], list[Row]]] = {
    Unit.INCIDENTS: _numbers,
    Unit.ALERTS: _numbers,
    Unit.RATIO: _shares,
    Unit.SECONDS: _durations,
}


def _ordered(definition: Definition, rows: list[Row]) -> list[Row]:
    place = {series: number for number, series in enumerate(("", *definition.series))}
    return sorted(rows, key=lambda row: (row.group, place[row.series]))
