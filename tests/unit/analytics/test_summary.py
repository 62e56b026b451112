"""Mean, median and 90th percentile."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain.summary import quantile, summarize

VALUES = st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=200)


@given(VALUES)
def test_the_median_is_the_one_of_the_standard_library(values: list[float]) -> None:
    assert summarize(values).median == pytest.approx(statistics.median(values))


@given(VALUES.filter(lambda values: len(values) > 1))
def test_the_90th_percentile_is_the_inclusive_one_of_the_standard_library(values: list[float]) -> None:
    assert summarize(values).p90 == pytest.approx(statistics.quantiles(values, n=10, method="inclusive")[-1])


@given(VALUES)
def test_no_quantile_lies_outside_of_what_was_measured(values: list[float]) -> None:
    ordered = sorted(values)
    for share in (0, 0.1, 0.5, 0.9, 1):
        assert ordered[0] * (1 - 1e-12) <= quantile(ordered, share) <= ordered[-1] * (1 + 1e-12)


def test_one_value_is_its_own_mean_median_and_percentile() -> None:
    summary = summarize([42.0])

    assert (summary.mean, summary.median, summary.p90, summary.count) == (42, 42, 42, 1)
