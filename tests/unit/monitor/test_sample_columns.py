"""Samples in columns: merged as a union, kept exactly."""

import math
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.domain.samples import (
    SPAN,
    STALE,
    Columns,
    bits,
    is_stale,
    merged,
    packed,
    plain,
    read,
    stronger,
    unpacked,
)

START = 1_700_000_000_000 // SPAN * SPAN
NAN = float("nan")

values = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, STALE, NAN, math.inf, -math.inf, 1.0, 2.0]))
samples = st.lists(st.tuples(st.integers(START, START + SPAN - 1), values), max_size=40)
crowded = st.lists(st.tuples(st.integers(START, START + 5), values), max_size=20)


def columns(rows: list[tuple[int, float]]) -> Columns:
    return Columns(array("q", (at for at, _ in rows)), array("d", (value for _, value in rows)))


def exact(found: Columns) -> list[tuple[int, int]]:
    """NaN equals nothing, so values are compared by their bits."""
    return [(at, bits(value)) for at, value in zip(found.times, found.values, strict=True)]


@given(samples)
def test_a_bucket_gives_back_what_it_was_given(rows: list[tuple[int, float]]) -> None:
    whole = columns(rows)
    assert exact(unpacked(plain(whole, START), START)) == exact(whole)
    assert exact(unpacked(packed(whole, START), START)) == exact(merged(whole))


@given(st.one_of(samples, crowded), st.randoms(use_true_random=False))
def test_order_and_repetition_of_writes_change_nothing(rows: list[tuple[int, float]], chance: random.Random) -> None:
    again = [*rows, *chance.sample(rows, k=len(rows) // 2)]
    chance.shuffle(again)
    chunks = []
    while again:
        size = chance.randint(1, 7)
        portion, again = again[:size], again[size:]
        chunks.append((packed if chance.random() < 0.3 else plain)(columns(portion), START))
    assert exact(read(chunks, START)) == exact(merged(columns(rows)))


@given(crowded)
def test_each_instant_has_one_sample_in_order(rows: list[tuple[int, float]]) -> None:
    found = merged(columns(rows))
    assert list(found.times) == sorted({at for at, _ in rows})


@pytest.mark.parametrize(
    ("one", "other", "stays"),
    [(1.0, 2.0, 2.0), (-1.0, -2.0, -1.0), (1.0, NAN, 1.0), (STALE, 1.0, 1.0), (STALE, -math.inf, -math.inf), (-0.0, 0.0, 0.0)],
)
def test_of_two_values_at_one_instant_the_greater_stays(one: float, other: float, stays: float) -> None:
    assert bits(stronger(one, other)) == bits(stronger(other, one)) == bits(stays)


def test_the_end_of_a_series_is_one_nan_of_many() -> None:
    assert is_stale(STALE)
    assert not is_stale(NAN)
    assert not is_stale(1.0)
    assert bits(array("d", array("d", [STALE]).tobytes())[0]) == 0x7FF0_0000_0000_0002


def test_a_steady_series_takes_less_than_a_byte_a_sample_when_packed() -> None:
    steady = columns([(START + 15_000 * place, 42.0) for place in range(480)])
    assert len(packed(steady, START)) < 480


def test_what_is_no_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="cut"):
        unpacked(plain(columns([(START, 1.0)]), START)[:-1], START)
    with pytest.raises(ValueError, match="another release"):
        unpacked(b"\x09abc", START)


def test_samples_between_two_instants() -> None:
    found = columns([(1, 1.0), (5, 5.0), (9, 9.0)])
    assert list(found.between(5, 9).values) == [5.0]
    assert found.between(0, 10) is found
