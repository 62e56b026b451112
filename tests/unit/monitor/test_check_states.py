"""What results make of a check's state."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.monitor.domain.check import AHEAD, SILENT_GRACE, Check, CheckResult, Outcome, State, slot
from services.monitor.domain.check_settings import Kind, Limits
from services.monitor.domain.check_signals import signals
from services.monitor.domain.signal import AlertKind, Severity, Status
from tests.unit.monitor.checks import NOON, STEP, check, hear, local, result

OK, DEGRADED, FAILED, UNKNOWN = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.UNKNOWN
RANK = {OK: 0, DEGRADED: 1, FAILED: 2}
LEVEL = {0: State.UP, 1: State.DEGRADED, 2: State.DOWN}


def test_the_first_good_result_makes_it_up_and_tells_nobody() -> None:
    subject = check()
    [turn] = hear(subject, OK)
    assert (subject.state, subject.state_time) == (State.UP, NOON + STEP)
    assert signals(subject, turn) == []


def test_it_takes_as_many_bad_results_as_it_says_to_be_believed() -> None:
    subject = check(raise_after=3)
    hear(subject, OK, FAILED, FAILED, OK, FAILED, FAILED)
    assert subject.state is State.UP
    [turn] = hear(subject, FAILED, start=7)
    assert subject.state is State.DOWN
    assert turn.problem == NOON + 5 * STEP, "it began with the first result of the row"


def test_an_alternation_of_bad_and_worse_is_bad() -> None:
    subject = check()
    hear(subject, OK, FAILED, DEGRADED)
    assert subject.state is State.DEGRADED


def test_it_gets_better_after_as_many_better_results_as_it_says() -> None:
    subject = check(clear_after=2)
    hear(subject, FAILED, FAILED, OK, FAILED, OK)
    assert subject.state is State.DOWN
    [turn] = hear(subject, OK, start=6)
    assert subject.state is State.UP
    assert turn.at == NOON + 5 * STEP, "it ended with the first result of the row"


def test_what_it_tells_has_the_times_of_the_results() -> None:
    subject = check(severity=Severity.CRITICAL, asset_id="ast_1")
    down, up = hear(subject, FAILED, FAILED, OK)
    [firing] = signals(subject, down)
    assert (firing.fingerprint, firing.status, firing.severity) == ("check/chk_1", Status.FIRING, Severity.CRITICAL)
    assert (firing.kind, firing.start_time, firing.asset_hint.asset_id) == (AlertKind.AVAILABILITY, NOON + STEP, "ast_1")
    [resolved] = signals(subject, up)
    assert (resolved.status, resolved.start_time, resolved.end_time) == (Status.RESOLVED, NOON + STEP, NOON + 3 * STEP)


def test_a_worse_state_keeps_the_beginning_of_its_problem_and_raises_its_severity() -> None:
    subject = check(severity=Severity.CRITICAL)
    degraded, down = hear(subject, DEGRADED, DEGRADED, FAILED, FAILED)
    told = [*signals(subject, degraded), *signals(subject, down)]
    assert [signal.severity for signal in told] == [Severity.WARNING, Severity.CRITICAL]
    assert {signal.start_time for signal in told} == {NOON + STEP}
    assert [signal.severity_time for signal in told] == [NOON + STEP, NOON + 3 * STEP]
    [slow] = hear(subject, DEGRADED, start=5)
    assert signals(subject, slow)[0].severity_time == NOON + 5 * STEP


def test_a_look_that_fails_says_nothing_of_its_target() -> None:
    subject = check()
    hear(subject, OK, FAILED, FAILED)
    [turn] = hear(subject, UNKNOWN, UNKNOWN, start=4)
    assert subject.state is State.UNKNOWN
    [told] = signals(subject, turn)
    assert (told.fingerprint, told.status) == ("check/chk_1/no-data", Status.FIRING)
    [back] = hear(subject, FAILED, start=6)
    assert subject.state is State.DOWN
    assert [(signal.fingerprint, signal.status) for signal in signals(subject, back)] == [
        ("check/chk_1/no-data", Status.RESOLVED)
    ]


def test_an_agent_that_is_silent_for_three_intervals_makes_its_checks_unknown() -> None:
    subject = local()
    hear(subject, OK)
    late = NOON + STEP + 3 * STEP + SILENT_GRACE
    assert subject.stale_time == late
    assert subject.lapse(late - timedelta(milliseconds=1)) is None
    turn = subject.lapse(late)
    assert turn is not None
    assert subject.state is State.UNKNOWN
    [told] = signals(subject, turn)
    assert (told.fingerprint, told.start_time, told.severity) == ("check/chk_1/no-data", NOON + STEP, Severity.WARNING)
    subject.take_recorded()
    assert subject.lapse(late + STEP) is None, "told once"
    hear(subject, OK, start=9)
    assert subject.state is State.UP


def test_an_agent_that_never_reports_makes_its_checks_unknown_too() -> None:
    subject = local()
    assert subject.stale_time is not None
    assert subject.lapse(subject.stale_time) is not None
    assert subject.state is State.UNKNOWN


def test_a_disabled_check_ends_what_it_had_raised() -> None:
    subject = check()
    hear(subject, FAILED, FAILED)
    turn = subject.disable(NOON + 9 * STEP)
    assert turn is not None
    [told] = signals(subject, turn)
    assert (told.status, told.end_time) == (Status.RESOLVED, NOON + 9 * STEP)
    assert (subject.state, subject.next_due_time, subject.stale_time) == (State.PENDING, None, None)


def test_limits_judge_a_value_with_a_margin_once_they_were_passed() -> None:
    subject = local(kind=Kind.DISK, target="/", limits=Limits(degraded=80, down=90, margin=5), raise_after=1, clear_after=1)
    seen = []
    for step, value in enumerate((79, 80, 76, 74, 91, 86, 84.9, 75, 74.9)):
        at = NOON + step * STEP
        subject.hear(subject.judged(CheckResult(time=at, value=value), at), at)
        subject.take_recorded()
        seen.append(subject.state.value)
    assert seen == ["UP", "DEGRADED", "DEGRADED", "UP", "DOWN", "DOWN", "DEGRADED", "DEGRADED", "UP"]


def test_a_result_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(Invalid, match="outcome"):
        local().judged(result(1, None, value=3.0), NOON)


def test_a_result_from_a_clock_far_ahead_counts_as_of_now() -> None:
    subject = local()
    assert subject.judged(result(100), NOON).time == NOON
    assert subject.judged(CheckResult(time=NOON + AHEAD, outcome=OK), NOON).time == NOON + AHEAD


def test_a_clock_that_was_set_back_does_not_make_everything_old() -> None:
    subject = local()
    hear(subject, OK, start=200)
    assert not subject.is_news(result(199), NOON + 201 * STEP)
    assert subject.is_news(result(1), NOON + STEP)


def test_checks_of_one_interval_are_spread_over_it_and_keep_their_places() -> None:
    many = [Check.made(id=f"chk_{number}", at=NOON, name="n", kind=Kind.TCP, target="h:1") for number in range(600)]
    first = [slot(each, NOON) for each in many]
    assert all(NOON < due <= NOON + timedelta(minutes=1) for due in first)
    by_second = [sum(due.second == second for due in first) for second in range(60)]
    assert max(by_second) < 35, "ten on average"
    assert all(slot(each, due) == due + timedelta(minutes=1) for each, due in zip(many, first, strict=True))
    assert all(slot(each, NOON + timedelta(hours=7, seconds=3)) >= NOON + timedelta(hours=7) for each in many)


@given(st.lists(st.sampled_from([OK, DEGRADED, FAILED]), max_size=40), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_the_state_is_what_rows_of_results_say(outcomes: list[Outcome], raise_after: int, clear_after: int) -> None:
    subject = check(raise_after=raise_after, clear_after=clear_after)
    level: int | None = None
    for count in range(1, len(outcomes) + 1):
        hear(subject, outcomes[count - 1], start=count)
        ranks = [RANK[outcome] for outcome in outcomes[:count]]
        rising, needed = ranks[-raise_after:], clear_after if level else 1
        if level is not None and level > 0:
            falling = ranks[-needed:]
            if len(falling) == needed and max(falling) < level:
                level = max(falling)
                rising = []
        if len(rising) == raise_after and min(rising) > (level or 0):
            level = min(rising)
        elif level is None and ranks[-1] == 0:
            level = 0
        assert subject.state is (State.PENDING if level is None else LEVEL[level])


@given(st.lists(st.sampled_from([OK, DEGRADED, FAILED, UNKNOWN, None]), max_size=40), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_each_fingerprint_fires_and_is_resolved_in_turn(
    outcomes: list[Outcome | None], raise_after: int, clear_after: int
) -> None:
    subject = local(raise_after=raise_after, clear_after=clear_after)
    firing: dict[str, bool] = {}
    for step, outcome in enumerate(outcomes, 1):
        at = NOON + step * 10 * STEP
        turn = subject.lapse(at) if outcome is None else subject.hear(subject.judged(result(step * 10, outcome), at), at)
        subject.take_recorded()
        for signal in signals(subject, turn) if turn is not None else []:
            resolved = signal.status is Status.RESOLVED
            assert not resolved or firing.get(signal.fingerprint), "nothing is resolved that does not fire"
            assert resolved or signal.fingerprint == "check/chk_1" or not firing.get(signal.fingerprint)
            assert signal.start_time <= (signal.end_time or at)
            firing[signal.fingerprint] = not resolved
    assert firing.get("check/chk_1", False) == (subject.level in (State.DEGRADED, State.DOWN))
    assert firing.get("check/chk_1/no-data", False) == (subject.state is State.UNKNOWN)
