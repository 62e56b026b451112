"""Flapping: the known vectors, and intervals instead of messages."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.domain.flapping import BITS, History

T0 = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("newest", "percent"), [(0, 0.0), (5, 28.5), (6, 33.9), (20, 99.0)])
def test_the_newest_changes_weigh_as_in_icinga(newest: int, percent: float) -> None:
    assert History(bits=(1 << newest) - 1).percent == pytest.approx(percent)


def changing(times: int, *, every: timedelta = MINUTE) -> History:
    history, now = History(), T0
    for index in range(times):
        history = history.heard(index % 2 == 0, now, MINUTE)
        now += every
    return history


def test_five_intervals_with_a_change_are_not_flapping_and_six_are() -> None:
    assert not changing(5).flapping
    assert changing(6).flapping


def test_repeated_signals_of_one_state_do_not_dilute() -> None:
    history = changing(6)
    for second in range(50):
        history = history.heard(history.open, T0 + 5 * MINUTE + timedelta(seconds=second), MINUTE)
    assert history == changing(6)


def test_many_changes_in_one_interval_count_once() -> None:
    assert changing(40, every=timedelta(seconds=1)).bits.bit_count() == 1


def test_it_goes_on_until_the_share_has_fallen_to_the_lower_limit() -> None:
    history = changing(6)
    calm = history.calm_at(MINUTE)
    assert history.at(calm - MINUTE, MINUTE).flapping
    assert not history.at(calm, MINUTE).flapping
    assert history.at(calm, MINUTE).percent <= 25
    assert history.at(calm - MINUTE, MINUTE).percent > 25


def test_an_instant_of_before_changes_nothing() -> None:
    history = changing(6)
    assert history.at(T0, MINUTE) == history


def test_long_silence_forgets_everything() -> None:
    assert changing(20).at(T0 + timedelta(days=1), MINUTE).bits == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=60))
def test_the_ring_never_outgrows_itself_and_flapping_ends(steps: list[tuple[bool, int]]) -> None:
    history, now = History(), T0
    for is_open, seconds in steps:
        now += timedelta(seconds=seconds)
        history = history.heard(is_open, now, MINUTE)
        assert 0 <= history.bits < 1 << BITS
        assert history.flapping or history.percent < 30
    assert not history.at(history.calm_at(MINUTE), MINUTE).flapping
