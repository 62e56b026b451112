"""What somebody was told of is found in one place, by himself alone, whether or not a mail reached him."""

from datetime import timedelta
from typing import Any

import pytest
from itsm.gateway import v1 as pb

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.testing import caller
from services.gateway.api.inbox import InboxApi
from services.gateway.domain.notification_preferences import Choice
from services.gateway.usecases.inbox import MOST_COUNTED, OF_AN_HOUR
from tests.unit.gateway.notices import ASSIGNED, OPENED, Office, person
from tests.unit.gateway.post import boss


async def listed(office: Office, who: str, **asked: Any) -> Any:
    with ctx.use(caller(subject=who)):
        return await InboxApi(office.inbox).ListInbox(pb.ListInboxRequest(**asked), None)


async def read(office: Office, who: str, **which: Any) -> int:
    with ctx.use(caller(subject=who)):
        answer = await InboxApi(office.inbox).ReadInbox(pb.ReadInboxRequest(**which), None)
        return int(answer.unread_count)


@pytest.mark.parametrize("mail", [True, False])
async def test_what_is_told_is_kept_once_for_who_is_told_until_he_has_read_it(mail: bool) -> None:
    office = Office(mail=mail)
    if not mail:  # somebody has a browser, so that anything leaves at all
        with ctx.use(person("bob")):
            await office.browsers.create("https://push.example/x", f"B{'A' * 86}", "A" * 22, "mine")
    with ctx.use(boss()):
        for _ in range(2):
            await office.happen("e1", OPENED)
        await office.happen("e2", ASSIGNED, assignee_id="cid")
    found = await listed(office, "ann")
    assert [(each.template, each.subject, each.event_type) for each in found.items] == [
        ("incident-opened", "incidents/inc_1", OPENED)
    ]
    assert (found.unread_count, found.items[0].title) == (1, "[INC0000001] We have it: down")
    assert [each.template for each in (await listed(office, "cid")).items] == ["incident-assigned"]
    assert list((await listed(office, "bob")).items) == []
    assert await read(office, "bob", all=True) == 0
    assert await read(office, "cid", ids=[found.items[0].id]) == 1, "nobody reads for somebody else"
    assert await read(office, "ann", ids=[found.items[0].id, "ntf_none"]) == 0
    again = await listed(office, "ann", unread=True)
    assert (list(again.items), again.unread_count) == ([], 0)
    assert (await listed(office, "ann")).items[0].HasField("read_time")
    with pytest.raises(Invalid):
        await read(office, "ann", ids=[str(number) for number in range(201)])
    with ctx.use(caller(tenant="acme", subject="ann")):
        assert await office.inbox.unread() == 0


async def test_pages_go_back_in_time_and_a_storm_fills_nobodys_inbox() -> None:
    office = Office()
    with ctx.use(boss()):
        for number in range(OF_AN_HOUR + 5):
            await office.happen(f"e{number}", OPENED, id=f"inc_{number}")
    first = await listed(office, "ann", page_size=150)
    rest = await listed(office, "ann", page_size=150, page_token=first.next_page_token)
    subjects = [each.subject for each in [*first.items, *rest.items]]
    assert subjects == [f"incidents/inc_{number}" for number in reversed(range(OF_AN_HOUR))]
    assert (rest.next_page_token, first.unread_count) == ("", MOST_COUNTED)
    office.clock.advance(seconds=timedelta(hours=1).total_seconds())
    with ctx.use(boss()):
        await office.happen("later", OPENED, id="inc_later")
    assert (await listed(office, "ann", page_size=1)).items[0].subject == "incidents/inc_later"


async def test_who_wants_to_hear_nothing_of_a_kind_finds_nothing_of_it() -> None:
    office = Office()
    with ctx.use(person("ann", "requester")):
        await office.preferences.update("me", {"choices": [Choice(template="incident-opened", channels=[])]})
    with ctx.use(boss()):
        await office.happen("e1", OPENED)
    assert list((await listed(office, "ann")).items) == []
