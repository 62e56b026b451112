"""What an incident owes when what it is judged by changes under way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.sla import Target
from services.incident.domain.states import HoldReason, State
from tests.unit.incident.desk import MONDAY, Desk

PRESSING = {"impact": Impact.HIGH, "urgency": Urgency.HIGH}


@pytest.fixture
async def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Desk()


def resolve_target(priority: Priority, minutes: int) -> list[Target]:
    return [Target(priority=priority, kind=ClockKind.RESOLVE, amount=minutes)]


async def test_an_incident_that_was_owed_nothing_is_owed_what_its_new_priority_promises(desk: Desk) -> None:
    await desk.policies.create_policy({"name": "only the worst", "targets": resolve_target(Priority.P1, 60)})
    incident = await desk.incidents.open({"title": "no mail"})
    assert incident.clocks == []
    desk.clock.advance(minutes=20)
    incident = await desk.incidents.update(incident.id, PRESSING)
    assert [(clock.kind, clock.due_time) for clock in incident.clocks] == [(ClockKind.RESOLVE, MONDAY + timedelta(hours=1))]
    assert incident.next_due_time == MONDAY + timedelta(minutes=45)


async def test_what_is_over_is_owed_nothing_new(desk: Desk) -> None:
    await desk.policies.create_policy({"name": "only the worst", "targets": resolve_target(Priority.P1, 60)})
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    assert (await desk.incidents.update(incident.id, PRESSING)).clocks == []


async def test_what_comes_back_with_another_priority_has_the_target_of_that_priority(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(hours=1)
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    await desk.incidents.update(incident.id, PRESSING)
    desk.clock.advance(days=1)
    incident = await desk.incidents.reopen(incident.id, "again")
    clock = next(each for each in incident.clocks if each.kind is ClockKind.RESOLVE and each.is_open)
    assert (clock.target, clock.elapsed, clock.due_time) == (
        timedelta(hours=4),
        timedelta(hours=1),
        desk.clock.now + timedelta(hours=3),
    )


async def test_what_comes_back_unchanged_keeps_its_target_though_the_policy_was_edited(desk: Desk) -> None:
    policy = await desk.policies.create_policy({"name": "ours", "targets": resolve_target(Priority.P3, 60)})
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    await desk.policies.update_policy(policy.id, {"targets": resolve_target(Priority.P3, 30)})
    incident = await desk.incidents.reopen(incident.id, "again")
    assert [clock.target for clock in incident.clocks] == [timedelta(hours=1)]


async def test_a_policy_that_does_not_pause_lets_a_waiting_clock_run_on(desk: Desk) -> None:
    await desk.policies.create_policy(
        {"name": "for the board", "categories": ["board"], "targets": resolve_target(Priority.P3, 60)}
    )
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.start(incident.id)
    await desk.incidents.hold(incident.id, HoldReason.CALLER, "which mailbox?")
    desk.clock.advance(minutes=30)
    incident = await desk.incidents.update(incident.id, {"category": "board"})
    clock = next(each for each in incident.clocks if each.state is not ClockState.CANCELLED and each.kind is ClockKind.RESOLVE)
    assert (incident.state, clock.state, clock.due_time) == (
        State.ON_HOLD,
        ClockState.RUNNING,
        desk.clock.now + timedelta(hours=1),
    )


async def test_a_machine_that_starts_work_acknowledges_nothing(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    machine = replace(ctx.current(), actor=ctx.Actor(id="crd_1", kind="service"))
    with ctx.use(machine):
        incident = await desk.incidents.start(incident.id)
    response = next(clock for clock in incident.clocks if clock.kind is ClockKind.RESPONSE)
    assert (incident.acknowledge_time, response.state) == (None, ClockState.RUNNING)


async def test_an_update_that_came_too_late_stays_missed_after_it_was_given(desk: Desk) -> None:
    targets = [Target(priority=Priority.P3, kind=ClockKind.NEXT_UPDATE, amount=60)]
    await desk.policies.create_policy({"name": "talk to them", "targets": targets})
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(minutes=90)
    await desk.escalations.escalate("main", incident.id)
    with ctx.use(caller(subject="bob")):
        await desk.incidents.note(incident.id, "we are on it", True)
        desk.clock.advance(minutes=10)
        incident = await desk.incidents.start(incident.id)
    missed = [clock for clock in incident.clocks if clock.breached]
    assert [(clock.state, clock.breach_time) for clock in missed] == [(ClockState.STOPPED, MONDAY + timedelta(hours=1))]
    running = next(clock for clock in incident.clocks if clock.is_open)
    assert running.due_time == MONDAY + timedelta(minutes=150)
    desk.clock.advance(minutes=60)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == ["at-risk", "breached"]


async def test_why_it_came_back_is_told(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.resolve(incident.id, "fixed", "restarted")
    await desk.incidents.reopen(incident.id, "no mail since noon")
    row = next(row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("IncidentReopened"))
    assert protojson.decode(row["data"].encode(), pb.IncidentReopened).reason == "no mail since noon"
    assert (await desk.store.get(Incident, incident.id)).reopen_count == 1


async def reported_by_bob_and_held(desk: Desk, reason: HoldReason) -> str:
    with ctx.use(caller(subject="bob")):
        incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.start(incident.id)
    await desk.incidents.hold(incident.id, reason, "which mailbox?")
    desk.clock.advance(hours=2)
    return incident.id


async def test_the_reporters_reply_wakes_what_waits_for_it(desk: Desk) -> None:
    incident_id = await reported_by_bob_and_held(desk, HoldReason.CALLER)
    with ctx.use(caller(subject="bob", scope={"requester_id": "bob"})):
        note = await desk.incidents.note(incident_id, "all of them", False)
    incident = await desk.store.get(Incident, incident_id)
    assert (note.public, incident.state, incident.hold_reason) == (True, State.IN_PROGRESS, None)
    clock = next(each for each in incident.clocks if each.kind is ClockKind.RESOLVE)
    assert (clock.state, clock.due_time) == (ClockState.RUNNING, MONDAY + timedelta(hours=26))


async def test_nothing_but_the_reporters_reply_wakes_it(desk: Desk) -> None:
    waits_for_vendor = await reported_by_bob_and_held(desk, HoldReason.VENDOR)
    with ctx.use(caller(subject="bob")):
        await desk.incidents.note(waits_for_vendor, "any news?", True)
    waits_for_bob = await reported_by_bob_and_held(desk, HoldReason.CALLER)
    await desk.incidents.note(waits_for_bob, "still waiting for you", True)
    with ctx.use(caller(subject="bob")):
        await desk.incidents.note(waits_for_bob, "a note to myself", False)
    own = await desk.incidents.open({"title": "my own mail"})
    await desk.incidents.start(own.id)
    await desk.incidents.hold(own.id, HoldReason.CALLER, "I have to look")
    await desk.incidents.note(own.id, "looked, not found", True)
    for id_ in (waits_for_vendor, waits_for_bob, own.id):
        assert (await desk.store.get(Incident, id_)).state is State.ON_HOLD
