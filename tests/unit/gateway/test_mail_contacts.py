"""Contacts: people without an account who wrote a mail are answered by mail, and hear of nothing that is not for them."""

from datetime import timedelta

from chassis import context as ctx
from services.gateway.mail.addresses import Address
from services.gateway.usecases.addressing import address_id
from services.gateway.usecases.postbox import MAILS, Postbox
from tests.unit.gateway.mail_room import GRANTS, MailRoom
from tests.unit.gateway.notices import Office
from tests.unit.gateway.post import boss

EVE = address_id("eve@demo.example")


async def test_a_contact_is_answered_by_mail_but_hears_of_no_private_note_and_not_of_his_own_mail() -> None:
    office, room = Office(), MailRoom()
    postbox = Postbox(office.store, room.mailboxes.shelf, room.postbox._listing, GRANTS, largest=1000)
    with ctx.use(boss()):
        await postbox.meet(EVE, Address.of("eve@demo.example"), "Eve")
        await office.happen("e1", requester_id=EVE, actor="itsm-gateway")
        await office.say("e2", "We are on our way.")
        await office.say("e3", "He always breaks it.", public=False)
        came = {"tenant": "main", "sender_id": EVE, "begin_time": office.clock() - timedelta(seconds=1)}
        office.backend._documents(MAILS)["mail_1"] = {"_id": "mail_1", **came}
        await office.say("e4", "eve@demo.example wrote: thank you", actor="itsm-gateway")
        await office.say("e5", "You are welcome.")
        rows = await office.rows()
    assert [(row["event_id"], row["target_id"], row["content"]["to"]) for row in rows] == [
        (event, EVE, "eve@demo.example") for event in ("e1", "e2", "e5")
    ]
    assert "Hello Eve," in rows[0]["content"]["text"]


async def test_of_others_and_of_what_he_did_not_report_a_contact_hears_nothing() -> None:
    office, room = Office(), MailRoom()
    postbox = Postbox(office.store, room.mailboxes.shelf, room.postbox._listing, GRANTS, largest=1000)
    with ctx.use(boss("other")):
        await postbox.meet(EVE, Address.of("eve@demo.example"), "Eve")
    with ctx.use(boss()):
        await office.happen("e1", requester_id=EVE)
        await postbox.meet(EVE, Address.of("eve@demo.example"), "Eve")
        await office.happen("e2", requester_id="somebody")
        assert await office.rows() == []
