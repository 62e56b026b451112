"""Notices on the running platform: a room and browsers of this machine hear of incidents, and of nothing else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Gateway, answered
from tests.support.push import Browser, vapid_claims
from tests.support.receiver import Receiver, receiving
from tests.support.universal import watched

OPENED = "itsm.incident.v1.IncidentOpened"
SOON = 120.0  # also where a lease or a group must first move from a process that died


@asynccontextmanager
async def made(gateway: Gateway, plural: str, **fields: Any) -> AsyncIterator[dict[str, Any]]:
    """Something that is removed after the block."""
    record = await gateway.post(plural, fields)
    try:
        yield record
    finally:
        now = await gateway.http.get(f"/api/v1/{plural}/{record['id']}")
        if now.status_code == 200:
            answered(await gateway.send("DELETE", f"{plural}/{record['id']}", version=now.json()["etag"]))


def read(browser: Browser, service: Receiver) -> list[dict[str, Any]]:
    """What a browser has shown."""
    return [browser.read(sent.body) for sent in service.seen]


async def settled(keeper: Gateway, target: str, count: int) -> list[dict[str, Any]]:
    """The log of a target when so much of it was delivered."""
    async with asyncio.timeout(SOON):
        while True:
            found = (await keeper.get("deliveries", filter=f'targetId = "{target}" AND state = DELIVERED'))["deliveries"]
            if len(found) >= count:
                return list(found)
            await asyncio.sleep(0.2)


async def test_a_room_and_a_browser_hear_of_what_a_rule_says_in_the_words_of_its_template(
    keeper: Gateway, agent: Gateway
) -> None:
    category = f"tell-{uuid4().hex[:8]}"
    me = (await agent.get("users:whoami"))["subject"]
    key = (await agent.get("pushSubscriptions:key"))["key"]
    async with AsyncExitStack() as block:
        chat, service = [await block.enter_async_context(receiving(*codes)) for codes in ((503, 200), (201,))]
        browser = Browser(service.url)
        room = await block.enter_async_context(made(keeper, "chatRooms", name="ops", kind="GENERIC", url=chat.url))
        kept = await block.enter_async_context(made(agent, "pushSubscriptions", **browser.subscription))
        words = {
            "name": category,
            "locale": "en",
            "subject": "{{ record.number }}",
            "body": "{{ record.title }} of {{ actor.name }}",
        }
        await block.enter_async_context(made(keeper, "templates", channel="CHAT", **words))
        wanted = {
            "eventTypes": [OPENED],
            "filter": f'category = "{category}"',
            "userIds": [me],
            "roomIds": [room["id"]],
            "channels": ["CHAT", "PUSH"],
            "template": category,
        }
        rule = await block.enter_async_context(made(keeper, "notificationRules", name="mine", **wanted))
        await agent.post("incidents", {"title": "another", "category": f"{category}-of-others"})
        incident = await keeper.post("incidents", {"title": "{{ 7*7 }} <!channel>", "category": category})
        own = await agent.post("incidents", {"title": "mine", "category": category})
        await settled(keeper, room["id"], 2)
        (pushed,) = await settled(keeper, kept["id"], 1)
        await eventually(lambda: len(chat.seen) >= 3, within=SOON)
        told = {sent.told["title"]: sent for sent in chat.seen}
        tested = await keeper.post(f"notificationRules/{rule['id']}:test")
        again = [await keeper.post(f"deliveries/{pushed['id']}:redeliver", key=category) for _ in range(2)]
        await eventually(lambda: len(service.seen) >= 2, within=SOON)
        logged = await keeper.get(f"deliveries/{pushed['id']}")
        shown = [await keeper.http.get(f"/api/v1/chatRooms/{room['id']}"), await agent.http.get("/api/v1/pushSubscriptions")]
    assert set(told) == {incident["number"], own["number"]}
    assert told[incident["number"]].told["text"].startswith("{{ 7*7 }} <!channel> of ")
    assert told[incident["number"]].told["url"].endswith(f"/incidents/{incident['id']}")
    assert {message["title"] for message in read(browser, service)} == {f"[{incident['number']}] {incident['title']}"}
    assert {message["tag"] for message in read(browser, service)} == {f"incidents/{incident['id']}"}
    assert vapid_claims(service.seen[0].headers["authorization"], key)["aud"] == f"http://127.0.0.1:{service.port}"
    assert {match["subject"] for match in tested["matches"]} == {f"incidents/{each['id']}" for each in (incident, own)}
    assert (logged["channel"], logged["targetId"], again[0]) == ("PUSH", kept["id"], again[1])
    assert all(chat.url not in each.text and service.url not in each.text and browser.auth not in each.text for each in shown)


async def test_a_requester_hears_of_public_answers_in_his_language_and_not_of_private_ones(
    stack: dict[str, Any], agent: Gateway
) -> None:
    async with (
        Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester,
        receiving(201) as service,
    ):
        browser = Browser(service.url)
        wishes = await requester.get("notificationPreferences/me")
        german = await requester.send("PATCH", "notificationPreferences/me", {"locale": "de"}, version=wishes["etag"])
        async with made(requester, "pushSubscriptions", **browser.subscription):
            incident = await requester.post("incidents", {"title": "no light"})
            await agent.post(f"incidents/{incident['id']}/notes", {"text": "he always breaks it", "public": False})
            await agent.post(f"incidents/{incident['id']}/notes", {"text": "we are on our way", "public": True})
            await eventually(lambda: bool(service.seen), within=SOON)
            (message, *more) = read(browser, service)
        changed = answered(german)
        answered(await requester.send("PATCH", "notificationPreferences/me", {"locale": ""}, version=changed["etag"]))
    assert message["title"] == f"[{incident['number']}] Antwort: no light"
    assert "way" not in message["body"] and more == []


async def test_a_browser_that_is_gone_is_forgotten(agent: Gateway) -> None:
    async with receiving(410) as service:
        kept = await agent.post("pushSubscriptions", Browser(service.url).subscription)
        await agent.post(f"pushSubscriptions/{kept['id']}:test")

        async with asyncio.timeout(SOON):
            while (await agent.http.get(f"/api/v1/pushSubscriptions/{kept['id']}")).status_code != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("plural", "body", "pointer", "word"),
    [
        ("templates", {"body": "a\n{{ ''.__class__ }}"}, "/body", "line 2"),
        ("templates", {"subject": "{% for i in range(1000000000) %}x{% endfor %}"}, "/subject", "line 1"),
        ("chatRooms", {"url": "https://169.254.169.254/latest"}, "/url", "never"),
        ("notificationRules", {"addresses": ["a@b.example, c@d.example"]}, "/addresses/0", "plain"),
    ],
)
async def test_what_could_harm_is_refused_when_it_is_given(
    stack: dict[str, Any], keeper: Gateway, plural: str, body: Mapping[str, Any], pointer: str, word: str
) -> None:
    usual: Mapping[str, Mapping[str, Any]] = {
        "templates": {"name": "harm", "channel": "MAIL", "locale": "en", "subject": "s", "body": "b"},
        "chatRooms": {"name": "harm", "kind": "SLACK"},
        "notificationRules": {"name": "harm", "eventTypes": [OPENED], "channels": ["MAIL"], "template": "notice"},
    }

    async def there() -> Any:
        return [each["id"] for each in (await keeper.get(plural, orderBy="createTime desc"))[plural]]

    async with watched(stack, keeper, unchanged=there) as watch:
        answer = watch.saw(await keeper.send("POST", plural, {**usual[plural], **body}))
        (error,) = answer.json()["errors"]
        assert answer.status_code == 422 and error["pointer"].startswith(pointer.rpartition("/0")[0] or pointer)
        assert word in error["message"]


async def test_only_administrators_decide_who_is_told_and_nobody_reaches_a_browser_of_somebody_else(
    keeper: Gateway, agent: Gateway
) -> None:
    for path in ("templates", "templates:shipped", "notificationRules", "chatRooms", "deliveries"):
        assert (await agent.send("GET", path)).status_code == 403
        assert (await keeper.send("GET", path)).status_code == 200
    async with receiving(201) as service, made(agent, "pushSubscriptions", **Browser(service.url).subscription) as kept:
        for method, path in (("GET", ""), ("POST", ":test")):
            answer = await keeper.send(method, f"pushSubscriptions/{kept['id']}{path}", {} if method == "POST" else None)
            assert answer.status_code == 404
        assert (await keeper.get("pushSubscriptions"))["pushSubscriptions"] == []
