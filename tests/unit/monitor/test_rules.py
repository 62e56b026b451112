"""What figures make of a rule's series."""

import math
from array import array
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.monitor.domain.rule import FORGOTTEN, Aggregation, AlertRule, Comparison, Phase, SeriesState
from services.monitor.domain.samples import STALE, Columns
from services.monitor.domain.signal import AlertKind, Severity, Signal, Status
from services.monitor.ports import Window, Windows
from services.monitor.usecases.evaluation import move

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP = timedelta(seconds=15)
LABELS = {"__name__": "load", "host": "db-1"}


def rule(**given: Any) -> AlertRule:
    fields: dict[str, Any] = {"name": "Load", "match": 'load{host=~"db-.*"}', "raise_value": 90.0}
    made = AlertRule.made(id="rul_1", at=NOON, **fields | given)
    made.take_recorded()
    return made


def columns(*pairs: tuple[float, float]) -> Columns:
    """Samples, by seconds after noon."""
    start = int(NOON.timestamp() * 1000)
    return Columns(array("q", (start + int(second * 1000) for second, _ in pairs)), array("d", (v for _, v in pairs)))


class Desk:
    """One series under a rule, one evaluation after the other."""

    def __init__(self, subject: AlertRule, *, restarting: bool = False) -> None:
        self.rule, self.now, self.restarting = subject, NOON, restarting
        self.states: dict[str, SeriesState] = {}

    def show(self, *values: float | None) -> list[Signal]:
        """Evaluates with each value in turn; None is a window without samples."""
        told = []
        for value in values:
            self.now += STEP
            shown = columns(((self.now - NOON).total_seconds(), value)) if value is not None else None
            windows = [Window(series_id="s1", labels=LABELS, asset_id="ast_1", columns=shown)] if shown else []
            if self.restarting:
                kept = msgspec.json.encode(self.states)
                self.states = msgspec.json.decode(kept, type=dict[str, SeriesState])
            told += move(self.rule, self.states, Windows(windows), self.now)
        return told

    @property
    def phase(self) -> Phase:
        return self.states["s1"].phase


def told(signals: list[Signal]) -> list[tuple[str, str]]:
    return [(signal.fingerprint, signal.status.value) for signal in signals]


FIRES, ENDS = ("rule/rul_1/s1", "FIRING"), ("rule/rul_1/s1", "RESOLVED")
SILENT, HEARD = ("rule/rul_1/s1/no-data", "FIRING"), ("rule/rul_1/s1/no-data", "RESOLVED")


def test_a_value_at_the_limit_fires_and_one_behind_it_ends() -> None:
    desk = Desk(rule())
    assert told(desk.show(89.9)) == []
    [signal] = desk.show(90)
    assert told([signal]) == [FIRES]
    assert (signal.kind, signal.severity, signal.asset_hint.asset_id) == (AlertKind.THRESHOLD, Severity.WARNING, "ast_1")
    assert signal.labels == {"series": "load", "host": "db-1", "rule": "Load"}
    assert signal.title == "Load: 90 is at or above 90"
    assert told(desk.show(95)) == [], "told once"
    assert told(desk.show(89)) == [ENDS]


def test_it_ends_only_behind_the_limit_that_clears() -> None:
    desk = Desk(rule(clear_value=80.0))
    assert told(desk.show(91, 85, 80)) == [FIRES]
    assert told(desk.show(79.9)) == [ENDS]


def test_below_is_the_other_way_round() -> None:
    desk = Desk(rule(comparison=Comparison.BELOW, raise_value=10.0, clear_value=20.0))
    assert told(desk.show(11, 10)) == [FIRES]
    assert told(desk.show(20, 20.1)) == [ENDS]


def test_it_must_be_bad_all_the_time() -> None:
    desk = Desk(rule(pending_for=3 * STEP))
    assert told(desk.show(91, 92, 93, 50, 91, 92, 93)) == []
    [signal] = desk.show(94)
    assert signal.start_time == NOON + 5 * STEP, "it began when it began to wait"


def test_it_must_be_well_all_the_time() -> None:
    desk = Desk(rule(keep_firing_for=2 * STEP))
    assert told(desk.show(95, 50, 50, 95, 50, 50)) == [FIRES]
    [signal] = desk.show(50)
    assert (signal.status, signal.end_time) == (Status.RESOLVED, NOON + 5 * STEP), "it ended when it became well"


def test_silence_neither_raises_nor_ends() -> None:
    desk = Desk(rule(pending_for=2 * STEP))
    assert told(desk.show(95, 95, None, 95, 95)) == []
    assert told(desk.show(95)) == [FIRES]
    assert told(desk.show(None, None, None)) == []
    assert desk.phase is Phase.FIRING


def test_silence_while_it_recovers_begins_its_waiting_anew() -> None:
    desk = Desk(rule(keep_firing_for=2 * STEP))
    assert told(desk.show(95, 50, None, 50, 50)) == [FIRES]
    assert told(desk.show(50)) == [ENDS]


def test_lasting_silence_is_told_by_an_alert_of_its_own() -> None:
    desk = Desk(rule(no_data_for=3 * STEP))
    assert told(desk.show(95, None, None)) == [FIRES]
    [signal] = desk.show(None)
    assert told([signal]) == [SILENT]
    assert (signal.kind, signal.start_time) == (AlertKind.EVENT, NOON + STEP)
    assert told(desk.show(None, 95)) == [HEARD]
    assert told(desk.show(50)) == [ENDS]


def test_a_series_that_is_gone_for_good_ends_what_it_had_raised() -> None:
    desk = Desk(rule(no_data_for=STEP))
    desk.show(95, None)
    desk.now += FORGOTTEN
    assert told(desk.show(None)) == [ENDS, HEARD]
    assert desk.states == {}


@pytest.mark.parametrize("named", [{"enabled": False}, {"match": 'load{host="web-1"}'}])
def test_a_rule_that_is_not_about_a_series_any_more_ends_what_it_had_raised(named: dict[str, Any]) -> None:
    desk = Desk(rule())
    desk.show(95)
    desk.rule.edit(NOON, **named)
    assert told(desk.show(None)) == [ENDS]
    assert desk.states == {}


def test_a_title_is_filled_in() -> None:
    desk = Desk(rule(title="{name} of {labels.host}{labels.none}: {value} of {limit} {other}"))
    [signal] = desk.show(97.25)
    assert signal.title == "Load of db-1: 97.25 of 90 {other}"


@pytest.mark.parametrize(
    ("how", "value"),
    [
        (Aggregation.LAST, 6.0),
        (Aggregation.AVERAGE, 5.0),
        (Aggregation.MINIMUM, 1.0),
        (Aggregation.MAXIMUM, 8.0),
        (Aggregation.SUM, 15.0),
        (Aggregation.COUNT, 3.0),
        (Aggregation.RATE, (7 + 6) / 20),
    ],
)
def test_samples_of_a_window_become_one_value(how: Aggregation, value: float) -> None:
    measured = rule(aggregate=how).measure(columns((0, 1), (10, 8), (15, math.nan), (20, 6)))
    assert measured is not None
    assert measured.value == pytest.approx(value)
    assert measured.time == NOON + timedelta(seconds=20)


def test_a_series_of_which_the_end_was_told_shows_nothing() -> None:
    assert rule().measure(columns((0, 1), (10, STALE))) is None
    assert rule().measure(Columns.empty()) is None
    assert rule(aggregate=Aggregation.RATE).measure(columns((0, 1))) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"match": "load{"}, "match"),
        ({"match": ""}, "match"),
        ({"raise_value": math.inf}, "raise_value"),
        ({"clear_value": 91.0}, "clear_value"),
        ({"comparison": Comparison.BELOW, "clear_value": 89.0}, "clear_value"),
        ({"window": timedelta(seconds=1)}, "window"),
        ({"pending_for": timedelta(days=8)}, "pending_for"),
        ({"keep_firing_for": -STEP}, "keep_firing_for"),
        ({"no_data_for": timedelta(days=8)}, "no_data_for"),
        ({"title": "x" * 251}, "title"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_by_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        rule(**given)
    assert field in wrong.value.violations


VALUES = st.lists(st.sampled_from([None, 50.0, 85.0, 95.0]), max_size=50)


@given(VALUES, st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, 1, 3]))
@settings(max_examples=200)
def test_a_restart_after_each_evaluation_changes_nothing(
    values: list[float | None], pending: int, keeping: int, silent: int | None
) -> None:
    subject = rule(
        clear_value=80.0,
        pending_for=pending * STEP,
        keep_firing_for=keeping * STEP,
        no_data_for=silent * STEP if silent else None,
    )
    assert Desk(subject, restarting=True).show(*values) == Desk(subject).show(*values)


@given(VALUES, st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, 1, 3]))
@settings(max_examples=200)
def test_it_fires_and_ends_in_turn_and_only_when_it_lasted(
    values: list[float | None], pending: int, keeping: int, silent: int | None
) -> None:
    desk = Desk(
        rule(
            clear_value=80.0,
            pending_for=pending * STEP,
            keep_firing_for=keeping * STEP,
            no_data_for=silent * STEP if silent else None,
        )
    )
    firing = {"rule/rul_1/s1": False, "rule/rul_1/s1/no-data": False}
    for place, value in enumerate(values):
        for signal in desk.show(value):
            resolved = signal.status is Status.RESOLVED
            assert firing[signal.fingerprint] == resolved, "each fires and is resolved in turn"
            firing[signal.fingerprint] = not resolved
            if signal.kind is AlertKind.THRESHOLD:
                needed = keeping if resolved else pending
                row = values[max(place - needed, 0) : place + 1]
                assert len(row) == needed + 1
                assert all(each is not None and (each < 80 if resolved else each >= 90) for each in row)
    assert firing["rule/rul_1/s1"] == ("s1" in desk.states and desk.phase in (Phase.FIRING, Phase.RECOVERING))
