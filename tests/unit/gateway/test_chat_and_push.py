"""Rooms of chats and browsers: what they are sent, that data calls nobody there, and when one is given up or forgotten."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.outbound import Policy
from chassis.races import again
from services.gateway.deliveries.chat import markdown_text, payload, slack_text
from services.gateway.deliveries.webpush import LONGEST, Vapid, decoded, encoded, encrypted
from services.gateway.domain.chat_room import Kind
from services.gateway.usecases.reading import Asked
from services.gateway.usecases.rooms import SEALED
from tests.support.push import Browser, vapid_claims
from tests.support.receiver import receiving
from tests.unit.gateway.notices import ASSIGNED, Office, person
from tests.unit.gateway.post import boss

EVIL = (
    "<!channel> <!here|x> <@U1> @everyone @channel @all <https://evil.example|bank> [bank](https://evil.example) "
    "~town `x` *b* &lt;"
)
ABOUT = {"_id": "dlv_1", "event_type": "t", "subject": "incidents/inc_1"}
CONTENT = {"title": EVIL, "text": f"{EVIL}\nsecond line", "url": "https://itsm.example/incidents/inc_1"}


def test_slack_finds_no_mention_channel_or_link_in_data() -> None:
    sent = payload(Kind.SLACK, CONTENT, ABOUT)
    shown = [sent["text"], sent["blocks"][0]["text"]["text"]]
    assert all("<" not in text and ">" not in text and "&lt;!channel&gt;" in text for text in shown)
    assert sent["blocks"][0]["text"]["verbatim"] and sent["link_names"] is False
    assert sent["blocks"][1]["elements"][0]["text"] == f"<{CONTENT['url']}|→>"


def test_a_long_text_is_cut_between_signs() -> None:
    sent = payload(Kind.SLACK, {**CONTENT, "title": "t", "text": "<" * 5_000}, ABOUT)
    text = sent["blocks"][0]["text"]["text"]
    assert len(text) <= 3_000 and re.fullmatch(r"t\n(&lt;)+", text)


def test_mattermost_shows_data_as_it_is_and_calls_nobody() -> None:
    text = payload(Kind.MATTERMOST, CONTENT, ABOUT)["text"]
    said, _, link = text.rpartition("\n")
    assert link == f"[→]({CONTENT['url']})"
    assert not re.search(r"(?<!\\)[\[\]()`~]", said.replace("**", ""))
    assert not re.search(r"@(channel|all|everyone|here)", said) and "https://" not in said


@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    assert not re.search(r"[<>]", slack_text(text))
    assert not re.search(r"(?<!\\)(\\\\)*[*_\[\]()`#~]", markdown_text(text))
    assert not re.search(r"@\w", markdown_text(text))


def test_a_card_of_teams_holds_runs_of_text_alone() -> None:
    (attachment,) = payload(Kind.TEAMS, CONTENT, ABOUT)["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [block["inlines"][0]["text"] for block in card["body"]] == [EVIL, EVIL, "second line"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "→", "url": CONTENT["url"]}]
    assert "msteams" not in card


async def test_a_room_is_told_and_its_address_is_shown_nowhere() -> None:
    office = Office()
    async with receiving(503, 200) as receiver:
        secret = f"{receiver.url}/T0/B0/a-secret"
        with ctx.use(boss()):
            room = await office.rooms.create(secret, {"name": "ops", "kind": "GENERIC"})
            delivery = await office.rooms.test(room.id)
            assert await office.deliver() == 1
            office.clock.advance(minutes=1)
            office.seconds += 60
            assert await office.deliver() == 1
            done = await office.log.one(delivery["_id"])
            everything = repr(
                [*office.backend.collections.values()] if hasattr(office.backend, "collections") else vars(office.backend)
            )
            (row,) = await office.store.find(SEALED, {})
    first, second = receiver.seen
    assert first.told == second.told and first.told["title"] == "A test of ITSM"
    assert first.headers["idempotency-key"] == delivery["_id"]
    assert (done["state"], [each["status"] for each in done["attempts"]]) == ("DELIVERED", [503, 200])
    assert "a-secret" not in everything and row["sealed"]
    assert room.host == "127.0.0.1"


async def test_a_room_asks_for_a_pause_and_gets_it_and_a_wrong_address_is_given_up() -> None:
    office = Office()
    async with receiving(429, 404, headers={"retry-after": "600"}) as receiver:
        with ctx.use(boss()):
            room = await office.rooms.create(receiver.url, {"name": "ops", "kind": "SLACK"})
            delivery = await office.rooms.test(room.id)
            await office.deliver()
            waiting = await office.log.one(delivery["_id"])
            office.clock.advance(minutes=11)
            office.seconds += 660
            await office.deliver()
            ended = await office.log.one(delivery["_id"])
    assert waiting["next_due_time"].replace(tzinfo=None) >= (office.clock() - timedelta(minutes=1)).replace(tzinfo=None)
    assert (ended["state"], ended["attempts"][-1]["status"]) == ("FAILED", 404)


async def test_a_room_that_changes_its_address_or_goes_is_told_there_or_nowhere() -> None:
    office = Office()
    async with receiving(200) as first, receiving(200) as second:
        with ctx.use(boss()):
            room = await office.rooms.create(first.url, {"name": "ops", "kind": "GENERIC"})
            changed = await office.rooms.update(room.id, second.url, {"name": "on call"})
            assert (changed.name, changed.version, changed.url_version) == ("on call", 2, 2)
            await office.rooms.test(room.id)
            await office.deliver()
            late = await office.rooms.test(room.id)
            await office.rooms.delete(room.id)
            await office.deliver()
            assert (await office.log.one(late["_id"]))["attempts"][0]["error"] == "the room was removed"
            assert await office.store.find(SEALED, {}) == []
            with pytest.raises(NotFound):
                await office.rooms.get(room.id)
        with ctx.use(boss("other")), pytest.raises(NotFound):
            await office.rooms.test(room.id)
    assert (len(first.seen), len(second.seen)) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://10.0.0.1/",
        "https://169.254.169.254/x",
        "http://hooks.example/",
        "https://a@b.example/",
        "https://h.svc/",
        "ftp://x.example/",
    ],
)
async def test_an_address_of_the_inside_is_refused_for_rooms_and_browsers(url: str) -> None:
    office = Office(policy=Policy())
    browser = Browser(url)
    with ctx.use(boss()):
        with pytest.raises(Invalid) as refused:
            await office.rooms.create(url, {"name": "ops", "kind": "SLACK"})
        assert set(refused.value.violations) == {"url"}
        with pytest.raises(Invalid) as refused:
            await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "")
        assert set(refused.value.violations) == {"endpoint"}


def test_the_example_of_the_rfc_is_encrypted_byte_by_byte() -> None:
    sender = ec.derive_private_key(int.from_bytes(decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1())
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        salt=decoded("DGv6ra1nlYgDCS1FRnbzlw"),
        sender=sender,
    )
    assert encoded(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
        "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    with pytest.raises(ValueError, match="bytes"):
        encrypted(b"x" * (LONGEST + 1), Browser("x").p256dh, Browser("x").auth)


def test_the_key_of_an_installation_follows_from_its_secret() -> None:
    one, same, other = Vapid(b"a", "mailto:a@b.example"), Vapid(b"a", "x"), Vapid(b"b", "x")
    assert one.public == same.public != other.public
    claims = vapid_claims(one.authorization("https://push.example:8443/a/b"), one.public)
    assert (claims["aud"], claims["sub"]) == ("https://push.example:8443", "mailto:a@b.example")


async def test_a_browser_reads_what_is_meant_for_it_alone() -> None:
    office = Office()
    async with receiving(201) as service:
        browser = Browser(service.url)
        with ctx.use(person("bob")):
            kept = await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "mine")
        with ctx.use(boss()):
            await office.happen("e1", ASSIGNED, actor="boss", assignee_id="bob")
            await office.deliver()
            (row,) = await office.rows(target_id=kept.id)
    (sent,) = service.seen
    told = browser.read(sent.body)
    assert told == {
        "id": row["_id"],
        "title": "[INC0000001] Yours: down",
        "body": told["body"],
        "url": "https://itsm.example/incidents/inc_1",
        "tag": "incidents/inc_1",
    }
    assert b"INC0000001" not in sent.body
    assert (sent.headers["ttl"], sent.headers["urgency"], sent.headers["content-encoding"]) == ("86400", "normal", "aes128gcm")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", sent.headers["topic"])
    assert vapid_claims(sent.headers["authorization"], office.browsers.key)["aud"] == f"http://127.0.0.1:{service.port}"
    assert row["state"] == "DELIVERED"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_its_service_does_not_know_is_forgotten(status: int) -> None:
    office = Office()
    async with receiving(status) as service:
        browser = Browser(service.url)
        with ctx.use(person("bob", scope={"owner_id": "bob"})):
            kept = await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "")
            delivery = await office.browsers.test(kept.id)
        with ctx.use(person("bob")):
            await office.deliver()
            assert (await office.log.one(delivery["_id"]))["state"] == "FAILED"
            assert (await office.browsers.page(Asked()))[0] == []
            assert await office.store.find(SEALED, {}) == []
            back = await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "back")
    assert (back.id, back.delete_time, back.version) == (kept.id, None, 3)


async def test_everybody_reaches_his_own_browsers_alone_and_one_browser_is_one_persons() -> None:
    office = Office()
    browser = Browser("http://127.0.0.1:1/push")
    with ctx.use(person("bob")):
        first = await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "a")
        assert (await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "b")).id == first.id
    for other in (person("cid"), boss()):
        with ctx.use(other):
            assert (await office.browsers.page(Asked()))[0] == []
            for reach in (office.browsers.get, office.browsers.delete, office.browsers.test):
                with pytest.raises(NotFound):
                    await again(lambda reach=reach: reach(first.id))
    with ctx.use(replace(person("cid"), scope={"owner_id": "cid"})):
        await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "c")
    with ctx.use(person("bob")):
        assert (await office.browsers.page(Asked()))[0] == []
    with ctx.use(replace(boss(), actor=ctx.Actor(id="key", kind="service"))), pytest.raises(Invalid):
        await office.browsers.create(browser.endpoint, browser.p256dh, browser.auth, "d")


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "AAAA"},
        {"p256dh": encoded(b"\x05" * 65)},
        {"p256dh": "ä"},
        {"auth": ""},
        {"auth": encoded(b"x" * 17)},
        {"auth": "a b c"},
    ],
)
async def test_keys_that_are_none_are_refused(keys: dict[str, Any]) -> None:
    office = Office()
    browser = Browser("http://127.0.0.1:1/push")
    wanted = {"p256dh": browser.p256dh, "auth": browser.auth, **keys}
    with ctx.use(person("bob")), pytest.raises(Invalid) as refused:
        await office.browsers.create(browser.endpoint, wanted["p256dh"], wanted["auth"], "")
    assert set(refused.value.violations) == set(keys)


async def test_a_point_that_is_on_no_curve_ends_the_delivery_and_nothing_else() -> None:
    office = Office()
    with ctx.use(person("bob")):
        kept = await office.browsers.create("http://127.0.0.1:1/p", encoded(b"\x04" + b"\x01" * 64), encoded(b"x" * 16), "")
        delivery = await office.browsers.test(kept.id)
        await office.deliver()
        ended = await office.log.one(delivery["_id"])
    assert (ended["state"], ended["attempts"][0]["error"]) == ("FAILED", "the browser's keys are none")
    assert orjson.dumps(ended["attempts"][0]["status"]) == b"0"
