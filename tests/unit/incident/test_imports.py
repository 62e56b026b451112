"""Incidents of another system, taken over with their history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.history import Imported, ImportedNote, Update
from services.incident.domain.incident import Incident
from services.incident.domain.note import Note
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.imports import Outcome
from tests.unit.incident.desk import MONDAY, Desk

OPENED = MONDAY - timedelta(days=30)


def at(**after: float) -> datetime:
    return OPENED + timedelta(**after)


def told(number: str = "INC0000045", **fields: Any) -> Imported:
    updates = [
        Update(time=at(minutes=1), state=State.NEW, actor="Sys 1", impact=Impact.HIGH, urgency=Urgency.HIGH, team_id="Desk"),
        Update(time=at(minutes=20), state=State.IN_PROGRESS, actor="Sys 2", team_id="Desk", assignee_id="Resolver 7"),
        Update(time=at(hours=1), state=State.ON_HOLD, hold_reason=HoldReason.CALLER, assignee_id="Resolver 7"),
        Update(time=at(hours=9), state=State.IN_PROGRESS, assignee_id="Resolver 8", reassignment_count=1),
        Update(time=at(hours=10), state=State.RESOLVED, resolution_code="code 6", reassignment_count=1),
        Update(time=at(days=5), state=State.CLOSED, resolution_code="code 6", reassignment_count=1),
    ]
    return Imported(
        **{"external_number": number, "title": "no mail", "open_time": OPENED, "updates": updates, "made_sla": True} | fields
    )


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller()):
        yield Desk()


async def test_a_whole_history_becomes_contiguous_changes_with_their_original_times(desk: Desk) -> None:
    (result,) = await desk.imports.run("servicenow", [told()])
    assert result.outcome is Outcome.CREATED
    rows = sorted(desk.backend.collections[CHANGES].values(), key=lambda row: row["version"])
    assert [row["version"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["time"] for row in rows] == [update.time for update in told().updates]
    assert {row["type"] for row in rows} == {"itsm.incident.v1.IncidentImported"}


async def test_the_end_of_the_history_is_the_incident(desk: Desk) -> None:
    (result,) = await desk.imports.run("servicenow", [told()])
    incident = await desk.store.get(Incident, result.id)
    assert (incident.state, incident.priority, incident.reassignment_count) == (State.CLOSED, Priority.P1, 1)
    assert (incident.create_time, incident.resolve_time, incident.close_time) == (OPENED, at(hours=10), at(days=5))
    assert (incident.acknowledge_time, incident.external_number) == (at(minutes=20), "INC0000045")
    assert incident.next_due_time is None


async def test_our_clocks_judge_beside_the_other_systems_verdict(desk: Desk) -> None:
    (result,) = await desk.imports.run("servicenow", [told()])
    incident = await desk.store.get(Incident, result.id)
    verdicts = {clock.kind: (clock.state, clock.elapsed, clock.breached) for clock in incident.clocks}
    assert verdicts[ClockKind.RESPONSE] == (ClockState.STOPPED, timedelta(minutes=20), True)
    assert verdicts[ClockKind.RESOLVE] == (ClockState.STOPPED, timedelta(hours=2), False)
    assert incident.imported_made_sla is True


async def test_an_incident_that_was_imported_before_is_left_as_it_is(desk: Desk) -> None:
    (first,) = await desk.imports.run("servicenow", [told()])
    again = await desk.imports.run("servicenow", [told(title="something else"), told("INC0000046")])
    assert [result.outcome for result in again] == [Outcome.UNCHANGED, Outcome.CREATED]
    assert again[0].id == first.id
    assert (await desk.store.get(Incident, first.id)).title == "no mail"
    (elsewhere,) = await desk.imports.run("jira", [told()])
    assert elsewhere.outcome is Outcome.CREATED


async def test_what_is_wrong_is_refused_alone_and_told(desk: Desk) -> None:
    late = Update(time=OPENED - timedelta(days=1), state=State.NEW)
    future = Update(time=MONDAY + timedelta(days=1), state=State.NEW)
    results = await desk.imports.run(
        "servicenow",
        [told("A", updates=[late]), told("B", updates=[]), told("C", updates=[future]), told("D", title=" "), told()],
    )
    assert [result.outcome for result in results] == [Outcome.REFUSED] * 4 + [Outcome.CREATED]
    messages = [result.message for result in results]
    assert "updates[0].time" in messages[0]
    assert "there is none" in messages[1]
    assert "future" in messages[2]
    assert messages[3] == "title: must not be empty"
    assert len(desk.backend.collections["incidents"]) == 1


async def test_an_incident_that_is_still_open_is_flagged_and_nobody_is_paged(desk: Desk) -> None:
    (result,) = await desk.imports.run("servicenow", [told(updates=told().updates[:2])])
    incident = await desk.store.get(Incident, result.id)
    resolve = next(clock for clock in incident.clocks if clock.kind is ClockKind.RESOLVE)
    assert (resolve.state, resolve.breached, resolve.breach_time) == (ClockState.RUNNING, True, at(hours=4))
    assert incident.next_due_time is None


async def test_a_reopened_history_continues_its_clock(desk: Desk) -> None:
    updates = [*told().updates[:5], Update(time=at(hours=30), state=State.IN_PROGRESS, reopen_count=1)]
    (result,) = await desk.imports.run("servicenow", [told(updates=updates)])
    incident = await desk.store.get(Incident, result.id)
    resolve = next(clock for clock in incident.clocks if clock.kind is ClockKind.RESOLVE)
    assert resolve.gaps == [(at(hours=10), at(hours=30))]
    assert (incident.reopen_count, incident.resolution_code, incident.resolve_time) == (1, "", at(hours=10))


async def test_what_was_said_there_comes_along_once_with_its_times_and_authors(desk: Desk) -> None:
    notes = [
        ImportedNote(time=at(hours=1), text="Which room?", public=True, author_id="Resolver 7"),
        ImportedNote(time=at(hours=2), text="needs a part"),
    ]
    (result,) = await desk.imports.run("servicenow", [told(notes=notes)])
    assert (await desk.imports.run("servicenow", [told(notes=notes)]))[0].outcome is Outcome.UNCHANGED
    kept = sorted(desk.backend.collections["notes"].values(), key=lambda note: note["create_time"])
    assert [(note["text"], note["public"], note["author_id"], note["create_time"]) for note in kept] == [
        ("Which room?", True, "Resolver 7", at(hours=1)),
        ("needs a part", False, ctx.current().actor.id, at(hours=2)),
    ]
    assert {note["about"] for note in kept} == {f"incidents/{result.id}"}
    rows = [row for row in desk.backend.collections[CHANGES].values() if row["type"].endswith("NoteImported")]
    assert sorted(row["time"] for row in rows) == [at(hours=1), at(hours=2)]
    assert all("needs a part" not in row["data"] and "Which room?" not in row["data"] for row in rows)
    assert (await desk.store.get(Incident, result.id)).version == len(told().updates)
    assert (await desk.store.get(Note, kept[0]["_id"])).etag == "1"


async def test_a_note_that_makes_no_sense_refuses_its_incident_and_is_named(desk: Desk) -> None:
    wrong = [
        ImportedNote(time=at(hours=1), text=" "),
        ImportedNote(time=MONDAY + timedelta(days=2), text="soon"),
        ImportedNote(time=at(hours=1), text="x" * 65_537),
    ]
    (result,) = await desk.imports.run("servicenow", [told(notes=wrong)])
    assert result.outcome is Outcome.REFUSED
    assert [place for place in range(3) if f"notes[{place}]." in result.message] == [0, 1, 2]
    assert "incidents" not in desk.backend.collections or not desk.backend.collections["incidents"]


async def test_how_it_ended_is_kept_in_words(desk: Desk) -> None:
    end = Update(time=at(hours=3), state=State.RESOLVED, resolution_code="fixed", resolution="New cable")
    (result,) = await desk.imports.run("servicenow", [told(updates=[*told().updates[:2], end])])
    incident = await desk.store.get(Incident, result.id)
    assert (incident.resolution_code, incident.resolution) == ("fixed", "New cable")


async def test_a_call_that_names_no_system_is_refused_as_a_whole(desk: Desk) -> None:
    with pytest.raises(Invalid):
        await desk.imports.run("a|b", [told()])
    with pytest.raises(Invalid):
        await desk.imports.run("servicenow", [])


async def test_a_time_before_there_were_desks_is_refused(desk: Desk) -> None:
    slip = datetime(26, 6, 3, tzinfo=UTC)
    (result,) = await desk.imports.run("servicenow", [told(open_time=slip, updates=[Update(time=slip, state=State.NEW)])])
    assert (result.outcome, result.message) == (Outcome.REFUSED, "open_time: 0026-06-03T00:00:00+00:00 is before 1970")
