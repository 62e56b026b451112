"""Incidents on the real mongod, through gRPC."""

import asyncio

import pytest
from itsm.incident import v1 as pb

from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid, NotFound, Stale
from tests.integration.incident.conftest import Caller


async def test_an_incident_goes_from_report_to_closure(desk: Caller) -> None:
    opened = await desk.open(impact="HIGH", urgency="HIGH")
    assert (opened.priority, opened.state, opened.etag) == (pb.Incident.P1, pb.Incident.NEW, "1")
    await desk("AssignIncident", pb.AssignIncidentRequest(id=opened.number, team_id="team_1"))
    await desk("StartIncident", pb.StartIncidentRequest(id=opened.id))
    held = await desk("HoldIncident", pb.HoldIncidentRequest(id=opened.id, reason="CALLER", note="which printer?"))
    assert [clock.state for clock in held.clocks if clock.kind == pb.Clock.RESOLVE] == [pb.Clock.PAUSED]
    await desk("ResumeIncident", pb.ResumeIncidentRequest(id=opened.id))
    solved = pb.ResolveIncidentRequest(id=opened.id, resolution_code="fixed", resolution="restarted it")
    await desk("ResolveIncident", solved)
    await desk("CloseIncident", pb.CloseIncidentRequest(id=opened.id))
    read = await desk("GetIncident", pb.GetIncidentRequest(id=opened.id))
    assert (read.state, read.assignee_id, read.etag) == (pb.Incident.CLOSED, "alice", "7")
    assert all(clock.state == pb.Clock.STOPPED for clock in read.clocks)
    timeline = await desk("ListTimeline", pb.ListTimelineRequest(id=opened.id))
    told = [entry.type.removeprefix("itsm.incident.v1.") for entry in reversed(timeline.entries)]
    assert told == [
        "IncidentOpened", "IncidentAssigned", "IncidentStarted", "NoteAdded", "IncidentHeld", "IncidentResumed",
        "IncidentResolved", "IncidentClosed",
    ]  # fmt: skip


async def test_an_answer_of_a_verb_is_what_is_read_afterwards(desk: Caller) -> None:
    opened = await desk.open(impact="HIGH", asset_ids=["ast_1"], description="since nine", dedup_key="disk")
    assert await desk("GetIncident", pb.GetIncidentRequest(id=opened.number)) == opened
    started = await desk("StartIncident", pb.StartIncidentRequest(id=opened.id))
    assert await desk("GetIncident", pb.GetIncidentRequest(id=opened.id)) == started


async def test_an_update_brings_only_what_it_changes(desk: Caller) -> None:
    opened = await desk.open()
    request = pb.UpdateIncidentRequest(id=opened.id, incident=pb.Incident(urgency="HIGH"), etag=opened.etag)
    updated = await desk("UpdateIncident", request)
    assert (updated.title, updated.priority) == ("mail is down", pb.Incident.P2)
    with pytest.raises(Stale) as stale:
        await desk("UpdateIncident", request)
    assert stale.value.facts["etag"] == "2"


async def test_of_two_hundred_writers_with_one_etag_one_wins(desk: Caller) -> None:
    opened = await desk.open()

    async def update(urgency: str) -> object:
        request = pb.UpdateIncidentRequest(id=opened.id, incident=pb.Incident(category=urgency), etag=opened.etag)
        return await desk("UpdateIncident", request)

    answers = await asyncio.gather(*(update(f"c{n}") for n in range(200)), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, pb.Incident)]
    assert len(won) == 1
    assert all(isinstance(answer, Stale) for answer in answers if answer is not won[0])
    assert await desk("GetIncident", pb.GetIncidentRequest(id=opened.id)) == won[0]


async def test_one_incident_per_deduplication_key_is_open_whoever_comes_at_once(desk: Caller) -> None:
    answers = await asyncio.gather(*(desk.open(dedup_key="disk full") for _ in range(20)), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, pb.Incident)]
    assert len(won) == 1
    assert {answer.facts["id"] for answer in answers if isinstance(answer, AlreadyExists)} == {won[0].id}
    assert all(isinstance(answer, pb.Incident | AlreadyExists) for answer in answers)
    request = pb.ResolveIncidentRequest(id=won[0].id, resolution_code="fixed", resolution="more disk")
    await desk("ResolveIncident", request)
    again = await desk.open(dedup_key="disk full")
    with pytest.raises(AlreadyExists) as taken:
        await desk("ReopenIncident", pb.ReopenIncidentRequest(id=won[0].id, reason="not over"))
    assert taken.value.facts["id"] == again.id


async def test_a_repeated_request_key_answers_the_same_and_does_it_once(desk: Caller) -> None:
    request = pb.OpenIncidentRequest(incident=pb.Incident(title="printer"))
    first = await desk("OpenIncident", request, key="k-1")
    assert await desk("OpenIncident", request, key="k-1") == first
    hold = pb.HoldIncidentRequest(id=first.id, reason="CALLER", note="which one?")
    await desk("StartIncident", pb.StartIncidentRequest(id=first.id))
    held = await desk("HoldIncident", hold, key="k-2")
    assert await desk("HoldIncident", hold, key="k-2") == held
    notes = await desk("ListNotes", pb.ListNotesRequest(id=first.id))
    assert [note.text for note in notes.notes] == ["which one?"]


async def test_pages_give_each_incident_once(desk: Caller) -> None:
    opened = {(await desk.open(f"number {n}")).id for n in range(7)}
    seen: list[str] = []
    token = ""
    while True:
        page = await desk("ListIncidents", pb.ListIncidentsRequest(page_size=3, page_token=token, filter='state = "NEW"'))
        seen += [incident.id for incident in page.incidents]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == 7
    assert set(seen) == opened
    count = await desk("CountIncidents", pb.CountIncidentsRequest(filter="state = NEW"))
    assert (count.value, count.capped) == (7, False)
    with pytest.raises(Invalid):
        await desk("ListIncidents", pb.ListIncidentsRequest(page_size=0))


async def test_notes_leave_the_etag_alone(desk: Caller) -> None:
    opened = await desk.open()
    await desk("AddNote", pb.AddNoteRequest(id=opened.number, text="looking into it", public=True))
    await desk("AddNote", pb.AddNoteRequest(id=opened.id, text="disk again"))
    notes = await desk("ListNotes", pb.ListNotesRequest(id=opened.id))
    assert [note.text for note in notes.notes] == ["disk again", "looking into it"]
    assert (await desk("GetIncident", pb.GetIncidentRequest(id=opened.id))).etag == opened.etag


async def test_a_requester_reaches_their_own_incidents_and_what_is_public_of_them(desk: Caller) -> None:
    rita = desk.as_("rita", "requester")
    hers, other = await rita.open("my screen"), await desk.open("core switch")
    await desk("AddNote", pb.AddNoteRequest(id=hers.id, text="she dropped it"))
    await desk("AddNote", pb.AddNoteRequest(id=hers.id, text="a new one is on its way", public=True))
    listed = await rita("ListIncidents", pb.ListIncidentsRequest())
    assert [incident.id for incident in listed.incidents] == [hers.id]
    with pytest.raises(NotFound):
        await rita("GetIncident", pb.GetIncidentRequest(id=other.id))
    with pytest.raises(NotFound):
        await rita("AddNote", pb.AddNoteRequest(id=other.id, text="me too"))
    with pytest.raises(Denied):
        await rita("StartIncident", pb.StartIncidentRequest(id=hers.id))
    await rita("AddNote", pb.AddNoteRequest(id=hers.id, text="thanks"))
    notes = await rita("ListNotes", pb.ListNotesRequest(id=hers.id))
    assert [note.text for note in notes.notes] == ["thanks", "a new one is on its way"]
    timeline = await rita("ListTimeline", pb.ListTimelineRequest(id=hers.id))
    assert [entry.detail["note"]["public"] for entry in timeline.entries if "note" in entry.detail.fields] == [True, True]


async def test_another_tenant_sees_nothing(desk: Caller) -> None:
    opened = await desk.open()
    stranger = desk.as_("mallory", tenant="elsewhere")
    for request in (opened.id, opened.number):
        with pytest.raises(NotFound):
            await stranger("GetIncident", pb.GetIncidentRequest(id=request))
    with pytest.raises(NotFound):
        await stranger("ListTimeline", pb.ListTimelineRequest(id=opened.id))


async def test_what_a_rule_forbids_is_told_with_the_state(desk: Caller) -> None:
    opened = await desk.open()
    with pytest.raises(ForbiddenMove) as refused:
        await desk("CloseIncident", pb.CloseIncidentRequest(id=opened.id))
    assert refused.value.facts == {"state": "NEW", "verb": "close"}


async def test_the_answer_of_the_reporter_takes_work_up_again_and_is_said_once(desk: Caller) -> None:
    reporter = desk.as_("bob", "requester")
    opened = await reporter.open()
    await desk("StartIncident", pb.StartIncidentRequest(id=opened.id))
    await desk("HoldIncident", pb.HoldIncidentRequest(id=opened.id, reason="CALLER", note="which printer?"))
    reply = pb.AddNoteRequest(id=opened.number, text="the one on the left")
    said = [await reporter("AddNote", reply, key="reply-1") for _ in range(2)]
    assert said[0] == said[1]
    read = await desk("GetIncident", pb.GetIncidentRequest(id=opened.id))
    assert (read.state, read.etag) == (pb.Incident.IN_PROGRESS, "4")
    assert len((await reporter("ListNotes", pb.ListNotesRequest(id=opened.id))).notes) == 2
