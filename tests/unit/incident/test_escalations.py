"""What the timer tells, and when."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.errors import Busy
from chassis.store import CHANGES, Write
from chassis.testing import caller
from services.incident.domain.calendar import Weekday, Window
from services.incident.domain.clock import ClockKind
from services.incident.domain.escalation import Step
from services.incident.domain.incident import Incident
from services.incident.domain.priority import Priority
from services.incident.domain.sla import Target
from services.incident.domain.states import HoldReason
from services.incident.usecases.escalations import Escalations
from tests.unit.incident.desk import MONDAY, Desk


@pytest.fixture
async def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        desk = Desk()
        await promise(desk)
        yield desk


async def promise(desk: Desk, *kinds: ClockKind, **fields: Any) -> Any:
    """One hour for each kind, for P3."""
    targets = [Target(priority=Priority.P3, kind=kind, amount=60) for kind in kinds or (ClockKind.RESOLVE,)]
    return await desk.policies.create_policy({"name": "one hour", "targets": targets, **fields})


def told(desk: Desk) -> list[tuple[str, int, timedelta]]:
    """Each escalation: its step, how late it was, and when after Monday morning it is stamped."""
    rows = [row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("IncidentEscalated")]
    events = [(protojson.decode(row["data"].encode(), pb.IncidentEscalated), row["time"]) for row in rows]
    return [(event.step, event.late_by_ms, time - MONDAY) for event, time in events]


async def test_each_step_is_told_once_at_its_due_instant(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    assert incident.next_due_time == MONDAY + timedelta(minutes=45)
    desk.clock.advance(minutes=45)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == [Step.AT_RISK]
    assert await desk.escalations.escalate("main", incident.id) == []
    desk.clock.advance(minutes=15, seconds=2)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == [Step.BREACHED]
    assert await desk.escalations.escalate("main", incident.id) == []
    assert told(desk) == [("at-risk", 0, timedelta(minutes=45)), ("breached", 2000, timedelta(hours=1))]
    stored = await desk.store.get(Incident, incident.id)
    assert (stored.next_due_time, stored.clocks[0].breach_time) == (None, MONDAY + timedelta(hours=1))


async def test_several_are_told_of_in_one_transaction_each_with_a_correlation_of_its_own(desk: Desk) -> None:
    ids = [(await desk.incidents.open({"title": "no mail"})).id for _ in range(3)]
    desk.clock.advance(minutes=45)
    assert [due.step for due in await desk.escalations.together("main", [*ids, "inc_gone"])] == [Step.AT_RISK] * 3
    assert await desk.escalations.together("main", ids) == []
    rows = [row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("IncidentEscalated")]
    assert sorted(row["key"] for row in rows) == sorted(ids)
    assert len({row["correlation_id"] for row in rows}) == 3


async def test_of_several_of_which_one_was_changed_meanwhile_none_is_told(desk: Desk) -> None:
    ids = [(await desk.incidents.open({"title": "no mail"})).id for _ in range(2)]
    desk.clock.advance(minutes=45)
    timer, write = Escalations(desk.store, desk.promises), desk.backend.write

    async def after_another(writes: Sequence[Write]) -> None:
        desk.backend.write = write
        await desk.incidents.start(ids[1])
        await write(writes)

    desk.backend.write = after_another
    with pytest.raises(Busy):
        await timer.together("main", ids)
    assert told(desk) == []
    assert [len(await timer.escalate("main", each)) for each in ids] == [1, 1]


async def test_each_of_several_learns_when_its_own_reporter_last_heard(desk: Desk) -> None:
    await promise(desk, ClockKind.NEXT_UPDATE, number=1)
    first, second, third = [(await desk.incidents.open({"title": "no mail"})).id for _ in range(3)]
    for minutes in (10, 20):
        desk.clock.advance(minutes=minutes)
        with ctx.use(caller(subject="bob")):
            await desk.incidents.note(first, "we are on it", True)
    await desk.incidents.note(second, "any news?", True)
    desk.clock.advance(minutes=15)
    assert [due.step for due in await desk.escalations.together("main", [first, second, third])] == [Step.AT_RISK] * 2
    due = [(await desk.store.get(Incident, each)).clocks[0].due_time for each in (first, second, third)]
    assert due == [MONDAY + timedelta(minutes=90), MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=1)]


async def test_a_timer_that_slept_tells_what_it_missed_in_order(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(hours=5)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == [Step.AT_RISK, Step.BREACHED]
    assert [late for _, late, _ in told(desk)] == [255 * 60_000, 240 * 60_000]
    event = desk.backend.collections[CHANGES].popitem()[1]
    clock = protojson.decode(event["data"].encode(), pb.IncidentEscalated).clock
    assert (clock.kind, clock.breached, clock.target.seconds) == (pb.Clock.RESOLVE, True, 3600)


async def test_a_timer_that_comes_early_tells_nothing(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(minutes=44)
    assert await desk.escalations.escalate("main", incident.id) == []
    assert (await desk.store.get(Incident, incident.id)).version == 1
    assert await desk.escalations.escalate("main", "inc_gone") == []


async def test_a_breach_that_a_verb_noticed_first_is_still_told(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(hours=1, seconds=1)
    resolved = await desk.incidents.resolve(incident.id, "fixed", "restarted")
    assert resolved.next_due_time == MONDAY + timedelta(hours=1)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == [Step.BREACHED]


async def test_what_waits_has_no_timer_and_what_goes_on_has_a_later_one(desk: Desk) -> None:
    await desk.policies.create_policy(
        {
            "name": "patient",
            "number": 1,
            "targets": [Target(priority=Priority.P3, kind=ClockKind.RESOLVE, amount=60)],
            "pause_reasons": [HoldReason.VENDOR],
        }
    )
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.start(incident.id)
    held = await desk.incidents.hold(incident.id, HoldReason.VENDOR, "")
    assert held.next_due_time is None
    desk.clock.advance(days=1)
    resumed = await desk.incidents.resume(incident.id)
    assert resumed.next_due_time == MONDAY + timedelta(days=1, minutes=45)
    cancelled = await desk.incidents.cancel(incident.id, "duplicate")
    assert cancelled.next_due_time is None


async def test_a_public_note_satisfies_the_clock_for_the_next_update(desk: Desk) -> None:
    await promise(desk, ClockKind.NEXT_UPDATE, number=1)
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(minutes=30)
    with ctx.use(caller(subject="bob")):
        await desk.incidents.note(incident.id, "we are on it", True)
    desk.clock.advance(minutes=15)
    assert await desk.escalations.escalate("main", incident.id) == []
    stored = await desk.store.get(Incident, incident.id)
    assert stored.clocks[0].due_time == MONDAY + timedelta(minutes=90)
    assert stored.next_due_time == MONDAY + timedelta(minutes=75)


async def test_neither_a_private_note_nor_one_of_the_reporter_satisfies_it(desk: Desk) -> None:
    await promise(desk, ClockKind.NEXT_UPDATE, number=1)
    incident = await desk.incidents.open({"title": "no mail"})
    desk.clock.advance(minutes=30)
    await desk.incidents.note(incident.id, "any news?", True)
    with ctx.use(caller(subject="bob")):
        await desk.incidents.note(incident.id, "no idea", False)
    desk.clock.advance(minutes=30)
    assert [due.step for due in await desk.escalations.escalate("main", incident.id)] == [Step.AT_RISK, Step.BREACHED]


async def test_an_edited_calendar_counts_from_its_instant_on(desk: Desk) -> None:
    week = [Window(weekday=day, start="00:00", end="24:00") for day in Weekday]
    calendar = await desk.policies.create_calendar({"name": "always", "windows": week})
    await promise(desk, number=1, calendar_id=calendar.id)
    incident = await desk.incidents.open({"title": "no mail"})
    assert incident.clocks[0].due_time == MONDAY + timedelta(hours=1)
    desk.clock.advance(minutes=20)
    mornings = [Window(weekday=day, start="09:00", end="09:30") for day in Weekday]
    await desk.policies.update_calendar(calendar.id, {"windows": mornings})
    woken = await desk.store.get(Incident, incident.id)
    assert woken.next_due_time == desk.clock.now
    assert await desk.escalations.escalate("main", incident.id) == []
    stored = await desk.store.get(Incident, incident.id)
    assert stored.clocks[0].due_time == MONDAY + timedelta(days=1, minutes=30)
    assert stored.clocks[0].elapsed == timedelta(minutes=20)
