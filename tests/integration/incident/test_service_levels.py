"""Promises kept and missed, with the timer of a running service on the real mongod."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis.errors import Invalid, Stale
from tests.integration.incident.conftest import Caller

WITHIN = 60.0


def one_hour(**fields: Any) -> pb.SlaPolicy:
    target = pb.SlaPolicy.Target(priority="P3", kind="RESOLVE", amount=60)
    return pb.SlaPolicy(name="one hour", targets=[target], **fields)


async def escalations(desk: Caller, incident: pb.Incident) -> list[Any]:
    timeline = await desk("ListTimeline", pb.ListTimelineRequest(id=incident.id))
    return [entry for entry in reversed(timeline.entries) if entry.type.endswith("IncidentEscalated")]


async def told(desk: Caller, incident: pb.Incident, steps: int) -> list[Any]:
    async with asyncio.timeout(WITHIN):
        while len(found := await escalations(desk, incident)) < steps:  # noqa: ASYNC110 - it happens in the service
            await asyncio.sleep(0.1)
    return found


async def test_the_timer_tells_each_step_once_at_its_due_instant(desk: Caller, clock_file: Path) -> None:
    await desk("CreateSlaPolicy", pb.CreateSlaPolicyRequest(sla_policy=one_hour()))
    opened = await desk.open()
    began = opened.create_time.ToDatetime()
    clock_file.write_text("2710")
    (at_risk,) = await told(desk, opened, 1)
    assert (at_risk.time.ToDatetime() - began).total_seconds() == 2700
    assert (at_risk.detail["step"], at_risk.actor) == ("at-risk", "itsm-incident")
    clock_file.write_text("3610")
    _, breached = await told(desk, opened, 2)
    assert (breached.time.ToDatetime() - began).total_seconds() == 3600
    assert breached.detail["clock"]["breached"] is True
    clock_file.write_text("7200")
    await asyncio.sleep(2)
    assert len(await escalations(desk, opened)) == 2
    read = await desk("GetIncident", pb.GetIncidentRequest(id=opened.id))
    assert (read.etag, [clock.breached for clock in read.clocks]) == ("3", [True])
    clock_file.write_text("0")


async def test_policies_and_calendars_are_kept_listed_and_changed(desk: Caller) -> None:
    window = pb.Calendar.Window(weekday="MONDAY", start="09:00", end="17:00")
    made = pb.Calendar(name="office", zone="Europe/Berlin", windows=[window], country="DE")
    calendar = await desk("CreateCalendar", pb.CreateCalendarRequest(calendar=made))
    wanted = one_hour(calendar_id=calendar.id, pause_reasons=["VENDOR"])
    policy = await desk("CreateSlaPolicy", pb.CreateSlaPolicyRequest(sla_policy=wanted))
    assert (policy.active, policy.number, policy.retarget) == (True, 100, pb.SlaPolicy.RETROACTIVE)
    assert await desk("GetSlaPolicy", pb.GetSlaPolicyRequest(id=policy.id)) == policy
    assert await desk("GetCalendar", pb.GetCalendarRequest(id=calendar.id)) == calendar
    assert list((await desk("ListSlaPolicies", pb.ListSlaPoliciesRequest())).sla_policies) == [policy]
    assert list((await desk("ListCalendars", pb.ListCalendarsRequest(filter='name : "off"'))).calendars) == [calendar]
    closed = pb.Calendar(
        holidays=[pb.Calendar.Closing(date="2026-12-24", hours=[pb.Calendar.Hours(start="09:00", end="12:00")])]
    )
    changed = await desk("UpdateCalendar", pb.UpdateCalendarRequest(id=calendar.id, calendar=closed, etag=calendar.etag))
    assert (changed.etag, changed.holidays[0].hours[0].end) == ("2", "12:00")
    with pytest.raises(Stale):
        await desk("UpdateCalendar", pb.UpdateCalendarRequest(id=calendar.id, calendar=closed, etag="1"))
    off = pb.UpdateSlaPolicyRequest(id=policy.id, sla_policy=pb.SlaPolicy(active=False))
    assert (await desk("UpdateSlaPolicy", off)).active is False
    assert (await desk.open()).clocks[0].policy_id == "default"


async def test_a_calendar_that_cannot_be_is_refused_with_the_path(desk: Caller) -> None:
    window = pb.Calendar.Window(weekday="MONDAY", start="09:00", end="25:00")
    with pytest.raises(Invalid) as refused:
        await desk("CreateCalendar", pb.CreateCalendarRequest(calendar=pb.Calendar(name="odd", windows=[window])))
    assert list(refused.value.violations) == ["windows[0].end"]
    with pytest.raises(Invalid) as refused:
        await desk("CreateSlaPolicy", pb.CreateSlaPolicyRequest(sla_policy=one_hour(calendar_id="cal_gone")))
    assert list(refused.value.violations) == ["calendar_id"]


async def test_the_account_of_a_clock_tells_why_it_is_due_then(desk: Caller) -> None:
    await desk("CreateSlaPolicy", pb.CreateSlaPolicyRequest(sla_policy=one_hour(pause_reasons=["VENDOR"])))
    opened = await desk.open()
    await desk("StartIncident", pb.StartIncidentRequest(id=opened.id))
    await desk("HoldIncident", pb.HoldIncidentRequest(id=opened.id, reason="VENDOR"))
    (account,) = (await desk("ExplainClocks", pb.ExplainClocksRequest(id=opened.number))).accounts
    assert account.policy_reason == "it matches every incident"
    assert "paused (VENDOR)" in account.steps[2]
    assert account.clock.state == pb.Clock.PAUSED
    assert not account.clock.HasField("due_time")
