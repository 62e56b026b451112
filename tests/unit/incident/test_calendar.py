"""The business calendar on the cases that are easy to get wrong. Unless said: Mon-Fri 09:00-17:00 Europe/Berlin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chassis.errors import Invalid
from services.incident.domain.calendar import (
    WEEKDAYS,
    BusinessCalendar,
    Closing,
    Hours,
    Weekday,
    Window,
)
from tests.unit.incident.office import BERLIN, a_calendar, hours, local


def test_a_target_over_the_weekend_of_the_spring_change_is_due_at_the_local_hour():
    start = local("2026-03-27T16:00")
    due = a_calendar().add(start, hours(4))
    assert due == local("2026-03-30T12:00")
    assert due - start == hours(67)


def test_around_the_clock_four_hours_on_the_spring_night_end_at_half_past_five():
    always = BusinessCalendar.never_closing("Europe/Berlin")
    assert always.add(local("2026-03-29T00:30"), hours(4)) == local("2026-03-29T05:30")


def test_around_the_clock_four_hours_on_the_autumn_night_end_at_half_past_three():
    always = BusinessCalendar.never_closing("Europe/Berlin")
    assert always.add(local("2026-10-25T00:30"), hours(4)) == local("2026-10-25T03:30")


def test_windows_of_whole_days_count_like_around_the_clock_over_both_changes():
    whole = a_calendar(("00:00", "24:00"), days=WEEKDAYS)
    assert whole.add(local("2026-03-29T00:30"), hours(4)) == local("2026-03-29T05:30")
    assert whole.add(local("2026-10-25T00:30"), hours(4)) == local("2026-10-25T03:30")
    assert whole.between(local("2026-01-01T00:00"), local("2027-01-01T00:00")) == timedelta(days=365)


@pytest.mark.parametrize(("evening", "length"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-06", 8)])
def test_a_night_shift_is_as_long_as_its_night(evening: str, length: int):
    shift = a_calendar(("22:00", "06:00"), days=(Weekday.SATURDAY,))
    start = local(f"{evening}T22:00")
    assert shift.between(start, start + hours(24)) == hours(length)
    assert shift.add(start, hours(length)).astimezone(BERLIN).hour == 6


def test_a_window_past_midnight_belongs_to_the_weekday_it_starts_on():
    friday_night = a_calendar(("22:00", "06:00"), days=(Weekday.FRIDAY,))
    assert friday_night.is_open(local("2026-06-06T03:00"))
    assert not friday_night.is_open(local("2026-06-05T03:00"))


def test_a_holiday_closes_the_shift_that_starts_on_it_and_not_the_one_that_ends_on_it():
    shifts = a_calendar(("22:00", "06:00"), days=WEEKDAYS, holidays=[Closing(date="2026-06-10")])
    assert shifts.is_open(local("2026-06-10T05:00"))
    assert not shifts.is_open(local("2026-06-10T23:00"))
    assert not shifts.is_open(local("2026-06-11T05:00"))
    assert shifts.is_open(local("2026-06-11T22:00"))


def test_a_night_window_and_the_next_morning_are_not_counted_twice():
    overlapping = a_calendar(("08:00", "17:00"), ("20:00", "10:00"), days=WEEKDAYS)
    assert overlapping.between(local("2026-06-09T20:00"), local("2026-06-10T17:00")) == hours(21)


def test_a_pause_over_night_costs_only_its_business_hours():
    assert a_calendar().between(local("2026-06-08T11:00"), local("2026-06-09T10:00")) == hours(7)


def test_a_start_outside_hours_moves_to_the_next_opening():
    assert a_calendar().next_opening(local("2026-06-05T18:00")) == local("2026-06-08T09:00")
    assert a_calendar().add(local("2026-06-05T18:00"), hours(1)) == local("2026-06-08T10:00")


def test_the_next_opening_while_open_is_now():
    assert a_calendar().next_opening(local("2026-06-05T16:59")) == local("2026-06-05T16:59")


def test_closing_time_itself_is_closed():
    assert a_calendar().next_opening(local("2026-06-05T17:00")) == local("2026-06-08T09:00")


def test_a_target_that_ends_at_closing_is_due_at_closing():
    assert a_calendar().add(local("2026-06-05T13:00"), hours(4)) == local("2026-06-05T17:00")
    assert a_calendar().add(local("2026-06-01T09:00"), hours(40)) == local("2026-06-05T17:00")


def test_a_lunch_break_does_not_count():
    with_lunch = a_calendar(("09:00", "12:00"), ("13:00", "17:00"))
    assert with_lunch.add(local("2026-06-08T11:00"), hours(2)) == local("2026-06-08T14:00")
    assert with_lunch.working_day == hours(7)


def test_a_half_day_replaces_the_windows_of_its_date():
    calendar = a_calendar(holidays=[Closing(date="2026-12-24", hours=[Hours(start="09:00", end="13:00")])])
    assert calendar.add(local("2026-12-24T09:00"), hours(5)) == local("2026-12-25T10:00")


def test_a_yearly_closing_across_new_year_holds_every_year():
    calendar = a_calendar(holidays=[Closing(date="2020-12-24", last_date="2021-01-02", yearly=True)])
    for year in (2025, 2026, 2030):
        assert not calendar.is_open(local(f"{year}-12-31T10:00"))
    assert calendar.next_opening(local("2026-12-24T09:00")) == local("2027-01-04T09:00")


def test_a_yearly_closing_over_the_end_of_february_covers_the_leap_day():
    calendar = a_calendar(days=WEEKDAYS, holidays=[Closing(date="2026-02-27", last_date="2026-03-02", yearly=True)])
    assert not calendar.is_open(local("2028-02-29T10:00"))


def test_a_dated_entry_beats_a_yearly_one():
    entries = [
        Closing(date="2020-06-09", yearly=True),
        Closing(date="2026-06-09", hours=[Hours(start="10:00", end="11:00")]),
    ]
    calendar = a_calendar(holidays=entries)
    assert calendar.is_open(local("2026-06-09T10:30"))
    assert not calendar.is_open(local("2027-06-09T10:30"))


def test_a_holiday_is_a_local_date_in_the_zone_of_the_calendar():
    kolkata = ZoneInfo("Asia/Kolkata")
    calendar = a_calendar(("00:00", "24:00"), days=WEEKDAYS, zone="Asia/Kolkata", holidays=[Closing(date="2026-08-15")])
    assert calendar.between(local("2026-08-14T12:00", kolkata), local("2026-08-16T12:00", kolkata)) == hours(24)
    assert calendar.next_opening(datetime(2026, 8, 14, 18, 30, tzinfo=UTC)) == local("2026-08-16T00:00", kolkata)


def test_public_holidays_follow_country_and_region():
    assert a_calendar(country="DE").next_opening(local("2026-04-03T09:00")) == local("2026-04-07T09:00")
    in_berlin, in_bavaria = (a_calendar(country="DE", region=region, days=WEEKDAYS) for region in ("BE", "BY"))
    assert not in_berlin.is_open(local("2027-03-08T10:00"))
    assert in_bavaria.is_open(local("2027-03-08T10:00"))


def test_work_on_a_public_holiday_can_be_planned():
    calendar = a_calendar(country="DE", holidays=[Closing(date="2026-05-01", hours=[Hours(start="10:00", end="12:00")])])
    assert calendar.between(local("2026-05-01T00:00"), local("2026-05-02T00:00")) == hours(2)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"windows": []}, "windows"),
        ({"windows": [Window(weekday=Weekday.MONDAY, start="09:00", end="09:00")]}, "windows[0]"),
        ({"windows": [Window(weekday=Weekday.MONDAY, start="24:00", end="06:00")]}, "windows[0]"),
        ({"windows": [Window(weekday=Weekday.MONDAY, start="9", end="17:00")]}, "windows[0].start"),
        ({"windows": [Window(weekday=Weekday.MONDAY, start="09:00", end="25:00")]}, "windows[0].end"),
        ({"around_the_clock": True}, "windows"),
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"country": "XX"}, "country"),
        ({"country": "DE", "region": "XX"}, "country"),
        ({"region": "BE"}, "region"),
        ({"holidays": [Closing(date="24.12.2026")]}, "holidays[0].date"),
        ({"holidays": [Closing(date="2026-12-24", last_date="2026-12-23")]}, "holidays[0].last_date"),
        ({"holidays": [Closing(date="2026-12-24", last_date="2028-12-23")]}, "holidays[0].last_date"),
        (
            {"holidays": [Closing(date="2026-12-24", hours=[Hours(start="10:00", end="10:00")])]},
            "holidays[0].hours[0]",
        ),
    ],
)
def test_a_calendar_that_cannot_measure_is_refused_with_the_path_of_the_fault(fields: dict, path: str):
    with pytest.raises(Invalid) as refusal:
        a_calendar(**fields)
    assert list(refusal.value.violations) == [path]


def test_no_opening_within_five_years_raises_instead_of_walking_on():
    closed = [
        Closing(date=f"{year}-{first}", last_date=f"{year}-{last}")
        for year in range(2026, 2033)
        for first, last in [("01-01", "06-01"), ("06-02", "11-01"), ("11-02", "12-31")]
    ]
    calendar = a_calendar(holidays=closed)
    with pytest.raises(Invalid):
        calendar.add(local("2026-06-08T09:00"), hours(1))
    with pytest.raises(Invalid):
        calendar.next_opening(local("2026-06-08T09:00"))


def test_a_negative_duration_and_a_reversed_span_are_refused():
    with pytest.raises(Invalid):
        a_calendar().add(local("2026-06-08T09:00"), hours(-1))
    with pytest.raises(Invalid):
        a_calendar().between(local("2026-06-08T09:00"), local("2026-06-08T08:00"))


def test_a_naive_time_is_a_mistake_of_the_code():
    with pytest.raises(ValueError, match="has no zone"):
        a_calendar().next_opening(datetime(2026, 6, 8, 9))  # noqa: DTZ001 - the fault under test


def test_a_window_that_opens_inside_the_hour_that_spring_skips_opens_at_the_jump():
    early = a_calendar(("02:30", "04:00"), days=WEEKDAYS)
    assert early.between(local("2026-03-29T00:00"), local("2026-03-29T12:00")) == hours(1)
    assert early.next_opening(local("2026-03-29T00:00")) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_lord_howe_moves_by_half_an_hour():
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    night = a_calendar(("22:00", "06:00"), days=WEEKDAYS, zone="Australia/Lord_Howe")
    start = local("2026-10-03T22:00", lord_howe)
    assert night.between(start, start + hours(12)) == hours(7.5)
    start = local("2026-04-04T22:00", lord_howe)
    assert night.between(start, start + hours(12)) == hours(8.5)


def test_a_day_that_a_zone_skipped_has_no_hours():
    apia = ZoneInfo("Pacific/Apia")
    calendar = a_calendar(days=WEEKDAYS, zone="Pacific/Apia")
    assert calendar.between(local("2011-12-29T00:00", apia), local("2012-01-01T00:00", apia)) == hours(16)


def test_results_are_exact_to_the_millisecond_and_in_utc():
    start = local("2026-06-08T09:00") + timedelta(microseconds=1999)
    due = a_calendar().add(start, timedelta(milliseconds=1))
    assert due == local("2026-06-08T09:00") + timedelta(milliseconds=2)
    assert due.tzinfo is UTC


def test_the_hours_before_a_start_on_the_first_of_a_month_do_not_count():
    calendar, start = a_calendar(), local("2026-06-01T13:00")
    rest_of_june, july = 4 + 21 * 8, 23 * 8
    assert calendar.add(start, hours(rest_of_june + july + 1)) == local("2026-08-03T10:00")
    assert calendar.between(start, local("2026-08-03T10:00")) == hours(rest_of_june + july + 1)


def test_twenty_years_are_the_sum_of_their_days():
    calendar = a_calendar(("09:00", "12:00"), ("22:00", "03:00"), country="DE")
    start, days = local("2020-01-15T10:00"), 365 * 20
    marks = [start + timedelta(days=day) for day in range(days + 1)]
    by_day = sum((calendar.between(marks[at], marks[at + 1]) for at in range(days)), timedelta(0))
    assert calendar.between(start, marks[-1]) == by_day
    assert calendar.between(start, calendar.add(start, timedelta(days=400))) == timedelta(days=400)
