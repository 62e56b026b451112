"""Silences and maintenance windows as records."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsm.monitor import v1 as pb

from chassis.errors import ForbiddenMove, Invalid
from services.monitor.domain.maintenance import MaintenanceWindow
from services.monitor.domain.pattern import LENGTH, VALUE_LENGTH, matches, wrong_pattern
from services.monitor.domain.recurrence import Frequency, Recurrence, Weekday
from services.monitor.domain.silence import Matcher, Operator, Silence

T0 = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(*matchers: Matcher, **given: Any) -> Silence:
    told = {"end_time": T0 + HOUR, "comment": "noise", **given}
    return Silence.made(id="sil_1", by="user-1", at=T0, matchers=list(matchers or (Matcher(label="job", value="api"),)), **told)


def window(**given: Any) -> MaintenanceWindow:
    told = {"name": "disks", "asset_ids": ["ast_1"], "end_time": T0 + HOUR, "comment": "new disks", **given}
    return MaintenanceWindow.made(id="mnt_1", by="user-1", at=T0, **told)


def test_all_matchers_must_fit() -> None:
    made = silence(Matcher(label="job", value="api"), Matcher(label="env", operator=Operator.NOT_EQUAL, value="prod"))
    assert made.covers({"job": "api"}, T0)
    assert made.covers({"job": "api", "env": "test"}, T0)
    assert not made.covers({"job": "api", "env": "prod"}, T0)
    assert not made.covers({"env": "test"}, T0)


def test_a_pattern_is_for_the_whole_value() -> None:
    made = silence(Matcher(label="host", operator=Operator.MATCHES, value="web-[0-9]+"))
    assert made.covers({"host": "web-12"}, T0)
    assert not made.covers({"host": "web-12.example"}, T0)
    other = silence(Matcher(label="a", value="1"), Matcher(label="host", operator=Operator.NOT_MATCHES, value="db.*"))
    assert other.covers({"a": "1", "host": "web"}, T0)
    assert not other.covers({"a": "1", "host": "db-1"}, T0)


def test_it_holds_from_its_start_until_just_before_its_end() -> None:
    made = silence(start_time=T0 + timedelta(minutes=10))
    held = [made.covers({"job": "api"}, T0 + timedelta(minutes=minutes)) for minutes in (9, 10, 59, 60)]
    assert held == [False, True, True, False]
    assert made.next_end(T0) == made.end_time


def test_what_would_silence_everything_is_refused() -> None:
    for matchers in (
        [],
        [Matcher(label="job", operator=Operator.MATCHES, value=".*")],
        [Matcher(label="job", operator=Operator.NOT_EQUAL, value="x")],
        [Matcher(label="job", value="")],
        [
            Matcher(label="a", operator=Operator.NOT_MATCHES, value=".+"),
            Matcher(label="b", operator=Operator.NOT_EQUAL, value="1"),
        ],
    ):
        with pytest.raises(Invalid) as refused:
            Silence.made(id="s", by="u", at=T0, matchers=matchers, end_time=T0 + HOUR, comment="x")
        assert list(refused.value.violations) == ["matchers"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"end_time": None}, "end_time"),
        ({"end_time": T0}, "end_time"),
        ({"end_time": T0 - HOUR, "start_time": T0 - 2 * HOUR}, "end_time"),
        ({"end_time": T0 + timedelta(days=367)}, "end_time"),
        ({"comment": " "}, "comment"),
        ({"comment": "x" * 2001}, "comment"),
        ({"matchers": [Matcher(label="", value="x")]}, "matchers[0].label"),
        ({"matchers": [Matcher(label="a", operator=Operator.MATCHES, value="(")]}, "matchers[0].value"),
        ({"matchers": [Matcher(label="a", value="x" * 1001)]}, "matchers[0].value"),
        ({"matchers": [Matcher(label="a", value="x")] * 21}, "matchers"),
    ],
)
def test_a_silence_that_is_none_is_refused_by_field(given: dict[str, Any], field: str) -> None:
    told = {"matchers": [Matcher(label="job", value="api")], "end_time": T0 + HOUR, "comment": "noise", **given}
    with pytest.raises(Invalid) as refused:
        Silence.made(id="s", by="u", at=T0, **told)
    assert list(refused.value.violations) == [field]


def test_expiring_ends_now_once_and_what_is_over_does_not_change() -> None:
    made = silence()
    made.take_recorded()
    later = T0 + timedelta(minutes=5)
    made.expire(later)
    assert isinstance(made.take_recorded(), pb.SilenceExpired)
    assert made.end_time == made.update_time == later
    made.expire(later)
    assert made.take_recorded() is None
    with pytest.raises(ForbiddenMove):
        made.edit(later, comment="other")


def test_expiring_before_the_start_leaves_no_time_at_all() -> None:
    made = silence(start_time=T0 + timedelta(minutes=30))
    made.take_recorded()
    made.expire(T0)
    assert made.start_time == made.end_time == T0


def test_an_edit_that_changes_nothing_tells_nothing() -> None:
    made = silence()
    made.take_recorded()
    made.edit(T0, comment="noise")
    assert made.take_recorded() is None
    made.edit(T0, comment="other")
    assert isinstance(made.take_recorded(), pb.SilenceUpdated)


def test_a_recurring_one_lets_go_after_each_occurrence() -> None:
    daily = Recurrence(frequency=Frequency.WEEKLY, weekdays=list(Weekday), begin="13:00", duration=HOUR)
    made = silence(recurrence=daily, end_time=T0 + timedelta(days=500))
    assert made.next_end(T0) == T0 + 2 * HOUR
    assert not made.covers({"job": "api"}, T0)
    assert made.covers({"job": "api"}, T0 + HOUR)


def test_a_window_needs_assets_and_a_name() -> None:
    assert window().include_dependents
    for told, field in (({"asset_ids": []}, "asset_ids"), ({"asset_ids": [""]}, "asset_ids"), ({"name": " "}, "name")):
        with pytest.raises(Invalid) as refused:
            window(**told)
        assert list(refused.value.violations) == [field]
    made = window()
    made.take_recorded()
    made.edit(T0, name="more disks")
    assert isinstance(made.take_recorded(), pb.MaintenanceWindowUpdated)
    made.expire(T0)
    assert isinstance(made.take_recorded(), pb.MaintenanceWindowExpired)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+", "(a*)*b", "(a|a)*", "(.*)(.*)(.*)x", "a?" * 30 + "a" * 30, "(a|a)" * 30, r"(a)\1", "(?=a)a", "(?<!a)b", "(",
        "[", "x{1,999999999999}", "a" * (LENGTH + 1), "(?:x{0,9}){0,9}", "(a|b|ab)*c",
    ],
)  # fmt: skip
def test_a_pattern_that_may_take_long_is_refused(pattern: str) -> None:
    assert wrong_pattern(pattern) is not None


@pytest.mark.parametrize(
    "pattern", ["", "web-.*", ".*web.*", "(web|db)-[0-9]{1,3}", r"node\d+\.(eu|us)\.example", "(?i)error", "^a$", "[^x]+"]
)
def test_a_pattern_that_people_write_is_taken(pattern: str) -> None:
    assert wrong_pattern(pattern) is None


@pytest.mark.parametrize("pattern", [".*a.*b", "[a-z]*[a-z]*", "(?:a|aa|aaa)(?:a|aa)[a]*[a]*b", "(a?)(a?)(a?).*a"])
def test_the_worst_patterns_that_are_taken_end(pattern: str) -> None:
    if wrong_pattern(pattern) is None:
        began = time.process_time()
        matches(pattern, "a" * VALUE_LENGTH * 10 + "!")
        assert time.process_time() - began < 10


@given(st.text(max_size=40))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    if wrong_pattern(text) is None:
        matches(text, text)
