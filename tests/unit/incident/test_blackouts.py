"""When blackouts hold, by the clock on the wall and in years that there are."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import Invalid
from services.incident.domain.blackout import Repeat
from tests.unit.incident.desk import MONDAY
from tests.unit.incident.test_planning import blackout


@pytest.mark.parametrize(
    ("first", "night", "ends"),
    [
        ("2026-03-20T22:00", "2026-03-28T20:00", "2026-03-29T04:00"),  # the clock goes forward: an hour less
        ("2026-10-20T22:00", "2026-10-24T19:00", "2026-10-25T05:00"),  # it goes back: an hour more
    ],
)
def test_a_blackout_until_six_ends_at_six_whatever_daylight_saving_does(first: str, night: str, ends: str) -> None:
    nights = blackout(first, 8, Repeat.DAILY)
    at = datetime.fromisoformat(night).replace(tzinfo=UTC)
    (span,) = nights.times(at + timedelta(hours=3), at + timedelta(hours=5))
    assert span.end == datetime.fromisoformat(ends).replace(tzinfo=UTC)


def test_one_that_holds_once_holds_as_long_as_was_said() -> None:
    once = blackout("2026-10-25T00:00", 6, Repeat.ONCE)
    (span,) = once.times(once.start_time, once.end_time)
    assert (span.start, span.end) == (once.start_time, once.end_time)


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_instants_beyond_the_years_of_a_plan_are_refused_by_name(year: int) -> None:
    at = datetime(year, 12, 31, 22, tzinfo=UTC)
    for fields in (
        {"start_time": at, "end_time": at + timedelta(hours=1)},
        {"start_time": MONDAY, "end_time": MONDAY + timedelta(hours=1), "until_time": at},
    ):
        with pytest.raises(Invalid) as refused:
            blackout("2026-03-20T22:00", 1, Repeat.DAILY, "UTC", **fields)
        assert set(refused.value.violations) & {"start_time", "until_time"}


@pytest.mark.parametrize("year", [1, 9999])
def test_a_period_beyond_those_years_meets_no_time_and_breaks_nothing(year: int) -> None:
    at = datetime(year, 12, 31, tzinfo=UTC) if year > 1 else datetime(1, 1, 1, tzinfo=UTC)
    assert not list(blackout("2026-03-20T22:00", 1, Repeat.DAILY).times(at, at + timedelta(hours=12)))
