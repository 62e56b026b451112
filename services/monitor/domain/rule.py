"""Alert rules: a threshold over series, and where each series of a rule stands.

Raising and clearing have limits and times of their own. Silence is a third thing: it neither raises nor ends what the threshold
says, because nobody knows, and is told by an alert of its own once it lasts. Where a series stands is kept, so a restart
neither forgets an alert nor begins a waiting time anew.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.monitor.domain import selector
from services.monitor.domain.samples import Columns, is_stale
from services.monitor.domain.signal import AlertKind, AssetHint, Severity, Signal, Status

SOURCE = "rule"
LONGEST = timedelta(days=7)
SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(seconds=10), timedelta(days=1)
REMOVED_KEPT = timedelta(days=1)
"""How long the record of a removed rule is kept once all that it had raised has ended; its changes are kept for ever."""
FORGOTTEN = timedelta(days=7)
"""After so much silence a series is gone for good, and what it had raised is over."""

MOST_SERIES = 1_000
"""Series of one rule that are looked at. Of those beyond nothing is said: what is not read is neither bad nor silent."""
COUNTED = 100_000
"""How far the series that a rule means are counted."""

_FILLED = re.compile(r"\{(name|value|limit|labels\.[^{}]{1,200})\}")


class Aggregation(StrEnum):
    """What becomes of the samples inside of the window."""

    LAST = "LAST"
    AVERAGE = "AVERAGE"
    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"
    SUM = "SUM"
    COUNT = "COUNT"
    RATE = "RATE"


class Comparison(StrEnum):
    """On which side of the limit it is bad."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"


class Phase(StrEnum):
    """What is known of one series."""

    WELL = "WELL"
    PENDING = "PENDING"
    FIRING = "FIRING"
    RECOVERING = "RECOVERING"


RAISED = frozenset({Phase.FIRING, Phase.RECOVERING})
"""Phases of which people have been told."""


class Condition(StrEnum):
    """Whether all that a rule means is looked at."""

    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the evaluation of a rule goes, and since when it is in this condition."""

    condition: Condition
    series_count: int = 0
    evaluated_count: int = 0
    message: str = ""
    condition_time: datetime

    @classmethod
    def over(cls, series: int, evaluated: int, at: datetime) -> Self:
        """Of a round that looked at so many of so many series."""
        condition = Condition.PARTIAL if series > evaluated else Condition.COMPLETE
        message = f"{series - evaluated} of {series} series are not looked at: {NARROW}" if series > evaluated else ""
        return cls(condition=condition, series_count=series, evaluated_count=evaluated, message=message, condition_time=at)


NARROW = "name more labels, or make several rules"


@dataclass(slots=True, kw_only=True)
class SeriesState:
    """Where one series of a rule stands. `start_time` is when what it raised began."""

    series_id: str
    labels: dict[str, str] = field(default_factory=dict)
    phase: Phase = Phase.WELL
    phase_time: datetime
    value: float | None = None
    sample_time: datetime | None = None
    silent: bool = False
    start_time: datetime | None = None
    asset_id: str = ""

    @property
    def essence(self) -> tuple[Phase, datetime, bool]:
        """What must not be lost."""
        return self.phase, self.phase_time, self.silent


@dataclass(frozen=True, slots=True)
class Measured:
    """What a series shows inside of the window."""

    value: float
    time: datetime


@dataclass(slots=True, kw_only=True)
class AlertRule(Aggregate):
    """A threshold over the series that a selector means."""

    name: str
    match: str
    aggregate: Aggregation = Aggregation.LAST
    window: timedelta = timedelta(minutes=5)
    comparison: Comparison = Comparison.ABOVE
    raise_value: float = 0.0
    clear_value: float | None = None
    pending_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    no_data_for: timedelta | None = None
    severity: Severity = Severity.WARNING
    title: str = ""
    enabled: bool = True
    create_time: datetime
    update_time: datetime
    evaluation: Evaluation | None = None
    remove_time: datetime | None = None

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new rule. Raises `Invalid`."""
        if missing := [name for name in ("name", "match") if name not in given]:
            raise Invalid(dict.fromkeys(missing, "is needed"))
        rule = cls(id=id, create_time=at, update_time=at, **given)
        rule._validate()
        rule.record(pb.AlertRuleCreated())
        return rule

    def edit(self, at: datetime, **named: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        named = {name: value for name, value in named.items() if getattr(self, name) != value}
        if not named:
            return
        for name, value in named.items():
            setattr(self, name, value)
        self._validate()
        if {"match", "enabled"} & named.keys():
            self.evaluation = None
        self.update_time = at
        self.record(pb.AlertRuleUpdated())

    def remove(self, at: datetime) -> None:
        """It is gone; what it had raised is over when it is evaluated next."""
        self.enabled, self.evaluation = False, None
        self.remove_time = self.update_time = at
        self.record(pb.AlertRuleRemoved())

    def assess(self, found: Evaluation) -> bool:
        """Takes over how its evaluation went, if that is news. Counts are none, and neither is that all goes well at first."""
        before = self.evaluation.condition if self.evaluation is not None else Condition.COMPLETE
        if not self.enabled or before is found.condition:
            return False
        self.evaluation = found
        self.record(pb.AlertRuleConditionChanged())
        return True

    @property
    def selector(self) -> selector.Selector:
        """Which series are meant."""
        return selector.parse(self.match)

    def is_bad(self, value: float) -> bool:
        """Whether a value is at the limit or beyond."""
        return value >= self.raise_value if self.comparison is Comparison.ABOVE else value <= self.raise_value

    def is_well(self, value: float) -> bool:
        """Whether a value is back behind the limit that ends it."""
        if self.clear_value is None:
            return not self.is_bad(value)
        return value < self.clear_value if self.comparison is Comparison.ABOVE else value > self.clear_value

    def measure(self, columns: Columns) -> Measured | None:
        """What the samples of a window show; None for none, and for a series of which the end was told."""
        if not columns.times or is_stale(columns.values[-1]):
            return None
        pairs = [(t, v) for t, v in zip(columns.times, columns.values, strict=True) if not math.isnan(v)]
        value = _aggregated(self.aggregate, pairs) if pairs else None
        if value is None:
            return None
        return Measured(value, datetime.fromtimestamp(pairs[-1][0] / 1000, UTC))

    def step(self, state: SeriesState, measured: Measured | None, now: datetime) -> list[Signal]:
        """Moves a series on by what it shows now; what is to be told of that."""
        told: list[Signal] = []
        if measured is None:
            self._without(state, now)
        else:
            if state.silent:
                told.append(self._silence(state, over=True, at=measured.time))
            state.silent, state.value, state.sample_time = False, measured.value, measured.time
            told += self._with(state, measured.value, now)
        quiet = state.sample_time is not None and self.no_data_for is not None and now - state.sample_time >= self.no_data_for
        if quiet and not state.silent:
            state.silent = True
            told.append(self._silence(state, over=False, at=now))
        return told

    def forget(self, state: SeriesState, now: datetime, why: str) -> list[Signal]:
        """Ends all that a series raised: it is no longer this rule's."""
        told = [self._threshold(state, over=True, at=now, why=why)] if state.phase in RAISED else []
        return [*told, *([self._silence(state, over=True, at=now)] if state.silent else [])]

    def _with(self, state: SeriesState, value: float, now: datetime) -> list[Signal]:
        bad, well = self.is_bad(value), self.is_well(value)
        match state.phase:
            case Phase.WELL if bad:
                _move(state, Phase.PENDING, now)
            case Phase.PENDING if not bad:
                _move(state, Phase.WELL, now)
            case Phase.FIRING if well:
                _move(state, Phase.RECOVERING, now)
            case Phase.RECOVERING if not well:
                _move(state, Phase.FIRING, now)
        waited = now - state.phase_time
        if state.phase is Phase.PENDING and waited >= self.pending_for:
            state.start_time = state.phase_time
            _move(state, Phase.FIRING, now)
            return [self._threshold(state, over=False, at=now)]
        if state.phase is Phase.RECOVERING and waited >= self.keep_firing_for:
            over = self._threshold(state, over=True, at=state.phase_time)
            _move(state, Phase.WELL, now)
            return [over]
        return []

    def _without(self, state: SeriesState, now: datetime) -> None:
        # What was not seen all the time cannot have been bad, or well, all the time.
        state.value = None
        if state.phase is Phase.PENDING:
            _move(state, Phase.WELL, now)
        elif state.phase is Phase.RECOVERING:
            _move(state, Phase.FIRING, now)

    def _threshold(self, state: SeriesState, *, over: bool, at: datetime, why: str = "") -> Signal:
        side = "at or above" if self.comparison is Comparison.ABOVE else "at or below"
        said = "is well again" if over else f"is {side} {_number(self.raise_value)}"
        plain = f"{self.name}: {_number(state.value)} {said}"
        return self._signal(state, "", over, at, state.start_time or at, self._filled(state) or plain, why)

    def _silence(self, state: SeriesState, *, over: bool, at: datetime) -> Signal:
        return self._signal(state, "/no-data", over, at, state.sample_time or at, f"{self.name}: no data", "")

    def _signal(
        self, state: SeriesState, what: str, over: bool, at: datetime, start: datetime, title: str, description: str
    ) -> Signal:
        labels = {("series" if name == "__name__" else name): value for name, value in state.labels.items()}
        return Signal(
            fingerprint=f"rule/{self.id}/{state.series_id}{what}",
            status=Status.RESOLVED if over else Status.FIRING,
            severity=self.severity,
            title=title,
            description=description,
            labels={**labels, "rule": self.name},
            kind=AlertKind.EVENT if what else AlertKind.THRESHOLD,
            source=SOURCE,
            asset_hint=AssetHint(asset_id=state.asset_id),
            start_time=min(start, at),
            end_time=at if over else None,
        )

    def _filled(self, state: SeriesState) -> str:
        known = {"name": self.name, "value": _number(state.value), "limit": _number(self.raise_value)}

        def one(found: "re.Match[str]") -> str:
            name = found[1]
            return known.get(name) or state.labels.get(name.removeprefix("labels."), "")

        return _FILLED.sub(one, self.title)

    def _validate(self) -> None:
        wrong: dict[str, str] = {}
        if not 0 < len(self.name.strip()) <= 200:
            wrong["name"] = "needs 1 to 200 characters"
        if len(self.title) > 250:
            wrong["title"] = "may have 250 characters"
        if not SHORTEST_WINDOW <= self.window <= LONGEST_WINDOW:
            wrong["window"] = "must lie between 10s and 86400s"
        for name in ("pending_for", "keep_firing_for", "no_data_for"):
            if not timedelta(0) <= (getattr(self, name) or timedelta(0)) <= LONGEST:
                wrong[name] = "must not be negative or above 7 days"
        if not math.isfinite(self.raise_value):
            wrong["raise_value"] = "must be finite"
        if self.clear_value is not None and not self._is_behind(self.clear_value):
            wrong["clear_value"] = "must be finite and not beyond the limit that raises"
        try:
            selector.parse(self.match)
        except Invalid as invalid:
            wrong |= invalid.violations
        if wrong:
            raise Invalid(wrong)

    def _is_behind(self, value: float) -> bool:
        above = self.comparison is Comparison.ABOVE
        return math.isfinite(value) and (value <= self.raise_value if above else value >= self.raise_value)


def _move(state: SeriesState, phase: Phase, now: datetime) -> None:
    state.phase, state.phase_time = phase, now


def _aggregated(how: Aggregation, pairs: list[tuple[int, float]]) -> float | None:
    values = [value for _, value in pairs]
    plain: Mapping[Aggregation, float] = {
        Aggregation.LAST: values[-1],
        Aggregation.AVERAGE: sum(values) / len(values),
        Aggregation.MINIMUM: min(values),
        Aggregation.MAXIMUM: max(values),
        Aggregation.SUM: sum(values),
        Aggregation.COUNT: float(len(values)),
    }
    return _rate(pairs) if how is Aggregation.RATE else plain[how]


def _rate(pairs: list[tuple[int, float]]) -> float | None:
    """Growth per second. A counter that falls began anew at nothing; one sample shows no growth."""
    seconds = (pairs[-1][0] - pairs[0][0]) / 1000
    if seconds <= 0:
        return None
    values = [value for _, value in pairs]
    grown = sum(after - before if after >= before else after for before, after in pairwise(values))
    return grown / seconds


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.6g}"
