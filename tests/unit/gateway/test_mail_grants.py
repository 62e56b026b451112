"""Which addresses a tenant may use: what it was given, which nobody else may, and nothing that mail to others is taken by."""

from dataclasses import replace
from functools import partial

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.races import again
from services.gateway.mail.addresses import Address
from services.gateway.mail.grants import Grants
from services.gateway.mail.settings import MailSettings
from tests.unit.gateway.mail_room import GRANTS, OWN, MailRoom, boss


@pytest.mark.parametrize(
    "address",
    [
        "desk@example.org",  # of another tenant, which has a mailbox of this name
        "free@example.org",  # of another tenant, which has none
        "ceo@bank.example",  # of nobody
        "desk@sub.other.example",
        "itsm@example.org",  # the installation's own
        "Help@shared.example",  # whose domain is nobody's, only one of its addresses is given
    ],
)
async def test_an_address_that_was_not_given_is_refused_in_the_same_words_whoever_has_it(address: str) -> None:
    room = MailRoom()
    with ctx.use(boss()):
        await room.mailbox("desk@example.org")
    with ctx.use(boss("other")):
        mine = await room.mailbox("desk@other.example", primary=True)
        with pytest.raises(Invalid) as made:
            await room.mailbox(address, primary=True)
        with pytest.raises(Invalid) as changed:
            await again(partial(room.mailboxes.update, mine.id, {"address": address}))
        assert str((await room.threads.about("")).sender.address) == "desk@other.example"
    why = "is none that this tenant may use: who runs the installation gives it domains"
    assert made.value.violations == changed.value.violations == {"address": why}


async def test_what_was_given_is_taken_and_mail_behind_a_plus_stays_with_who_has_the_address() -> None:
    room = MailRoom()
    with ctx.use(boss("other")):
        for address in ("desk@OTHER.example", "Desk@shared.example"):
            await room.mailbox(address)
        with pytest.raises(Invalid, match=r"may have no \+"):
            await room.mailbox("desk+inc@other.example")
    with ctx.use(boss()):
        desk = await room.mailbox()
        with pytest.raises(Invalid):
            await room.mailbox(str(OWN))
    assert await room.postbox.addressed(Address.of("desk+inc@example.org")) == ("main", desk.id)


async def test_what_is_taken_back_or_given_to_another_receives_and_sends_no_more_and_is_free_for_nobody_unasked() -> None:
    room = MailRoom()
    with ctx.use(boss()):
        desk = await room.mailbox(primary=True)
        room.postbox._grants = room.threads._grants = room.mailboxes._grants = Grants.of("other=example.org", OWN)
        assert await room.postbox.addressed(Address.of("desk@example.org")) is None
        assert (await room.threads.about("")).sender.address == OWN
        assert (await room.mailboxes.update(desk.id, {"address": desk.address, "name": "Desk"})).name == "Desk"
    with ctx.use(boss("other")), pytest.raises(Invalid):
        await room.mailbox()


def test_without_the_setting_the_domain_of_our_own_address_is_of_the_tenant_main_alone() -> None:
    found = MailSettings(mail_from="itsm@example.org").mail_grants()
    assert found == replace(GRANTS, domains={"example.org": "main"}, addresses={})
    given = MailSettings(
        mail_from="itsm@example.org", mail_domains="b=B.example; c = bücher.example,x@b.example;"
    ).mail_grants()
    assert given.domains == {"b.example": "b", "xn--bcher-kva.example": "c"}
    assert given.allows("c", Address.of("X@b.example")) and not given.allows("b", Address.of("x@b.example"))
    assert not given.allows("main", Address.of("desk@example.org"))


@pytest.mark.parametrize(
    "text", ["example.org", "main=exa mple.org", "a=x.example;b=x.example", "a=x@x.example;b=X@x.example", "=x"]
)
def test_what_gives_nothing_that_could_be_used_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="ITSM_MAIL_DOMAINS"):
        MailSettings(mail_domains=text)
