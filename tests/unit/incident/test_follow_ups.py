"""What follows by itself while an incident waits: reminders, then an end; never at night, each told once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident import store as kept
from services.incident.domain.calendar import Weekday, Window
from services.incident.domain.follow_up import CODE, Stage, Step
from services.incident.domain.incident import Incident
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.follow_ups import FollowUpPolicies, FollowUps
from services.incident.usecases.incidents import Incidents
from tests.unit.incident.desk import KEY, Again, Desk

FRIDAY = datetime(2026, 3, 27, 15, tzinfo=UTC)
"""16:00 in Berlin; the clocks there go forward on Sunday."""


class Waiting(Desk):
    """A desk with what follows by itself."""

    def __init__(self) -> None:
        super().__init__(now=FRIDAY)
        self.rules = FollowUpPolicies(self.store, kept.listings(KEY, self.clock)["followUpPolicies"])
        self.follow_ups = Again(FollowUps(self.store, self.promises, Incidents(self.store, self.promises)))

    async def office(self) -> str:
        days = [day for day in Weekday if day not in (Weekday.SATURDAY, Weekday.SUNDAY)]
        windows = [Window(weekday=day, start="09:00", end="17:00") for day in days]
        hours = {"name": "office", "zone": "Europe/Berlin", "windows": windows}
        return (await self.promises.create_calendar(hours)).id

    async def held(self) -> str:
        incident = await self.incidents.open({"title": "no mail"})
        await self.incidents.assign(incident.id, "team_1", "bob")
        await self.incidents.hold(incident.id, HoldReason.CALLER, "which room?")
        return str(incident.id)

    async def due(self, key: str) -> datetime | None:
        return (await self.store.get(Incident, key)).follow_up_time

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.backend.collections[CHANGES].values() if row.get("type", "").endswith(f".{kind}")]


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Waiting()


REMINDING: dict[str, Any] = {
    "name": "two reminders, then over",
    "stage": Stage.ON_HOLD,
    "hold_reason": HoldReason.CALLER,
    "interval_minutes": 240,
    "reminder_count": 2,
    "resolves": True,
    "resolution": "We heard nothing more.",
}


async def test_people_are_reminded_in_office_hours_and_then_it_is_resolved_each_once(desk: Waiting) -> None:
    await desk.rules.create({**REMINDING, "calendar_id": await desk.office()})
    key = await desk.held()
    # An hour of Friday, three of Monday, which begins an hour earlier in UTC.
    assert await desk.due(key) == datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert await desk.follow_ups.follow("main", key) is None
    desk.clock.now = datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert [await desk.follow_ups.follow("main", key) for _ in range(2)] == [Step.REMIND, None]
    assert await desk.due(key) == datetime(2026, 3, 30, 14, tzinfo=UTC)
    desk.clock.now = datetime(2026, 3, 30, 14, tzinfo=UTC)
    assert await desk.follow_ups.follow("main", key) is Step.REMIND
    desk.clock.now = datetime(2026, 3, 31, 11, tzinfo=UTC)
    assert [await desk.follow_ups.follow("main", key) for _ in range(2)] == [Step.RESOLVE, None]
    after = await desk.store.get(Incident, key)
    assert (after.state, after.resolution_code, after.reminded) == (State.RESOLVED, CODE, 0)
    assert len(desk.told("IncidentReminded")) == 2
    assert len(desk.told("IncidentResolved")) == 1


async def test_what_comes_late_waits_for_the_next_opening(desk: Waiting) -> None:
    await desk.rules.create({**REMINDING, "calendar_id": await desk.office()})
    key = await desk.held()
    desk.clock.now = datetime(2026, 3, 30, 22, tzinfo=UTC)  # the process was away until midnight
    assert await desk.follow_ups.follow("main", key) is None
    assert await desk.due(key) == datetime(2026, 3, 31, 7, tzinfo=UTC)
    assert desk.told("IncidentReminded") == []
    desk.clock.now = datetime(2026, 3, 31, 7, tzinfo=UTC)
    assert await desk.follow_ups.follow("main", key) is Step.REMIND


async def test_who_answers_is_not_reminded_and_waiting_again_begins_again(desk: Waiting) -> None:
    await desk.rules.create(REMINDING)
    key = await desk.held()
    desk.clock.advance(hours=4)
    assert await desk.follow_ups.follow("main", key) is Step.REMIND
    await desk.incidents.resume(key)
    assert await desk.due(key) is None
    await desk.incidents.hold(key, HoldReason.VENDOR, "")
    assert await desk.due(key) is None  # nothing is said about vendors
    await desk.incidents.resume(key)
    await desk.incidents.hold(key, HoldReason.CALLER, "and now?")
    again = await desk.store.get(Incident, key)
    assert (again.reminded, again.follow_up_time) == (0, desk.clock.now + timedelta(hours=4))


async def test_what_is_resolved_is_closed_after_working_days_unless_it_came_back(desk: Waiting) -> None:
    await desk.rules.create(
        {"name": "close", "stage": Stage.RESOLVED, "close_after_days": 2, "calendar_id": await desk.office()}
    )
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    assert await desk.due(incident.id) == datetime(2026, 3, 31, 14, tzinfo=UTC)
    await desk.incidents.reopen(incident.id, "no")
    assert await desk.due(incident.id) is None
    await desk.incidents.resolve(incident.id, "fixed", "restarted again")
    desk.clock.now = datetime(2026, 3, 31, 14, tzinfo=UTC) - timedelta(milliseconds=1)
    assert await desk.follow_ups.follow("main", incident.id) is None
    desk.clock.advance(minutes=1)
    assert await desk.follow_ups.follow("main", incident.id) is Step.CLOSE
    assert (await desk.store.get(Incident, incident.id)).state is State.CLOSED


async def test_a_policy_that_is_gone_does_nothing_more_and_its_place_is_free(desk: Waiting) -> None:
    policy = await desk.rules.create(REMINDING)
    key = await desk.held()
    with pytest.raises(Invalid, match="already"):
        await desk.rules.create(REMINDING)
    await desk.rules.delete(policy.id)
    desk.promises._levels.clear()
    desk.clock.advance(hours=4)
    assert await desk.follow_ups.follow("main", key) is None
    assert await desk.due(key) is None
    await desk.rules.create(REMINDING)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"hold_reason": None}, "hold_reason"),
        ({"interval_minutes": 1}, "interval_minutes"),
        ({"reminder_count": 0, "resolves": False}, "reminder_count"),
        ({"resolution": " "}, "resolution"),
        ({"stage": Stage.RESOLVED}, "hold_reason"),
        ({"stage": Stage.RESOLVED, "hold_reason": None}, "close_after_days"),
        ({"calendar_id": "cal_none"}, "calendar_id"),
        ({"name": ""}, "name"),
    ],
)
async def test_a_policy_that_says_nothing_sensible_is_refused(desk: Waiting, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.rules.create({**REMINDING, **fields})
    assert field in refused.value.violations


async def test_what_its_reporter_says_is_still_broken_is_closed_only_after_as_long_again(desk: Waiting) -> None:
    await desk.rules.create({"name": "close", "stage": Stage.RESOLVED, "close_after_days": 3})
    key = (await desk.incidents.open({"title": "no mail", "requester_id": "ann"})).id
    with ctx.use(caller(subject="ann", scope={"requester_id": "ann"})):
        await desk.incidents.note(key, "since nine", True)
    await desk.incidents.resolve(key, "fixed", "restarted")
    resolved = desk.clock.now
    desk.clock.advance(hours=60)
    await desk.incidents.note(key, "what we did", True)
    with ctx.use(caller(subject="ann", scope={"requester_id": "ann"})):
        await desk.incidents.note(key, "It still does not work!", True)
    desk.clock.now = resolved + timedelta(days=3)
    assert await desk.follow_ups.follow("main", key) is None
    assert (await desk.store.get(Incident, key)).state is State.RESOLVED
    assert await desk.due(key) == resolved + timedelta(days=3, hours=60)
    desk.clock.now = resolved + timedelta(days=3, hours=60)
    assert await desk.follow_ups.follow("main", key) is Step.CLOSE
