"""Notices: who is told of what, in which words, how often, and who is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import AlreadyExists, Invalid, NotFound, Unavailable
from services.gateway.domain.delivery import TOO_MANY, Channel
from services.gateway.domain.notification_preferences import Choice, NotificationPreferences
from services.gateway.domain.notification_rule import Recipient
from services.gateway.domain.shipped_rules import SHIPPED
from services.gateway.ports import Told
from services.gateway.usecases.addressing import HIDDEN, HIMSELF, UNKNOWN
from services.gateway.usecases.notifying import FOLDED, OF_A_RECORD, OF_A_TARGET
from services.gateway.usecases.reading import Asked
from tests.support.push import Browser
from tests.unit.gateway.notices import ASSIGNED, OPENED, URL, Office, person
from tests.unit.gateway.post import NOON, boss

RULE: dict[str, Any] = {
    "name": "mine",
    "event_types": [OPENED],
    "user_ids": ["bob"],
    "channels": [Channel.MAIL],
    "template": "notice",
}


async def test_a_requester_hears_that_his_incident_was_opened_answered_and_resolved() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.happen("e1", title="the printer <burns>")
        await office.say("e2", "We are on our way.")
        await office.say("e3", "He always breaks it.", public=False)
        await office.happen("e4", "itsm.incident.v1.IncidentResolved", resolution="a new cable")
        rows = await office.rows()
    assert [(row["target_id"], row["channel"], row["event_id"]) for row in rows] == [
        ("ann", "MAIL", "e1"),
        ("ann", "MAIL", "e2"),
        ("ann", "MAIL", "e4"),
    ]
    opened, answered, resolved = (row["content"] for row in rows)
    assert opened["to"] == "ann@example.org"
    assert opened["subject"] == "[INC0000001] We have it: the printer <burns>"
    assert opened["thread"] == "incidents/inc_1"
    assert "Hello Ann," in opened["text"] and f"{URL}/incidents/inc_1" in opened["text"]
    assert "<burns>" in opened["text"] and "&lt;burns&gt;" in opened["html"] and "<burns>" not in opened["html"]
    assert "by Bob" in answered["text"] and "We are on our way." in answered["text"]
    assert "a new cable" in resolved["text"]


async def test_nobody_is_told_of_what_he_did_himself_or_may_not_read() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.happen("e1", actor="ann")
        await office.happen("e2", ASSIGNED, actor="bob", assignee_id="bob")
        await office.happen("e3", ASSIGNED, actor="boss", assignee_id="bob")
        rule = await office.rules.create({**RULE, "user_ids": ["ann", "cid", "nobody"], "recipients": [Recipient.TEAM]})
        office.teams["t1"] = ["bob", "boss"]
        await office.happen("e4", actor="boss", requester_id="somebody", team_id="t1")
        assert await office.told() == [("bob", "MAIL", "e3"), ("bob", "MAIL", "e4"), ("cid", "MAIL", "e4")]
        event = Told(
            "e4", OPENED, "incidents/inc_1", "main", 1, office.clock(), {"incident": office.incidents["incidents/inc_1"]}, b""
        )
        matter = await office.addressing.matter(replace(event, text=b'{"incident":{"id":"inc_1","requesterId":"x"}}'))
        assert matter is not None
        why = {each.target_id: each.reason for each in await office.addressing.notices(matter, [rule], "boss")}
    assert why == {"bob": "", "boss": HIMSELF, "ann": HIDDEN, "cid": "", "nobody": UNKNOWN}


async def test_who_is_named_in_a_note_hears_that_and_who_watches_hears_what_is_said_and_how_it_ends() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.happen("e1", actor="boss", requester_id="x", watcher_ids=["cid", "bob", "ann"])
        await office.say("e2", "bob, a look?", public=False, actor="boss", names=["bob", "ann"])
        await office.happen("e3", "itsm.incident.v1.IncidentResolved", actor="boss", requester_id="x", watcher_ids=["cid"])
        rows = await office.rows()
    assert [(row["target_id"], row["event_id"]) for row in rows] == [("bob", "e2"), ("cid", "e2"), ("cid", "e3")]
    named, noted, resolved = (row["content"] for row in rows)
    assert "You were named by Boss" in named["text"] and "bob, a look?" in named["text"]
    assert noted["subject"] == "[INC0000001] Note: down"
    assert "down is" in resolved["text"]


async def test_a_private_note_is_for_those_who_may_read_all_whatever_a_rule_says() -> None:
    office = Office()
    with ctx.use(boss()):
        everything = {**RULE, "event_types": ["itsm.incident.v1.NoteAdded"], "recipients": [Recipient.REQUESTER]}
        await office.rules.create({**everything, "user_ids": ["cid"], "order": -5})
        await office.happen("e1")
        await office.say("e2", "a secret", public=False)
        assert ("ann", "MAIL", "e2") not in await office.told()
        assert ("cid", "MAIL", "e2") in await office.told()


async def test_an_event_that_comes_again_tells_nobody_twice_and_the_first_rule_speaks() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.rules.create({**RULE, "template": "incident-resolved", "order": 3})
        await office.rules.create({**RULE, "template": "incident-noted", "order": -3})
        for _ in range(2):
            await office.happen("e1", requester_id="somebody", actor="boss")
        (row,) = await office.rows()
    assert row["content"]["subject"] == "[INC0000001] Note: down"


async def test_a_burst_about_one_record_ends_with_how_many_more_there_were() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.rules.create(RULE)
        async with office.store.transaction():
            for number in range(OF_A_RECORD + 3):
                await office.happen(f"e{number}", requester_id="x", actor="boss")
        await office.happen("later", requester_id="x", actor="boss")
        await office.happen("later", requester_id="x", actor="boss")
        rows = await office.rows()
        (closing,) = [row for row in rows if row["event_type"] == FOLDED]
        await office.happen("other", id="inc_2", requester_id="x", actor="boss")
        office.clock.advance(hours=1)
        await office.happen("next hour", requester_id="x", actor="boss")
        later = await office.told()
    assert len(rows) == OF_A_RECORD + 1
    assert closing["next_due_time"] == NOON + timedelta(hours=1)
    assert closing["content"]["subject"] == "And 4 more notices"
    assert closing["content"]["to"] == "bob@example.org"
    assert {("bob", "MAIL", "other"), ("bob", "MAIL", "next hour")} <= set(later)


async def test_a_storm_over_many_records_is_bounded_for_each_person() -> None:
    office = Office()
    with ctx.use(boss()):
        await office.rules.create(RULE)
        for batch in range(3):
            async with office.store.transaction():
                for number in range(40):
                    await office.happen(f"e{batch}-{number}", id=f"inc_{batch}_{number}", requester_id="x", actor="boss")
        rows = await office.rows()
    (closing,) = [row for row in rows if row["event_type"] == FOLDED]
    assert len(rows) == OF_A_TARGET + 1
    assert closing["content"]["subject"] == f"And {120 - OF_A_TARGET} more notices"
    assert URL in closing["content"]["text"] and "incidents/" not in closing["content"]["text"]


async def test_what_somebody_wants_decides_the_ways_the_language_and_the_hours() -> None:
    office = Office()
    with ctx.use(person("bob")):
        browser = await _browser(office)
        wishes = await office.preferences.get("me")
        assert (wishes.version, wishes.owner_id) == (0, "bob")
        choices = [Choice(template="incident-assigned", channels=[Channel.PUSH])]
        quiet = {"quiet_from": "13:00", "quiet_until": "15:30", "time_zone": "Europe/Berlin"}
        await office.preferences.update("me", {"locale": "de-CH", "choices": choices, **quiet})
    with ctx.use(boss()):
        await office.happen("e1", ASSIGNED, actor="boss", assignee_id="bob")
        await office.say("e2", "hm", actor="cid")
        rows = {(row["channel"], row["event_id"]): row for row in await office.rows(target_id={"$in": ["bob", browser.id]})}
    assert set(rows) == {("PUSH", "e1"), ("MAIL", "e2"), ("PUSH", "e2")}
    assert rows["PUSH", "e1"]["content"]["title"] == "[INC0000001] Für Sie: down"
    assert rows["PUSH", "e1"]["next_due_time"] == NOON + timedelta(hours=1, minutes=30)
    assert rows["MAIL", "e2"]["next_due_time"] < NOON + timedelta(minutes=1)
    assert "hm" in rows["MAIL", "e2"]["content"]["text"] and "hm" not in rows["PUSH", "e2"]["content"]["text"]


async def test_quiet_hours_follow_the_clock_on_the_wall() -> None:
    wishes = NotificationPreferences.of("main", "bob", NOON)
    wishes.edit(NOON, quiet_from="22:00", quiet_until="07:00", time_zone="Europe/Berlin")
    night = NOON.replace(month=3, day=28, hour=23)  # the clock is put forward in it
    assert wishes.quiet_end(night) == NOON.replace(month=3, day=29, hour=5)
    assert wishes.quiet_end(NOON.replace(hour=3)) == NOON.replace(hour=5)
    assert wishes.quiet_end(NOON) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"locale": "english please"},
        {"quiet_from": "22:00"},
        {"quiet_from": "25:00", "quiet_until": "07:00"},
        {"choices": [Choice(template="x", channels=[Channel.WEBHOOK])]},
        {"choices": [Choice(template="x"), Choice(template="x")]},
    ],
)
async def test_a_wish_that_nobody_could_keep_is_refused(fields: dict[str, Any]) -> None:
    office = Office()
    with ctx.use(person("bob")), pytest.raises(Invalid):
        await office.preferences.update("me", fields)


async def test_nobody_reaches_the_wishes_of_somebody_else() -> None:
    office = Office()
    with ctx.use(person("bob")):
        wishes = await office.preferences.update("me", {"locale": "de"})
        assert (await office.preferences.get(wishes.id)).locale == "de"
    with ctx.use(person("cid")), pytest.raises(NotFound):
        await office.preferences.get(wishes.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event_types": ["itsm.incident.v1.Nonsense"]}, "event_types"),
        ({"filter": "nonsense = 3"}, "filter"),
        ({"template": "No Name"}, "template"),
        ({"channels": [Channel.WEBHOOK]}, "channels"),
        ({"channels": [Channel.CHAT]}, "channels"),
        ({"user_ids": []}, "recipients"),
        ({"user_ids": [f"u{number}" for number in range(101)]}, "user_ids"),
        ({"recipients": [Recipient.MENTIONED]}, "recipients"),
        ({"room_ids": ["cht_none"], "channels": [Channel.MAIL, Channel.CHAT]}, "room_ids"),
        ({"addresses": ["a@b.example, c@d.example"]}, "addresses"),
        ({"addresses": ["a@b.example\r\nBcc: c@d.example"]}, "addresses"),
        ({"addresses": ['"a b"@c.example']}, "addresses"),
        ({"addresses": ["a(comment)@c.example"]}, "addresses"),
        ({"addresses": ["@c.example"]}, "addresses"),
        ({"addresses": ["a@localhost"]}, "addresses"),
        ({"addresses": ["a@b.example", "a@b.example"]}, "addresses"),
        ({"addresses": [f"a{number}@b.example" for number in range(10_000)]}, "addresses"),
    ],
)
async def test_a_rule_that_could_not_be_kept_is_refused(fields: dict[str, Any], field: str) -> None:
    office = Office()
    with ctx.use(boss()), pytest.raises(Invalid) as refused:
        await office.rules.create({**RULE, **fields})
    assert set(refused.value.violations) == {field}


async def test_addresses_and_rooms_are_told_by_the_rights_of_whoever_made_the_rule() -> None:
    office = Office()
    with ctx.use(boss()):
        room = await office.rooms.create("http://127.0.0.1:1/x", {"name": "ops", "kind": "GENERIC"})
        wanted = {"addresses": ["ops@example.org"], "room_ids": [room.id], "channels": [Channel.MAIL, Channel.CHAT]}
        await office.rules.create({**RULE, "user_ids": [], **wanted})
        await office.happen("e1", requester_id="x")
        assert [(row["channel"], row["target_id"][:8]) for row in await office.rows()] == [
            ("MAIL", "address:"),
            ("CHAT", room.id[:8]),
        ]
        office.roles["boss"] = []
        office.seconds += 60
        await office.happen("e2", requester_id="x")
        assert await office.rows(event_id="e2") == []
    with ctx.use(replace(boss(), actor=ctx.Actor(id="key", kind="service"))), pytest.raises(Invalid):
        await office.rules.create({**RULE, **wanted})


async def test_rules_of_the_platform_are_there_once_and_stay_ended() -> None:
    office = Office()
    with ctx.use(boss()):
        rows, _ = await office.rules.page(Asked(size=100))
        assert {row["shipped"] for row in rows} == set(SHIPPED)
        opened, resolved = await office.shipped("requester-opened"), await office.shipped("requester-resolved")
        await office.rules.update(opened, {"enabled": False})
        await office.rules.delete(resolved)
        office.rules._prepared.clear()
        await office.happen("e1")
        await office.happen("e2", "itsm.incident.v1.IncidentResolved")
        assert await office.rows() == []
        await office.rules.update(opened, {"enabled": True})
        await office.happen("e3")
        assert await office.told() == [("ann", "MAIL", "e3")]
        assert len((await office.rules.page(Asked(size=100)))[0]) == len(SHIPPED) - 1
    with ctx.use(boss("other")):
        assert len((await office.rules.page(Asked(size=100)))[0]) == len(SHIPPED)


async def test_nobody_is_told_of_what_is_long_past_or_of_what_was_before_a_rule() -> None:
    office = Office()
    with ctx.use(boss()):
        before = office.envelope("e1", OPENED, "incidents/inc_1", "boss")
        office.clock.advance(minutes=1)
        await office.rules.create(RULE)
        data = {"incident": {"id": "inc_1", "requesterId": "x"}}
        await office.notifying.notify(data, before)
        office.clock.advance(hours=25)
        await office.notifying.notify(data, replace(before, id="e2", time=NOON + timedelta(minutes=2)))
        assert await office.rows() == []


async def test_while_nobody_knows_who_may_read_it_an_event_waits() -> None:
    office = Office()
    office.away = True
    with ctx.use(boss()):
        with pytest.raises(Unavailable):
            await office.happen("e1")
        office.away = False
        await office.happen("e1")
        assert await office.told() == [("ann", "MAIL", "e1")]


async def test_where_no_mail_leaves_none_is_written() -> None:
    office = Office(mail=False)
    with ctx.use(boss()):
        await office.happen("e1")
        assert await office.rows() == []


async def test_beyond_what_may_wait_new_ones_are_given_up_at_once_and_counted() -> None:
    office = Office(most=2)
    with ctx.use(boss()):
        for number in range(4):
            office.seconds += 10
            await office.happen(f"e{number}", id=f"inc_{number}", actor="boss")
        states = [(row["state"], row["next_due_time"] is None) for row in await office.rows()]
        last = (await office.rows())[-1]
    assert states == [("PENDING", False)] * 2 + [("FAILED", True)] * 2
    assert last["attempts"][0]["error"] == TOO_MANY
    assert office.metrics.webhook_deliveries.labels("refused")._value.get() == 2
    with ctx.use(boss("other")):
        await office.happen("e9")
        assert [row["state"] for row in await office.rows()] == ["PENDING"]


async def test_a_delivery_that_is_made_again_leaves_a_change_each_time() -> None:
    office = Office(most=0)
    with ctx.use(boss()):
        await office.happen("e1")
        (row,) = await office.rows()
        assert row["state"] == "FAILED"
        dry = replace(boss(), dry_run=True)
        with ctx.use(dry):
            assert (await office.log.repeat(row["_id"])).state == "PENDING"
        assert (await office.rows())[0]["state"] == "FAILED"
        first = await office.log.repeat(row["_id"])
        again = await office.log.repeat(row["_id"])
        changes = await office.store.history(f"deliveries/{row['_id']}", limit=10)
        (kept,) = await office.rows()
        with pytest.raises(NotFound):
            await office.log.repeat("dlv_none")
    assert (first.state, first.version, again.version) == ("PENDING", 1, 2)
    assert [change["type"] for change in changes] == ["itsm.gateway.v1.DeliveryRepeated"] * 2
    assert (kept["state"], kept["turn"], kept["next_due_time"]) == ("PENDING", 0, office.clock())
    with ctx.use(boss("other")), pytest.raises(NotFound):
        await office.log.repeat(row["_id"])


async def test_ones_own_words_go_before_those_of_the_platform_and_no_name_has_them_twice() -> None:
    office = Office()
    mine = {"name": "incident-opened", "channel": Channel.MAIL, "locale": "en", "subject": "S {{ record.title }}", "body": "B"}
    with ctx.use(boss()):
        template = await office.templates.create({**mine, "html": "<b>{{ record.title }}</b>"})
        with pytest.raises(AlreadyExists):
            await office.templates.create(mine)
        await office.happen("e1", title="{{ 7*7 }} <i>\r\nBcc: x@example.org\u2028")
        await office.templates.delete(template.id)
        await office.happen("e2")
        first, second = (row["content"] for row in await office.rows())
        await office.templates.create(mine)
    assert first["subject"] == "S {{ 7*7 }} <i> Bcc: x@example.org"
    assert first["html"].startswith("<b>{{ 7*7 }} &lt;i&gt;")
    assert second["subject"] == "[INC0000001] We have it: down"


async def test_a_preview_shows_what_would_be_read_and_nothing_that_the_caller_may_not_read() -> None:
    office = Office()
    fields = {"name": "x", "channel": Channel.MAIL, "locale": "en", "subject": "{{ record.title }}", "body": "{{ note.text }}"}
    with ctx.use(boss()):
        example = await office.previews.preview(fields, "", "")
        await office.happen("e1", title="mine")
        assert (await office.previews.preview(fields, "incidents/inc_1", "")).subject == "mine"
        with pytest.raises(NotFound):
            await office.previews.preview(fields, "incidents/inc_none", "")
        with pytest.raises(Invalid):
            await office.previews.preview({**fields, "body": "{{ 7 * 7 }}"}, "", "")
    assert example.subject == "The printer on floor 3 says <offline> & blinks" and "&lt;offline&gt;" not in example.text
    with ctx.use(person("ann", "requester")), pytest.raises(NotFound):
        await office.happen("e2", requester_id="x")
        await office.previews.preview(fields, "incidents/inc_1", "")


async def test_a_trial_of_a_rule_says_who_would_have_been_told_and_tells_nobody() -> None:
    office = Office()
    with ctx.use(boss()):
        rule = await office.rules.create({**RULE, "user_ids": ["bob", "nobody"], "filter": "priority = P2"})
        record = {"id": "inc_1", "priority": "P2", "requesterId": "x"}
        event = Told("e1", OPENED, "incidents/inc_1", "main", 1, NOON, {"incident": record}, b'{"incident":{"id":"inc_1"}}')
        office.past = [event, replace(event, id="e2", data={"incident": {**record, "priority": "P1"}})]
        count, (found,) = await office.previews.test(rule.id)
        assert await office.rows() == []
    assert (count, found.event.id) == (2, "e1")
    assert [(each.target_id, each.reason) for each in found.notices] == [("bob", ""), ("nobody", UNKNOWN)]


async def _browser(office: Office) -> Any:
    browser = Browser("http://127.0.0.1:1/push")
    return await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "mine")
