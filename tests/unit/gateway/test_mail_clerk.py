"""What becomes of mail: incidents and notes of those who may, once; nothing of machines, loops, strangers and forgers."""

from email.message import EmailMessage

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import AlreadyExists, Invalid, NotFound
from services.gateway.domain.mailbox import Strangers
from services.gateway.mail.desk import Somebody
from services.gateway.usecases.addressing import address_id
from tests.unit.gateway.mail_room import MailRoom, boss
from tests.unit.gateway.test_mail_in import bounced, letter

AUTHENTICATED = "mx.example.org; dmarc=pass header.from=demo.example"
PROVEN = {"Authentication_Results": AUTHENTICATED}


async def test_a_mail_of_somebody_opens_an_incident_of_his_with_the_defaults_of_the_mailbox() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(team_id="team-1", category="hardware", service_id="srv_1")
        row = await room.come(desk, letter("It burns.\n\nSince noon."))
    (incident,) = room.desk.incidents.values()
    assert (row["state"], row["record"]) == ("DONE", "incidents/inc_1")
    assert (incident.title, incident.description) == ("Printer", "It burns.\n\nSince noon.")
    assert (incident.source, incident.requester_id) == (pb.Incident.MAIL, "usr_ann")
    assert (incident.category, incident.service_id, incident.team_id) == ("hardware", "srv_1", "team-1")


async def test_the_same_message_again_is_the_same_mail_and_is_worked_once() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        first = await room.come(desk, letter())
        again = await room.come(desk, letter())
        nameless = letter(Message_ID="").replace(b"Message-ID: \n", b"")
        assert (await room.come(desk, nameless))["_id"] == (await room.come(desk, nameless))["_id"] != first["_id"]
        assert await room.postbox.source(desk.id, first["_id"]) == letter()
    assert again["_id"] == first["_id"]
    assert len(room.desk.incidents) == 2


async def test_an_answer_is_a_public_note_of_its_sender_and_wakes_what_waits_for_him() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.come(desk, letter())
        incident = room.desk.incidents["inc_1"]
        incident.state, incident.hold_reason = pb.Incident.ON_HOLD, pb.Incident.CALLER
        sent = await room.told("incidents/inc_1", "usr_ann")
        row = await room.come(
            desk,
            letter("At noon.\n\nOn Monday Desk wrote:\n> When?\n", Message_ID="<m2@x>", In_Reply_To=f"<{sent}@example.org>"),
        )
        conversation, root = await room.threads.about("incidents/inc_1"), room.roots.of("incidents/inc_1")
    assert row["record"] == "incidents/inc_1"
    assert room.desk.notes == [("inc_1", "usr_ann", "At noon.")]
    assert incident.state == pb.Incident.IN_PROGRESS
    assert str(conversation.sender.address) == "desk@example.org"
    assert conversation.references == (root, "m1@demo.example", "m2@x")


async def test_an_incident_is_found_by_its_first_mail_too() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.come(desk, letter(Message_ID="<m1@example.org>"))  # by a mail program of the domain that is ours, too
        await room.come(desk, letter("More.", Message_ID="<m2@x>", References="<foreign@x> <m1@example.org>"))
    assert room.desk.notes == [("inc_1", "usr_ann", "More.")]


@pytest.mark.parametrize(
    ("sender", "headers", "goes_on"),
    [
        ("ann", {"Subject": "Re: inc0000001 printer"}, False),  # who reported it, as anybody could say
        ("ann", {"Subject": "Re: inc0000001 printer", **PROVEN}, True),
        ("ann", {"In_Reply_To": "<incidents.inc_1@example.org>"}, False),  # which who sees it can make up
        ("ann", {"In_Reply_To": f"<incidents.inc_1.{'0' * 20}@example.org>"}, False),
        ("ann", {"In_Reply_To": "<incidents.inc_1@example.org>", **PROVEN}, True),
        ("bob", {"Subject": "Re: INC0000001 printer"}, False),  # may not see it
        ("amy", {"Subject": "Re: INC0000001 printer", **PROVEN}, False),  # sees it, and takes no part
        ("amy", {"In_Reply_To": "<incidents.inc_1@example.org>"}, False),  # which anybody could say
        ("amy", {"In_Reply_To": "<m1@demo.example>"}, True),
        ("bob", {"In_Reply_To": "<m1@demo.example>"}, False),
        ("eve", {"In_Reply_To": "<m1@demo.example>"}, False),  # nobody
        ("eve", {"Subject": "INC0000001"}, False),
        ("vic", {"In_Reply_To": "<m1@demo.example>"}, True),  # may read and no more: this service says it
    ],
)
async def test_a_reference_counts_only_for_who_takes_part(sender: str, headers: dict[str, str], goes_on: bool) -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(strangers=Strangers.ACCEPTED)
        await room.come(desk, letter())
        await room.come(desk, letter("I know.", From=f"{sender}@demo.example", Message_ID="<m2@x>", **headers))
    assert len(room.desk.notes) == goes_on
    assert len(room.desk.incidents) == 2 - goes_on


async def test_a_number_in_a_subject_is_told_as_unproven_and_nothing_is_written_by_the_token_of_who_may_not_have_sent_it() -> (
    None
):
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(strangers=Strangers.ACCEPTED)
        await room.come(desk, letter())
        held = room.desk.incidents["inc_1"]
        held.state, held.hold_reason, held.assignee_id = pb.Incident.ON_HOLD, pb.Incident.CALLER, "usr_amy"
        for number, sender in enumerate(["ann", "amy", "eve"], 2):
            forged = {"From": f"{sender}@demo.example", "Subject": "Re: INC0000001 printer", "Message_ID": f"<m{number}@x>"}
            # Whoever forges a sender forges this as well: nobody of that name is trusted.
            await room.come(desk, letter("Close it.", Authentication_Results=AUTHENTICATED.replace("mx.", "mx2."), **forged))
            opened = room.desk.incidents[f"inc_{number}"]
            assert opened.description == (
                "Its subject names INC0000001. Nothing proves that it belongs there, or who sent it.\n\n"
                f"{sender}@demo.example wrote:\n\nClose it."
            )
            assert opened.title == "INC0000001 printer"
    assert room.desk.tokens == ["usr_ann", "", "", ""]
    assert (room.desk.notes, held.state) == ([], pb.Incident.ON_HOLD)


async def test_a_root_that_receivers_alone_know_is_enough_and_one_of_another_record_or_tenant_is_not() -> None:
    room = MailRoom()
    with ctx.use(boss("other")):
        foreign = room.roots.of("incidents/inc_1")
    with ctx.use(boss()):
        desk = await room.mailbox(strangers=Strangers.ACCEPTED)
        await room.come(desk, letter())
        root = room.roots.of("incidents/inc_1")
        await room.come(desk, letter("More.", Message_ID="<m2@x>", References=f"<m9@renamed.example> <{root}>"))
        for number, wrong in enumerate([foreign, room.roots.of("incidents/inc_2").replace("inc_2", "inc_1"), f"{root}.x"], 3):
            forged = letter("Close it.", Message_ID=f"<m{number}@x>", References=f"<{wrong}>")
            assert (await room.come(desk, forged))["record"] == f"incidents/inc_{number - 1}"
    assert room.desk.notes == [("inc_1", "usr_ann", "More.")]


async def test_who_was_written_to_may_answer_though_he_sees_nothing_else_of_it() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.come(desk, letter())
        eve = address_id("eve@demo.example")
        for target, sender in [("usr_bob", "bob"), (eve, "eve")]:
            sent = await room.told("incidents/inc_1", target, target)
            await room.come(
                desk,
                letter(
                    f"{sender}.", From=f"{sender}@demo.example", Message_ID=f"<{sender}@x>", In_Reply_To=f"<{sent}@example.org>"
                ),
            )
    assert [(who, text.split()[0]) for _, who, text in room.desk.notes] == [
        ("itsm-gateway", "bob@demo.example"),
        ("itsm-gateway", "eve@demo.example"),
    ]


async def test_strangers_are_refused_unless_the_mailbox_takes_them_as_contacts() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        shut, open_ = await room.mailbox(), await room.mailbox("open@example.org", strangers=Strangers.ACCEPTED)
        mail = letter(From="Eve <eve@demo.example>")
        refused, taken = await room.come(shut, mail), await room.come(open_, mail)
        held = room.desk.incidents["inc_1"]
        held.state, held.hold_reason = pb.Incident.ON_HOLD, pb.Incident.CALLER
        answer = letter("Yes.", From="eve@demo.example", Message_ID="<m2@x>", References="<m1@demo.example>")
        await room.come(open_, answer)
        known = await room.postbox.contact(held.requester_id)
    assert (refused["state"], taken["state"]) == ("REFUSED", "DONE")
    assert held.description == "Eve <eve@demo.example> wrote:\n\nIt burns."
    assert held.requester_id == address_id("eve@demo.example")
    assert known == ("eve@demo.example", "Eve")
    assert held.state == pb.Incident.IN_PROGRESS
    assert [text for *_, text in room.desk.notes] == ["eve@demo.example wrote:\n\nYes."]


async def test_what_machines_send_is_ignored_and_so_are_our_own_mails_that_come_back() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.mailbox("other@example.org")
        for number, headers in enumerate(
            [
                {"Auto_Submitted": "auto-replied"},
                {"Precedence": "junk"},
                {"From": "itsm@example.org"},
                {"From": "Other@example.org"},
                {"Message_ID": f"<dlv_{'b' * 32}@example.org>"},
            ]
        ):
            row = await room.come(desk, letter(**({"Message_ID": f"<a{number}@x>"} | headers)))
            assert (row["state"], bool(row["reason"])) == ("IGNORED", True)
    assert room.desk.incidents == {}


async def test_a_bounce_fails_its_delivery_and_opens_nothing_and_a_late_one_changes_nothing() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        sent = await room.told("incidents/inc_1", "usr_ann")
        for action, state in [("delayed", "DELIVERED"), ("failed", "FAILED")]:
            row = await room.come(desk, bounced(sent, action))
            delivery = (await room.store.find("deliveries", {"_id": sent}))[0]
            assert (row["state"], row["record"], delivery["state"]) == ("IGNORED", "incidents/inc_1", state)
        unknown = await room.come(desk, bounced(f"dlv_{'0' * 32}"))
    assert delivery["attempts"][-1]["error"] == "it came back: 5.1.1"
    assert "@" not in delivery["attempts"][-1]["response"]
    assert unknown["reason"] == "a bounce of nothing that we know"
    assert room.desk.incidents == {}


async def test_what_is_over_is_followed_by_a_new_incident() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        await room.come(desk, letter())
        room.desk.incidents["inc_1"].state = pb.Incident.CLOSED
        await room.come(desk, letter("Again!", Subject="Re: Printer", Message_ID="<m2@x>", References="<m1@demo.example>"))
    assert room.desk.notes == []
    assert room.desk.incidents["inc_2"].description == "Follows INC0000001, which is over.\n\nAgain!"
    assert room.desk.incidents["inc_2"].title == "Printer"


async def test_while_a_service_is_away_mail_waits_and_is_worked_once_it_is_back() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        room.desk.away = True
        row = await room.come(desk, letter())
        assert (row["state"], row["attempt_count"]) == ("PENDING", 1)
        assert row["next_due_time"] > room.clock()
        room.desk.away = False
        room.clock.advance(minutes=1)
        assert (await room.come(desk, letter()))["state"] == "DONE"
    assert len(room.desk.incidents) == 1


async def test_what_cannot_be_read_is_refused_and_kept() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        row = await room.come(desk, b"Subject: nobody\r\n\r\nx")
        assert (row["state"], row["reason"]) == ("REFUSED", "it names no sender")
        assert await room.postbox.source(desk.id, row["_id"]) == b"Subject: nobody\r\n\r\nx"
        for raw in (b" ", b"x" * (room.postbox.largest + 1)):
            with pytest.raises(Invalid):
                await room.postbox.receive(desk.id, raw)


async def test_an_address_belongs_to_one_mailbox_of_its_tenant_until_that_is_gone() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox("Desk@Example.org")
        with pytest.raises(Invalid):
            await room.mailbox("a@b.example, c@d.example")
        with pytest.raises(AlreadyExists):
            await room.mailbox("desk@example.org")
        await room.mailboxes.update(desk.id, {"name": "Desk", "address": "Desk@Example.org"})
    with ctx.use(boss("other")), pytest.raises(NotFound):
        await room.postbox.page(desk.id, None)  # type: ignore[arg-type] # it never comes to that
    with ctx.use(boss()):
        await room.mailboxes.update(desk.id, {"address": "help@example.org"})
        assert (await room.mailbox("desk@example.org")).address == "desk@example.org"
        await room.mailboxes.delete(desk.id)
        assert (await room.mailbox("help@example.org")).address == "help@example.org"


async def test_mail_about_a_record_that_came_by_no_mail_is_from_the_primary_mailbox() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        assert str((await room.threads.about("incidents/inc_9")).sender.address) == "itsm@example.org"
        await room.mailbox("other@example.org")
        primary = await room.mailbox("first@example.org", primary=True, name="First")
        found = await room.threads.about("incidents/inc_9")
        assert (str(found.sender.address), found.sender.name) == ("first@example.org", "First")
        assert (await room.threads.about("")).references == ()
        await room.mailboxes.delete(primary.id)
        assert str((await room.threads.about("incidents/inc_9")).sender.address) == "itsm@example.org"


async def test_nobody_acts_by_mail_for_a_person_whose_account_is_gone() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox()
        room.desk.people["ann@demo.example"] = Somebody("", ())
        assert (await room.come(desk, letter()))["state"] == "REFUSED"


async def test_files_of_a_mail_become_files_of_its_incident_once_and_what_is_not_taken_is_told() -> None:
    room = MailRoom()
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "ann@demo.example", "Printer", "<files@demo.example>"
    mail.set_content("See the picture.")
    mail.add_alternative("<p>See <img src='cid:1'></p>", subtype="html")
    mail.get_payload()[1].add_related(b"\x89PNG\r\n\x1a\n", "image", "png", cid="<1>")  # type: ignore[index, union-attr]
    mail.add_attachment(b"%PDF-1.7", maintype="image", subtype="png", filename="../report.pdf")
    mail.add_attachment(b"MZ", maintype="application", subtype="x-ms", filename="setup.exe")
    mail.add_attachment(b"", maintype="text", subtype="plain", filename="nothing.txt")
    forwarded = EmailMessage()
    forwarded["Subject"] = "before"
    forwarded.set_content("It burned.")
    mail.add_attachment(forwarded)
    with ctx.use(boss()):
        mailbox = await room.mailbox()
        done = await room.come(mailbox, mail.as_bytes())
        assert done["state"] == "DONE", done["reason"]
        incident = done["record"].partition("/")[2]
        names = [(key, who, name) for key, who, name, _ in room.desk.files]
        assert names == [(incident, "usr_ann", each) for each in ("file.png", "report.pdf", "message.eml")]
        contents = [content for *_, content in room.desk.files]
        assert contents[:2] == [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"] and b"It burned." in contents[2]
        assert done["reason"].startswith("without setup.exe: ")
        again = {"$set": {"state": "PENDING", "next_due_time": room.clock()}}  # as after a death before it was noted
        await room.backend.update_many("mails", room.store.scoped({"_id": done["_id"]}), again)
        await room.worker.round()
        assert len(room.desk.files) == 3


async def test_files_of_who_may_not_add_any_are_added_by_this_service_and_wait_with_the_mail() -> None:
    room = MailRoom()
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "vic@demo.example", "Printer", "<vic@demo.example>"
    mail.set_content("Here.")
    mail.add_attachment(b"text", maintype="text", subtype="plain", filename="a.txt")
    with ctx.use(boss()):
        mailbox = await room.mailbox()
        done = await room.come(mailbox, mail.as_bytes())
        assert done["state"] == "DONE"
        assert [(who, name) for _, who, name, _ in room.desk.files] == [("itsm-gateway", "a.txt")]
