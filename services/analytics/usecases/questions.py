"""Each figure as an aggregation over documents of the projections: pure, from the question to the pipeline.

A pipeline answers with rows of group `g`, series `s`, number `n` and, where the figure asks for them, `hit` (how many of the
number fulfil the condition) or `values` (the single durations, in seconds, in several rows a group).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.analytics.domain.definitions import GroupBy
from services.analytics.domain.facts import State
from services.analytics.projections import backlog
from services.analytics.projections.alerts import ALERTS, EPOCH
from services.analytics.projections.backlog import BACKLOG
from services.analytics.projections.incidents import INCIDENTS

Stage = Mapping[str, Any]

# A document holds at most 16 MB. Values of one group are spread over so many rows, by a prime of their instants in ms.
_CHUNKS = 7

_FIELDS = {
    GroupBy.SERVICE: "$service_id",
    GroupBy.TEAM: "$team_id",
    GroupBy.PRIORITY: "$priority",
    GroupBy.CATEGORY: "$category",
    GroupBy.ASSET: "$asset_id",
    GroupBy.SEVERITY: "$severity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a caller wants to know: `wanted` is the filter as a query, the period is `start` <= time < `end`."""

    wanted: Mapping[str, Any]
    group_by: GroupBy | None
    start: datetime | None
    end: datetime | None
    now: datetime

    def within(self, path: str) -> dict[str, Any]:
        """The condition that something happened, and in the period."""
        bounds: dict[str, Any] = {"$ne": None}
        if self.start is not None:
            bounds["$gte"] = self.start
        if self.end is not None:
            bounds["$lt"] = self.end
        return {path: bounds}

    @property
    def final(self) -> dict[str, Any]:
        """The condition that the final resolution lies in the period; what came back has none."""
        return {**self.within("last_resolved"), "resolved_at": {"$ne": None}}

    def group(self, time: str) -> Any:
        """The expression of the group; `time` is what a day is of."""
        if self.group_by is None:
            return {"$literal": ""}
        if self.group_by is GroupBy.DAY:
            return {"$dateToString": {"date": f"${time}", "format": "%Y-%m-%d"}}
        return {"$ifNull": [_FIELDS[self.group_by], ""]}


@dataclass(frozen=True, slots=True)
class Asked:
    """A pipeline and the collection that it runs over."""

    collection: str
    pipeline: list[Stage]


def _matching(question: Question, *conditions: Mapping[str, Any], everyone: bool = False) -> Stage:
    parts = [*conditions, *([] if everyone else [{"counted": True}]), *([question.wanted] if question.wanted else [])]
    return {"$match": {"$and": parts} if parts else {}}


def _durations(question: Question, time: str, seconds: Any, *conditions: Mapping[str, Any], series: str = "") -> Asked:
    chunk = {"$mod": [{"$toLong": "$create_time"}, _CHUNKS]}
    return Asked(
        INCIDENTS,
        [
            _matching(question, *conditions),
            {"$group": {"_id": {"g": question.group(time), "c": chunk}, "values": {"$push": seconds}}},
            {"$project": {"_id": 0, "g": "$_id.g", "s": {"$literal": series}, "values": 1}},
        ],
    )


def _shares(question: Question, time: str, hit: Any, *conditions: Mapping[str, Any]) -> Asked:
    return Asked(
        INCIDENTS,
        [_matching(question, *conditions), *_counted(question.group(time), {"$literal": ""}, hit)],
    )


def _counted(group: Any, series: Any, hit: Any = None, number: Any = 1) -> list[Stage]:
    sums: dict[str, Any] = {"n": {"$sum": number}}
    if hit is not None:
        sums["hit"] = {"$sum": {"$cond": [hit, 1, 0]}}
    return [
        {"$group": {"_id": {"g": group, "s": series}, **sums}},
        {"$project": {"_id": 0, "g": "$_id.g", "s": "$_id.s", "n": 1, "hit": 1}},
    ]


def _between(start: str | datetime, end: str) -> Stage:
    return {"$divide": [{"$subtract": [end, start]}, 1000]}


def _resolutions(question: Question) -> list[Stage]:
    """Every incident that was resolved in the period, once a group, and whether such a resolution did not hold."""
    # The last resolution is at or after the one in the period, and has an index.
    reached = {"last_resolved": {"$ne": None} if question.start is None else {"$gte": question.start}}
    held = {"$lt": [{"$toInt": "$resolution.k"}, "$reopen_count"]}
    return [
        _matching(question, reached),
        {"$set": {"resolution": {"$objectToArray": "$resolutions"}}},
        {"$unwind": "$resolution"},
        {"$match": question.within("resolution.v")},
        {"$group": {"_id": {"i": "$_id", "g": question.group("resolution.v")}, "back": {"$max": held}}},
        {"$set": {"g": "$_id.g"}},
    ]


def volume(question: Question) -> list[Asked]:
    """Opened, resolved, closed."""
    opened = _matching(question, question.within("create_time"))
    closed = _matching(question, question.within("close_time"), {"state": State.CLOSED.value})
    return [
        Asked(INCIDENTS, [opened, *_counted(question.group("create_time"), {"$literal": "opened"})]),
        Asked(INCIDENTS, [*_resolutions(question), *_counted("$g", {"$literal": "resolved"})]),
        Asked(INCIDENTS, [closed, *_counted(question.group("close_time"), {"$literal": "closed"})]),
    ]


def open_now(question: Question) -> list[Asked]:
    """What is open at this instant, by age."""
    days = {"$divide": [{"$subtract": [question.now, "$create_time"]}, backlog.DAY.total_seconds() * 1000]}
    branches = [
        {"case": {"$lt": [days, bound]}, "then": age}
        for bound, age in zip(backlog.BOUNDS, backlog.AGES, strict=False)  # the last age has no upper bound
    ]
    age = {"$switch": {"branches": branches, "default": backlog.AGES[-1]}}
    paused = {"$cond": [{"$eq": ["$state", State.ON_HOLD.value]}, backlog.PAUSED, ""]}
    begun = {"create_time": {"$lte": question.now, **({"$gte": question.start} if question.start else {})}}
    matching = _matching(question, {"open": True}, begun)
    return [Asked(INCIDENTS, [matching, *_counted(question.group("create_time"), {"$concat": [paused, age]})])]


def snapshots(question: Question) -> list[Asked]:
    """What was open at the midnights of the period."""
    conditions = [question.within("time"), *([question.wanted] if question.wanted else [])]
    return [Asked(BACKLOG, [{"$match": {"$and": conditions}}, *_counted(question.group("time"), "$series", number="$count")])]


def mtta(question: Question) -> list[Asked]:
    """Acknowledged ones, and beside them those that wait."""
    waiting = [question.within("create_time"), {"open": True, "acknowledge_time": None}]
    acknowledged = _between("$create_time", "$acknowledge_time")
    since = {"$divide": [{"$subtract": [question.now, "$create_time"]}, 1000]}
    return [
        _durations(question, "acknowledge_time", acknowledged, question.within("acknowledge_time")),
        _durations(question, "create_time", since, *waiting, series="unacknowledged"),
    ]


def mttr(question: Question) -> list[Asked]:
    """Creation to final resolution."""
    return [_durations(question, "resolved_at", _between("$create_time", "$resolved_at"), question.final)]


def mttr_business(question: Question) -> list[Asked]:
    """The same as the resolve clock counted it."""
    return [_durations(question, "resolved_at", "$business_s", question.final, {"business_s": {"$ne": None}})]


def sla(question: Question) -> list[Asked]:
    """Clocks that were decided in the period."""
    decided = question.within("clocks.decide_time")
    first = {"clocks": {"$elemMatch": question.within("decide_time")}}
    return [
        Asked(
            INCIDENTS,
            [
                _matching(question, {"clocks.decide_time": {"$exists": True}}, first),
                {"$unwind": "$clocks"},
                {"$match": decided},
                *_counted(question.group("clocks.decide_time"), "$clocks.kind", "$clocks.met"),
            ],
        )
    ]


def imported_sla(question: Question) -> list[Asked]:
    """The other system's verdicts."""
    return [_shares(question, "resolved_at", "$imported_made_sla", question.final, {"imported_made_sla": {"$ne": None}})]


def reopened(question: Question) -> list[Asked]:
    """Resolutions that did not hold."""
    return [Asked(INCIDENTS, [*_resolutions(question), *_counted("$g", {"$literal": ""}, "$back")])]


def reassigned(question: Question) -> list[Asked]:
    """Changed hands."""
    return [_shares(question, "resolved_at", {"$gt": ["$reassignment_count", 0]}, question.final)]


def by_state(question: Question) -> list[Asked]:
    """An inventory, nobody left out."""
    matching = _matching(question, question.within("create_time"), everyone=True)
    return [Asked(INCIDENTS, [matching, *_counted(question.group("create_time"), "$state")])]


def alert_volume(question: Question) -> list[Asked]:
    """Fired, routed, suppressed."""
    wanted = [question.wanted] if question.wanted else []
    parts: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("fired", "start_time", {}),
        ("routed", "route_time", {}),
        ("suppressed", "start_time", {"route_time": None, "suppressed": True}),
    )
    return [
        Asked(
            ALERTS,
            [
                {"$match": {"$and": [{**question.within(time), **more}, *wanted]}},
                *_counted(question.group(time), {"$literal": series}),
            ],
        )
        for series, time, more in parts
    ]


def outages(question: Question) -> list[Asked]:
    """Every span in which an alert says that its asset was out, of the alerts that reach into the period."""
    reach: dict[str, Any] = {"outage": True, "over_time": {"$gt": question.start or EPOCH}}
    if question.end is not None:
        reach["start_time"] = {"$lt": question.end}
    parts = [reach, *([question.wanted] if question.wanted else [])]
    shown = {"_id": 0, "g": question.group("outages.start"), "asset": "$asset_id"}
    shown |= {"start": "$outages.start", "end": "$outages.end"}
    # What was kept of an alert before it told of its outages says by `outage` that it was one from its start to its end.
    spans = {"$set": {"outages": {"$ifNull": ["$outages", [{"start": "$start_time", "end": "$end_time"}]]}}}
    return [Asked(ALERTS, [{"$match": {"$and": parts}}, spans, {"$unwind": "$outages"}, {"$project": shown}])]


QUESTIONS: Mapping[str, Callable[[Question], list[Asked]]] = {
    "incident-volume": volume,
    "incident-backlog": open_now,
    "mtta": mtta,
    "mttr-resolve": mttr,
    "mttr-resolve-business": mttr_business,
    "sla-attainment": sla,
    "imported-sla": imported_sla,
    "reopen-rate": reopened,
    "reassignment-rate": reassigned,
    "incidents-by-state": by_state,
    "alert-volume": alert_volume,
    "mttr-restore": outages,
    "downtime": outages,
}
