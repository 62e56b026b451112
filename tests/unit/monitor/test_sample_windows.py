"""What windows tell of a series, compared with a count by hand over the samples themselves."""

from array import array
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.domain.samples import STALE, Columns, merged
from services.monitor.domain.series import SeriesKind
from services.monitor.domain.windows import (
    FIVE_MINUTES,
    HOUR,
    Aggregate,
    combined,
    fullest,
    kept,
    points,
    unkept,
    windows,
)

rows = st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(-1000, 1000)), min_size=1, max_size=60)
UNKNOWN, DELTA = SeriesKind.UNKNOWN, SeriesKind.DELTA


def columns(samples: list[tuple[int, float]]) -> Columns:
    return merged(Columns(array("q", (at for at, _ in samples)), array("d", (value for _, value in samples))))


def told(
    samples: list[tuple[int, float]], step: int, aggregate: Aggregate, kind: SeriesKind = UNKNOWN
) -> list[tuple[int, float]]:
    return list(points(windows(columns(samples), step), step, aggregate, kind))


@given(rows)
def test_each_aggregate_is_that_of_the_samples_in_the_window(samples: list[tuple[int, float]]) -> None:
    found = columns(samples)
    by_window: dict[int, list[float]] = {}
    for at, value in zip(found.times, found.values, strict=True):
        by_window.setdefault(at - at % FIVE_MINUTES, []).append(value)
    for aggregate, of in (
        (Aggregate.MIN, min), (Aggregate.MAX, max), (Aggregate.SUM, sum), (Aggregate.COUNT, len),
        (Aggregate.LAST, lambda each: each[-1]), (Aggregate.AVG, lambda each: sum(each) / len(each)),
    ):  # fmt: skip
        assert told(samples, FIVE_MINUTES, aggregate) == [(at, pytest.approx(of(each))) for at, each in by_window.items()]


@given(rows)
def test_an_hour_made_of_roll_ups_is_the_hour_made_of_samples(samples: list[tuple[int, float]]) -> None:
    found = columns(samples)
    direct = windows(found, HOUR)
    rolled = combined(unkept(kept(windows(found, FIVE_MINUTES))), HOUR)
    assert [astuple(each) for each in rolled] == [pytest.approx(astuple(each)) for each in direct]


@given(rows)
def test_the_rise_of_a_counter_is_the_same_whatever_the_step(samples: list[tuple[int, float]]) -> None:
    found = [(at, abs(value)) for at, value in samples]
    whole = sum(value for _, value in told(found, 4 * HOUR, Aggregate.INCREASE))
    parts = combined(windows(columns(found), FIVE_MINUTES), 4 * HOUR)
    assert sum(value for _, value in points(parts, 4 * HOUR, Aggregate.INCREASE, UNKNOWN)) == pytest.approx(whole)


def test_a_counter_that_falls_has_begun_again() -> None:
    samples = [(0, 100.0), (60_000, 160.0), (120_000, 30.0), (180_000, 40.0)]
    assert told(samples, FIVE_MINUTES, Aggregate.INCREASE) == [(0, 100.0)]
    assert told(samples, FIVE_MINUTES, Aggregate.RATE) == [(0, pytest.approx(100 / 180))]


def test_a_rate_reaches_back_to_the_last_sample_of_the_window_before() -> None:
    samples = [(at * 60_000, at * 60.0) for at in range(10)]
    assert told(samples, FIVE_MINUTES, Aggregate.RATE) == [(0, 1.0), (FIVE_MINUTES, 1.0)]


def test_one_sample_alone_has_no_rate() -> None:
    assert told([(0, 5.0)], FIVE_MINUTES, Aggregate.RATE) == []


def test_deltas_add_up() -> None:
    samples = [(at * 60_000, 60.0) for at in range(10)]
    assert told(samples, FIVE_MINUTES, Aggregate.RATE, DELTA) == [(0, 1.0), (FIVE_MINUTES, 1.0)]
    assert told(samples, FIVE_MINUTES, Aggregate.INCREASE, DELTA) == [(0, 240.0), (FIVE_MINUTES, 300.0)]


def test_after_the_end_of_a_series_there_is_no_last_value() -> None:
    samples = [(0, 1.0), (60_000, STALE), (FIVE_MINUTES, 2.0)]
    assert told(samples, FIVE_MINUTES, Aggregate.LAST) == [(FIVE_MINUTES, 2.0)]
    assert told(samples, FIVE_MINUTES, Aggregate.MAX) == [(0, 1.0), (FIVE_MINUTES, 2.0)]


def test_of_two_roll_ups_of_a_window_the_fuller_one_counts() -> None:
    early = windows(columns([(0, 1.0)]), FIVE_MINUTES)
    late = windows(columns([(0, 1.0), (1, 3.0)]), FIVE_MINUTES)
    assert fullest([*late, *early]) == fullest([*early, *late]) == late
