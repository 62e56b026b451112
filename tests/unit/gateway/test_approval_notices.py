"""Notices of approvals, surveys and other records of the desk: whose word is wanted, and who is named, hears of it."""

import re
from datetime import timedelta

import orjson
import pytest
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis import protojson
from services.gateway.usecases.answering import LONGEST, Question
from tests.unit.gateway.notices import NOTED, URL, Office
from tests.unit.gateway.post import NOON, boss


async def test_whose_vote_is_wanted_hears_of_it_agents_and_requesters_alike() -> None:
    office = Office()
    wanted = incident_pb.Approval(
        id="apr_1",
        title="CHG0000001 a disk",
        requester_id="bob",
        voter_ids=["ann", "cid"],
        expire_time=NOON + timedelta(days=1),
        stages=[incident_pb.Approval.Stage(state=incident_pb.Approval.Stage.OPEN)],
    )
    data = orjson.loads(protojson.encode(incident_pb.ApprovalStageBegan(stage="board", approval=wanted)))
    with ctx.use(boss()):
        await office.tell("e1", "itsm.incident.v1.ApprovalStageBegan", "approvals/apr_1", data, "bob")
        told = await office.rows()

    assert [row["target_id"] for row in told] == ["ann", "cid"]
    assert told[-1]["content"]["subject"] == "Your vote is wanted: CHG0000001 a disk"
    assert f"{URL}/approvals/apr_1" in told[-1]["content"]["text"]
    for row in told:
        (link,) = re.findall(rf"{URL}/answer/(\S+)", row["content"]["text"])
        proof = office.links.opened(link)
        assert (proof.person, proof.question, proof.id, proof.stage) == (row["target_id"], Question.VOTE, "apr_1", 0)


async def test_who_is_asked_how_it_was_can_say_so_from_the_mail() -> None:
    office = Office()
    office.incidents["incidents/inc_1"] = {"id": "inc_1", "number": "INC0000001", "title": "no mail", "requesterId": "ann"}
    survey = incident_pb.Survey(id="svy_1", about="incidents/inc_1", requester_id="ann", expire_time=NOON + timedelta(days=90))
    data = orjson.loads(protojson.encode(incident_pb.SurveySent(survey=survey)))
    with ctx.use(boss()):
        await office.tell("e1", "itsm.incident.v1.SurveySent", "surveys/svy_1", data, "itsm-incident")
        (told,) = await office.rows()
    (link,) = re.findall(rf"{URL}/answer/(\S+)", told["content"]["text"])
    proof = office.links.opened(link)
    assert (proof.person, proof.question, proof.id) == ("ann", Question.SURVEY, "svy_1")
    assert proof.until <= (office.clock() + LONGEST).timestamp()


@pytest.mark.parametrize("plural", ["problems", "changes", "requests"])
async def test_who_is_named_in_a_note_about_any_record_of_the_desk_hears_of_it_where_he_may_read_it(plural: str) -> None:
    office = Office()
    office.incidents[f"{plural}/r_1"] = {"id": "r_1", "number": "XYZ0000001", "title": "again", "requesterId": "boss"}
    note = incident_pb.Note(id="n1", about=f"{plural}/r_1", author_id="bob", mentioned_ids=["cid", "ann"])
    office.notes["n1"] = "see there"
    data = orjson.loads(protojson.encode(incident_pb.NoteAdded(note=note)))
    with ctx.use(boss()):
        await office.tell("n1", NOTED, "notes/n1", data, "bob")
        (told,) = await office.rows()
    assert told["target_id"] == "cid", "a requester sees only some of them, and private notes of none"
    assert (told["subject"], told["content"]["subject"]) == (f"{plural}/r_1", "[XYZ0000001] You are named: again")
    assert "see there" in told["content"]["text"]
    assert f"{URL}/{plural}/r_1" in told["content"]["text"]


async def test_who_came_to_a_meeting_of_the_board_reads_its_minutes() -> None:
    office = Office()
    meeting = incident_pb.CabMeeting(
        id="cab_1",
        title="Board of May",
        state=incident_pb.CabMeeting.HELD,
        start_time=NOON,
        attendee_ids=["ann", "cid"],
        items=[
            incident_pb.CabMeeting.Item(change_id="chg_1", advice=incident_pb.CabMeeting.REJECT, minutes="Not in this month."),
            incident_pb.CabMeeting.Item(change_id="chg_2", advice=incident_pb.CabMeeting.APPROVE),
        ],
        minutes="The next one is in June.",
    )
    data = orjson.loads(protojson.encode(incident_pb.CabMeetingHeld(cab_meeting=meeting)))
    with ctx.use(boss()):
        await office.tell("e1", "itsm.incident.v1.CabMeetingHeld", "cabMeetings/cab_1", data, "bob")
        told = await office.rows()
    assert [row["target_id"] for row in told] == ["cid"], "who only asks for things reads nothing of the board"
    text = told[0]["content"]["text"]
    assert "Board of May" in told[0]["content"]["subject"]
    assert "Not in this month." in text and "The next one is in June." in text
    assert f"{URL}/cabMeetings/cab_1" in text
