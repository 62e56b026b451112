"""When recurring tickets are opened: RFC 5545 in the local time of a zone, each occurrence once."""

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule as library
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.testing import caller
from services.incident import store as kept
from services.incident.domain.incident import Incident
from services.incident.domain.recurring_ticket import RecurringTicket, instant_of, recurrence
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.recurring_tickets import RecurringTickets
from services.incident.usecases.replies import TicketTemplates
from tests.unit.incident.desk import KEY, Again, Desk

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
START = datetime(2026, 1, 1, tzinfo=UTC)


def local(rule: str, start: str, count: int, *left_out: str) -> list[str]:
    times = islice(recurrence(rule, start, "Europe/Berlin", left_out).after(START), count)
    return [at.astimezone(BERLIN).strftime("%m-%d %H:%M") for at in times]


def test_the_second_tuesday_of_a_month_stays_at_its_local_time() -> None:
    assert local("FREQ=MONTHLY;BYDAY=2TU", "2026-01-01T09:00", 4) == [
        "01-13 09:00",
        "02-10 09:00",
        "03-10 09:00",
        "04-14 09:00",
    ]


def test_the_last_working_day_and_days_left_out() -> None:
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    assert local(rule, "2026-01-01T17:00", 3, "2026-02-27") == ["01-30 17:00", "03-31 17:00", "04-30 17:00"]


def test_a_time_that_the_clocks_skip_is_reached_at_the_jump_and_one_shown_twice_counts_once() -> None:
    assert instant_of(datetime(2026, 3, 29, 2, 30), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)  # noqa: DTZ001 - a local time
    assert instant_of(datetime(2026, 10, 25, 2, 30), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # noqa: DTZ001 - a local time
    daily = recurrence("FREQ=DAILY", "2026-10-24T02:30", "Europe/Berlin").after(datetime(2026, 10, 23, tzinfo=UTC))
    assert [at.isoformat()[5:16] for at in islice(daily, 3)] == ["10-24T00:30", "10-25T00:30", "10-26T01:30"]


def test_a_count_counts_what_is_left_out_and_an_end_is_the_last_day_or_instant() -> None:
    assert local("FREQ=DAILY;COUNT=3", "2026-05-01T08:00", 9, "2026-05-02") == ["05-01 08:00", "05-03 08:00"]
    assert local("FREQ=DAILY;UNTIL=20260502", "2026-05-01T08:00", 9) == ["05-01 08:00", "05-02 08:00"]
    assert local("FREQ=DAILY;UNTIL=20260502T055959Z", "2026-05-01T08:00", 9) == ["05-01 08:00"]


@pytest.mark.parametrize("rule", ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"])
def test_a_rule_for_a_day_that_never_comes_has_none_and_is_not_looked_for_in_thousands_of_years(rule: str) -> None:
    walked: set[int] = set()
    rebuild = library._iterinfo.rebuild

    class Noted(library._iterinfo):  # type: ignore[misc] # the library's own
        def rebuild(self, year: int, month: int) -> None:
            walked.add(year)
            rebuild(self, year, month)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_iterinfo", Noted)
        assert local(rule, "2026-01-01T08:00", 1) == []
        with pytest.raises(Invalid, match="never occurs"):
            recurrence(rule, "2026-01-01T08:00", "UTC").check()
    assert 0 < len(walked) <= 400


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;INTERVAL=9", "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SU",
                     "FREQ=YEARLY;BYYEARDAY=-1,60,366", "FREQ=MONTHLY;BYDAY=-1FR;INTERVAL=5"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2036, 1, 1)),  # noqa: DTZ001 - a local time
)  # fmt: skip
def test_times_are_those_of_this_round_of_the_calendar(rule: str, start: datetime) -> None:
    start = start.replace(microsecond=0)
    found = recurrence(rule, start.isoformat(), "UTC").after(start.replace(tzinfo=UTC) - timedelta(days=1))
    assert [at.replace(tzinfo=None) for at in islice(found, 4)] == list(islice(library.rrulestr(rule, dtstart=start), 4))


async def test_a_rule_that_never_occurs_is_refused(office: Any) -> None:
    _, templates, recurring = office
    template = await templates.create({"name": "check", "title": "Check"})
    never = "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30"
    fields = {"name": "x", "rule": "FREQ=DAILY", "start": "2026-03-28T09:00", "template_id": template.id}
    made = await recurring.create(fields)
    for asked in (
        recurring.preview(never, "2026-03-28T09:00", "UTC", [], 1),
        recurring.create({**fields, "rule": never}),
        recurring.update(made.id, {"rule": never}),
    ):
        with pytest.raises(Invalid, match="never occurs"):
            await asked
    assert (await recurring.preview("FREQ=DAILY", "2026-03-28T09:00", "UTC", [], 1))[0] == made.next_time


@settings(max_examples=60, deadline=None)
@given(st.integers(-5, 5).filter(bool), st.integers(0, 6), st.integers(0, 23), st.integers(2000, 2035))
def test_an_nth_weekday_is_what_the_calendar_says(place: int, weekday: int, hour: int, year: int) -> None:
    start = f"{year}-01-01T{hour:02}:15"
    rule = f"FREQ=MONTHLY;BYDAY={place}{DAYS[weekday]}"
    found = islice(recurrence(rule, start, "America/New_York").after(datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=2)), 12)
    wanted = []
    for month in range(36):
        first = date(year + month // 12, month % 12 + 1, 1)
        days = calendar.monthrange(first.year, first.month)[1]
        fitting = [first + timedelta(days=each) for each in range(days) if (first + timedelta(days=each)).weekday() == weekday]
        if len(fitting) >= abs(place):
            wanted.append(fitting[place - 1 if place > 0 else place])
    zone = ZoneInfo("America/New_York")
    shown = [at.astimezone(zone) for at in found]
    assert [each.date() for each in shown] == wanted[: len(shown)]
    assert len(shown) == 12
    assert all((each.hour, each.minute) == (hour, 15) or each.hour == hour + 1 for each in shown)


@settings(max_examples=60, deadline=None)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "UTC"]))  # noqa: DTZ001 - a local time
def test_an_instant_shows_the_local_time_or_the_first_one_after_it(wall: datetime, name: str) -> None:
    wall, zone = wall.replace(microsecond=0), ZoneInfo(name)
    at = instant_of(wall, zone)
    assert at.astimezone(zone).replace(tzinfo=None) >= wall
    assert (at - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wall


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rule": "FREQ=SECONDLY"}, "rule"),
        ({"rule": "FREQ=DAILY;BYHOUR=1,2,3"}, "rule"),
        ({"rule": "FREQ=DAILY;COUNT=3;UNTIL=20270101"}, "rule"),
        ({"rule": "FREQ=DAILY;COUNT=99999999999"}, "rule"),
        ({"rule": "FREQ=MONTHLY;BYDAY=9XX"}, "rule"),
        ({"rule": "FREQ=DAILY\nRDATE:20260101"}, "rule"),
        ({"rule": ""}, "rule"),
        ({"start": "2026-01-01T09:00Z"}, "start"),
        ({"start": "0001-01-01T09:00"}, "start"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"except_dates": ["tomorrow"]}, "except_dates"),
    ],
)
def test_what_is_no_recurrence_is_refused(fields: dict[str, Any], field: str) -> None:
    said = {"rule": "FREQ=DAILY", "start": "2026-01-01T09:00", "zone": "UTC", "except_dates": [], **fields}
    with pytest.raises(Invalid) as refused:
        recurrence(**said)
    assert set(refused.value.violations) == {field}


@given(st.text(max_size=60))
def test_no_text_is_worse_than_refused(text: str) -> None:
    try:
        next(recurrence(f"FREQ=WEEKLY;{text}", "2026-01-01T09:00", "UTC").after(START), None)
    except Invalid as refused:
        assert set(refused.violations) == {"rule"}


@pytest.fixture
def office() -> Any:
    with ctx.use(caller(subject="alice")):
        desk = Desk(now=datetime(2026, 3, 27, 9, tzinfo=UTC))
        lists = kept.listings(KEY, desk.clock)
        templates = TicketTemplates(desk.store, lists["ticketTemplates"], Incidents(desk.store, desk.promises))
        yield desk, templates, RecurringTickets(desk.store, lists["recurringTickets"], templates)


async def test_each_occurrence_opens_one_incident_however_often_it_is_asked_and_what_was_missed_one(office: Any) -> None:
    desk, templates, recurring = office
    template = await templates.create({"name": "check", "title": "Check the backups", "team_id": "team_1"})
    made = await recurring.create(
        {"name": "daily", "rule": "FREQ=DAILY;COUNT=3", "start": "2026-03-28T02:30", "zone": "Europe/Berlin",
         "template_id": template.id}
    )  # fmt: skip
    assert made.next_time == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    await Again(recurring).occur("main", made.id)
    desk.clock.now = datetime(2026, 3, 29, 12, tzinfo=UTC)  # the process was away over two of them
    for _ in range(4):
        await Again(recurring).occur("main", made.id)
    found = await desk.store.find("incidents", {})
    assert [(row["title"], row["team_id"]) for row in found] == [("Check the backups", "team_1")]
    desk.clock.advance(days=30)
    for _ in range(2):
        await Again(recurring).occur("main", made.id)
    after = await desk.store.get(RecurringTicket, made.id)
    assert (after.count, after.next_time, after.fault) == (2, None, "")
    assert (await desk.store.get(Incident, after.last_incident_id)).title == "Check the backups"


async def test_what_is_due_stays_due_when_something_else_is_changed(office: Any) -> None:
    desk, templates, recurring = office
    template = await templates.create({"name": "check", "title": "Check"})
    made = await recurring.create({"name": "x", "rule": "FREQ=DAILY", "start": "2026-03-28T09:00", "template_id": template.id})
    desk.clock.advance(days=1, seconds=1)
    renamed = await recurring.update(made.id, {"name": "y", "rule": "FREQ=DAILY"})
    assert renamed.next_time == made.next_time
    await Again(recurring).occur("main", made.id)
    assert (await desk.store.get(RecurringTicket, made.id)).count == 1
    moved = await Again(recurring).update(made.id, {"rule": "FREQ=WEEKLY"})
    assert moved.next_time == datetime(2026, 4, 4, 9, tzinfo=UTC)


async def test_without_its_template_an_occurrence_says_why_and_the_next_one_comes(office: Any) -> None:
    desk, templates, recurring = office
    template = await templates.create({"name": "check", "title": "Check"})
    made = await recurring.create({"name": "x", "rule": "FREQ=DAILY", "start": "2026-03-28T09:00", "template_id": template.id})
    await templates.delete(template.id)
    desk.clock.advance(days=1)
    await Again(recurring).occur("main", made.id)
    after = await desk.store.get(RecurringTicket, made.id)
    assert after.count == 0
    assert "there is no" in after.fault
    assert after.next_time == datetime(2026, 3, 29, 9, tzinfo=UTC)
    with pytest.raises(Invalid):
        await recurring.update(made.id, {"template_id": template.id})
    await recurring.update(made.id, {"active": False})
    assert (await desk.store.get(RecurringTicket, made.id)).next_time is None
