"""Bounds of mail, and how long it is tried: what is too much waits, what was done is not done again, and all ends."""

from datetime import timedelta

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import Exhausted
from services.gateway.domain.mailbox import KEPT, Strangers
from services.gateway.mail import clerk
from services.gateway.mail.clerk import MOST_OF_SENDER
from services.gateway.usecases import postbox
from services.gateway.usecases.postbox import SOURCES
from tests.unit.gateway.mail_room import NOON, MailRoom, boss
from tests.unit.gateway.test_mail_in import letter


async def test_a_sender_who_sends_without_end_is_stopped_for_a_while() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        rows = [await room.come(desk, letter(Message_ID=f"<m{each}@x>")) for each in range(MOST_OF_SENDER + 2)]
        other = await room.come(desk, letter(From="bob@demo.example", Message_ID="<b@x>"))
        room.clock.advance(minutes=11)
        later = await room.come(desk, letter(Message_ID="<later@x>"))
        every = {row["state"] for row in await room.mails(desk)}
    assert [row["state"] for row in rows].count("DONE") == MOST_OF_SENDER
    assert {row["state"] for row in rows[MOST_OF_SENDER:]} == {"PENDING"}
    assert (other["state"], later["state"], every) == ("DONE", "DONE", {"DONE"})
    assert len(room.desk.incidents) == MOST_OF_SENDER + 4


async def test_who_sends_without_end_for_days_is_refused_in_the_end_and_what_he_sent_is_kept() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clerk, "MOST_OF_SENDER", 0)
            assert (await room.come(desk, letter()))["state"] == "PENDING"
            room.clock.advance(days=3)
            row = await room.come(desk, letter())
        assert (row["state"], row["reason"][:27]) == ("REFUSED", "0 came from its sender with")
        assert (await room.store.find(SOURCES, {}))[0]["expire_time"] == NOON + KEPT


async def test_a_sender_who_sends_without_end_is_never_ignored_for_a_retry_of_what_was_taken_up() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        room.desk.away = True
        await room.come(desk, letter())
        room.desk.away = False
        room.clock.advance(minutes=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clerk, "MOST_OF_SENDER", 0)
            assert (await room.come(desk, letter()))["state"] == "DONE"


async def test_a_mailbox_takes_so_many_messages_within_an_hour() -> None:
    room = MailRoom()
    with ctx.use(boss()), pytest.MonkeyPatch.context() as patch:
        patch.setattr(postbox, "MOST_OF_MAILBOX", 2)
        desk, other = await room.mailbox(), await room.mailbox("other@example.org")
        for number in range(2):
            await room.postbox.receive(desk.id, letter(Message_ID=f"<m{number}@x>"))
        with pytest.raises(Exhausted):
            await room.postbox.receive(desk.id, letter(Message_ID="<m2@x>"))
        await room.postbox.receive(other.id, letter())
        room.clock.advance(minutes=61)
        await room.postbox.receive(desk.id, letter(Message_ID="<m2@x>"))


async def test_the_source_of_what_became_nothing_is_kept_for_a_day_and_any_other_for_its_time() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        done = await room.come(desk, letter())
        nothing = [
            await room.come(desk, letter(Message_ID="<m2@x>", Auto_Submitted="auto-replied")),
            await room.come(desk, letter(Message_ID="<m3@x>", From="eve@demo.example")),
            await room.come(desk, b"Subject: nobody\r\n\r\nx"),
        ]
        kept = {row["_id"]: row["expire_time"] - NOON for row in await room.store.find(SOURCES, {})}
    assert [row["state"] for row in nothing] == ["IGNORED", "REFUSED", "REFUSED"]
    assert kept == {done["_id"]: KEPT} | {row["_id"]: timedelta(days=1) for row in nothing}


@pytest.mark.parametrize("answers", [False, True], ids=["opened", "answered"])
async def test_what_is_tried_for_longer_than_the_services_know_their_keys_is_done_once(answers: bool) -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(team_id="team-1", strangers=Strangers.ACCEPTED)
        eve = {"From": "eve@demo.example"}
        if answers:
            await room.come(desk, letter(**eve))
            held = room.desk.incidents["inc_1"]
            held.state, held.hold_reason = pb.Incident.ON_HOLD, pb.Incident.CALLER
        room.desk.broken = True  # for what follows an incident or a note
        second = letter("More.", Message_ID="<m2@x>", In_Reply_To="<m1@demo.example>" if answers else "", **eve)
        row = await room.come(desk, second)
        assert (row["state"], row["record"]) == ("PENDING", "incidents/inc_1")
        for _ in range(3):
            room.desk.keys.clear()
            room.clock.advance(hours=6)
            await room.come(desk, second)
        room.desk.broken = False
        room.desk.keys.clear()
        room.clock.advance(hours=1)
        row = await room.come(desk, second)
        thread = await room.threads.about("incidents/inc_1")
    (incident,) = room.desk.incidents.values()
    assert (row["state"], row["record"], row["reason"]) == ("DONE", "incidents/inc_1", "")
    assert (len(room.desk.notes), incident.team_id) == (answers, "team-1")
    assert not answers or incident.state == pb.Incident.IN_PROGRESS
    assert thread.references[-1] == "m2@x"


@pytest.mark.parametrize(("broken", "state"), [("away", "REFUSED"), ("broken", "DONE")])
async def test_what_could_not_be_ended_for_twenty_hours_is_given_up_and_says_why(broken: str, state: str) -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(team_id="team-1")
        setattr(room.desk, broken, True)
        await room.come(desk, letter())
        room.clock.advance(hours=19)
        assert (await room.come(desk, letter()))["state"] == "PENDING"
        room.clock.advance(hours=1)
        row = await room.come(desk, letter())
        setattr(room.desk, broken, False)
        room.clock.advance(hours=5)
        assert (await room.come(desk, letter()))["state"] == row["state"]
        source = (await room.store.find(SOURCES, {}))[0]
    assert (row["state"], row["reason"]) == (state, "given up after 20 hours: nobody is there")
    assert row["record"] == ("incidents/inc_1" if state == "DONE" else "")
    assert len(room.desk.incidents) == (state == "DONE")
    assert source["expire_time"] == NOON + KEPT
