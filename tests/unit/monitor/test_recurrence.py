"""Times that come back, over changes of the clocks too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.domain.recurrence import Frequency, Recurrence, Weekday, check, covers, ends, occurrences

BERLIN = ZoneInfo("Europe/Berlin")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


def weekly(*days: Weekday, begin: str = "22:00", hours: float = 4, every: int = 1, zone: str = "Europe/Berlin") -> Recurrence:
    return Recurrence(
        frequency=Frequency.WEEKLY, weekdays=list(days), begin=begin, duration=timedelta(hours=hours), every=every, zone=zone
    )


def monthly(*, day: int = 0, week: int = 0, days: tuple[Weekday, ...] = (), begin: str = "02:00", every: int = 1) -> Recurrence:
    return Recurrence(
        frequency=Frequency.MONTHLY,
        month_day=day,
        week=week,
        weekdays=list(days),
        begin=begin,
        duration=timedelta(hours=1),
        every=every,
        zone="Europe/Berlin",
    )


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def begins(recurrence: Recurrence, since: str, days: int) -> list[str]:
    found = occurrences(recurrence, START, local(f"{since}T00:00"), back=0, days=days)
    return [begin.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M") for begin in found]


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    sunday = weekly(Weekday.SUNDAY)
    assert covers(START, END, sunday, local("2026-05-03T22:00"))
    assert covers(START, END, sunday, local("2026-05-04T01:59"))
    assert not covers(START, END, sunday, local("2026-05-04T02:00"))
    assert not covers(START, END, sunday, local("2026-05-03T21:59"))


def test_nothing_recurs_outside_of_start_and_end() -> None:
    sunday = weekly(Weekday.SUNDAY)
    assert not covers(local("2026-05-03T23:00"), END, sunday, local("2026-05-03T22:30"))
    assert not covers(START, local("2026-05-03T23:00"), sunday, local("2026-05-03T23:00"))


def test_a_begin_that_the_clocks_jump_over_is_as_much_later() -> None:
    assert begins(weekly(Weekday.SUNDAY, begin="02:30"), "2026-03-29", 1) == ["2026-03-29T03:30"]


def test_a_begin_that_the_clocks_pass_twice_counts_once() -> None:
    night = weekly(Weekday.SUNDAY, begin="02:30", hours=1)
    (begin,) = occurrences(night, START, local("2026-10-25T00:00"), back=0, days=1)
    assert begin == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert not covers(START, END, night, datetime(2026, 10, 25, 1, 30, tzinfo=UTC))


def test_an_occurrence_lasts_as_long_as_it_says_when_the_clocks_change() -> None:
    saturday = weekly(Weekday.SATURDAY, begin="23:00", hours=6)
    begin = local("2026-03-28T23:00")
    assert covers(START, END, saturday, begin + timedelta(hours=5, minutes=59))
    assert not covers(START, END, saturday, begin + timedelta(hours=6))


def test_the_second_tuesday_and_the_last_friday() -> None:
    assert begins(monthly(week=2, days=(Weekday.TUESDAY,)), "2026-05-01", 62) == ["2026-05-12T02:00", "2026-06-09T02:00"]
    assert begins(monthly(week=-1, days=(Weekday.FRIDAY,)), "2026-05-01", 61) == ["2026-05-29T02:00", "2026-06-26T02:00"]


def test_a_month_without_the_day_is_left_out_and_the_last_day_is_in_each() -> None:
    assert begins(monthly(day=31), "2026-01-15", 90) == ["2026-01-31T02:00", "2026-03-31T02:00"]
    assert begins(monthly(day=-1), "2026-01-15", 60) == ["2026-01-31T02:00", "2026-02-28T02:00"]


def test_every_second_week_counts_from_the_start() -> None:
    every_other = weekly(Weekday.MONDAY, every=2)
    assert begins(every_other, "2026-01-01", 32) == ["2026-01-12T22:00", "2026-01-26T22:00"]


@pytest.mark.parametrize(
    ("recurrence", "field"),
    [
        (weekly(), "weekdays"),
        (weekly(Weekday.MONDAY, every=0), "every"),
        (weekly(Weekday.MONDAY, every=53), "every"),
        (weekly(Weekday.MONDAY, begin="24:00"), "begin"),
        (weekly(Weekday.MONDAY, begin="9:00"), "begin"),
        (weekly(Weekday.MONDAY, hours=0), "duration"),
        (weekly(Weekday.MONDAY, hours=24 * 8), "duration"),
        (weekly(Weekday.MONDAY, zone="Mars/Base"), "zone"),
        (weekly(Weekday.MONDAY, zone="../etc/passwd"), "zone"),
        (monthly(), "month_day"),
        (monthly(day=32), "month_day"),
        (monthly(day=1, days=(Weekday.MONDAY,)), "month_day"),
        (monthly(days=(Weekday.MONDAY,)), "week"),
    ],
)
def test_what_never_comes_back_is_refused_by_field(recurrence: Recurrence, field: str) -> None:
    assert list(check(recurrence)) == [f"recurrence.{field}"]


RECURRENCES = st.one_of(
    st.builds(
        weekly,
        st.sampled_from(list(Weekday)),
        begin=st.sampled_from(["00:00", "02:30", "23:30"]),
        hours=st.integers(1, 168),
        every=st.integers(1, 3),
    ),
    st.builds(
        monthly, day=st.sampled_from([1, 15, 31, -1]), begin=st.sampled_from(["00:00", "02:30"]), every=st.integers(1, 3)
    ),
)


@settings(max_examples=150, deadline=None)
@given(RECURRENCES, st.datetimes(datetime(2026, 1, 2), datetime(2027, 6, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_the_next_end_is_the_end_of_an_occurrence_that_is_not_over(recurrence: Recurrence, at: datetime) -> None:
    end = ends(START, END, recurrence, at)
    assert end is not None
    assert end > at
    if end != END:
        assert covers(START, END, recurrence, end - timedelta(seconds=1))
    if covers(START, END, recurrence, at):
        assert end - at <= recurrence.duration


def test_what_is_over_ends_no_more() -> None:
    assert ends(START, END, None, START) == END
    assert ends(START, END, None, END) is None
