"""Imports through gRPC, on the real mongod."""

import asyncio
from datetime import UTC, datetime

from itsm.incident import v1 as pb

from tests.integration.incident.conftest import Caller


async def test_a_history_comes_over_and_a_second_time_changes_nothing(desk: Caller) -> None:
    told = pb.ImportedIncident(
        external_number="INC0000045",
        title="no mail",
        open_time=datetime(2016, 2, 29, 1, 16, tzinfo=UTC),
        updates=[
            pb.ImportedUpdate(time=datetime(2016, 2, 29, 1, 23, tzinfo=UTC), state="NEW", impact="HIGH", actor="Sys 1"),
            pb.ImportedUpdate(time=datetime(2016, 2, 29, 8, 53, tzinfo=UTC), state="RESOLVED", resolution_code="code 6"),
            pb.ImportedUpdate(time=datetime(2016, 3, 5, 12, tzinfo=UTC), state="CLOSED", resolution_code="code 6"),
        ],
        made_sla=False,
    )
    request = pb.ImportIncidentsRequest(source="servicenow", incidents=[told])
    (first,) = (await desk("ImportIncidents", request)).results
    assert first.outcome == pb.ImportResult.CREATED
    (second,) = (await desk("ImportIncidents", request)).results
    assert (second.outcome, second.id) == (pb.ImportResult.UNCHANGED, first.id)
    read = await desk("GetIncident", pb.GetIncidentRequest(id=first.id))
    assert (read.etag, read.state, read.impact, read.imported_made_sla) == ("3", pb.Incident.CLOSED, pb.Incident.HIGH, False)
    entries = (await desk("ListTimeline", pb.ListTimelineRequest(id=first.id))).entries
    assert [(entry.version, entry.time.ToDatetime().year) for entry in entries] == [(3, 2016), (2, 2016), (1, 2016)]
    assert entries[2].detail["externalActor"] == "Sys 1"


def short(number: int) -> pb.ImportedIncident:
    opened = datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    return pb.ImportedIncident(
        external_number=f"INC{number}", title="no mail", open_time=opened, updates=[pb.ImportedUpdate(time=opened, state="NEW")]
    )


async def test_a_request_key_covers_many_incidents_and_is_no_hindrance_when_sent_again(desk: Caller) -> None:
    request = pb.ImportIncidentsRequest(source="servicenow", incidents=[short(number) for number in range(5)])
    first = await desk("ImportIncidents", request, key="import-1")
    assert {result.outcome for result in first.results} == {pb.ImportResult.CREATED}
    again = await desk("ImportIncidents", request, key="import-1")
    assert {result.outcome for result in again.results} == {pb.ImportResult.UNCHANGED}


async def test_two_imports_of_the_same_incidents_at_once_make_each_once(desk: Caller) -> None:
    request = pb.ImportIncidentsRequest(source="servicenow", incidents=[short(number) for number in range(20)])
    answers = await asyncio.gather(*(desk("ImportIncidents", request) for _ in range(3)))
    outcomes = [[result.outcome for result in answer.results] for answer in answers]
    assert all(sorted(each).count(pb.ImportResult.CREATED) == 1 for each in zip(*outcomes, strict=True))
    assert len({result.id for answer in answers for result in answer.results}) == 20


async def test_what_was_said_there_comes_along_and_private_words_stay_among_the_team(desk: Caller) -> None:
    said = datetime(2016, 2, 29, 2, tzinfo=UTC)
    notes = [
        pb.ImportedNote(time=said, text="Which room?", public=True, author_id="Resolver 7"),
        pb.ImportedNote(time=said, text="needs a part", author_id="Resolver 7"),
    ]
    told = short(900)
    told.notes.extend(notes)
    request = pb.ImportIncidentsRequest(source="servicenow", incidents=[told])
    (result,) = (await desk("ImportIncidents", request)).results
    assert (await desk("ImportIncidents", request)).results[0].outcome == pb.ImportResult.UNCHANGED
    found = (await desk("ListNotes", pb.ListNotesRequest(id=result.id))).notes
    assert sorted((note.text, note.public, note.author_id, note.create_time.ToDatetime(UTC)) for note in found) == [
        ("Which room?", True, "Resolver 7", said),
        ("needs a part", False, "Resolver 7", said),
    ]
    entries = (await desk("ListTimeline", pb.ListTimelineRequest(id=result.id))).entries
    assert sorted(entry.type.rpartition(".")[2] for entry in entries) == ["IncidentImported", "NoteImported", "NoteImported"]
