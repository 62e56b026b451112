"""On call on the running platform: an alert calls who has the duty, then whoever comes after, until somebody takes note."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway, answered
from tests.support.ingest import ZERO, an_alert
from tests.support.push import Browser
from tests.support.receiver import receiving
from tests.support.senders import Key, Sender

SOON = 90.0


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as gateway:
        yield gateway


@asynccontextmanager
async def made(gateway: Gateway, plural: str, **fields: Any) -> AsyncIterator[dict[str, Any]]:
    """Something that is removed after the block."""
    record = await gateway.post(plural, fields)
    yield record
    now = await gateway.get(f"{plural}/{record['id']}")
    answered(await gateway.send("DELETE", f"{plural}/{record['id']}", version=now["etag"]))


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> Any:
    """What is answered as soon as it is as it should be."""
    async with asyncio.timeout(SOON):
        while not holds(found := await ask()):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)
    return found


def firing(run: str) -> dict[str, Any]:
    start = datetime.now(UTC) - timedelta(minutes=1)
    labels = {"alertname": "Down", "instance": run, "severity": "critical"}
    return an_alert(labels=labels, fingerprint=run, startsAt=start.isoformat(), endsAt=ZERO)


def turns(*people: str) -> dict[str, Any]:
    return {"userIds": list(people), "start": "2026-01-05T09:00", "unit": "WEEKS"}


async def test_an_alert_calls_the_next_ones_until_somebody_takes_note_and_then_nobody(
    stack: dict[str, Any], manager: Gateway, agent: Gateway, keeper: Gateway
) -> None:
    run, team = uuid4().hex[:16], f"team-{uuid4().hex[:8]}"
    first, second = [(await each.get("users:whoami"))["subject"] for each in (agent, keeper)]
    key = await Key.made(manager)
    sender = {"name": f"of {team}", "kind": "ALERTMANAGER", "keyId": key.token_id, "teamId": team}
    await manager.post("integrations", sender)
    async with (
        receiving(201) as service,
        made(manager, "schedules", name=team, timeZone="Europe/Berlin", layers=[turns("nobody")]) as schedule,
    ):
        start = datetime.now(UTC) - timedelta(hours=1)
        given = {"userId": first, "startTime": start.isoformat(), "endTime": (start + timedelta(hours=9)).isoformat()}
        await agent.post(f"schedules/{schedule['id']}:addOverride", given)
        duty = await agent.get(f"schedules/{schedule['id']}:onCall")
        assert (duty["current"]["userId"], duty["next"]["userId"]) == (first, "nobody")
        assert schedule["id"] in {each["scheduleId"] for each in (await agent.get("schedules:mine"))["shifts"]}
        to_duty, to_second = {"kind": "SCHEDULE", "id": schedule["id"]}, {"kind": "USER", "id": second}
        steps = [{"targets": [to_duty], "wait": "2s"}, {"targets": [to_second], "wait": "3600s"}]
        browser = Browser(service.url)
        kept = await agent.post("pushSubscriptions", browser.subscription)
        async with (
            made(manager, "escalationPolicies", name=team, teamIds=[team], steps=steps),
            Sender(stack["ingest"], key.secret) as alertmanager,
        ):
            for _ in range(2):
                assert (await alertmanager.notify(firing(run))).status_code == httpx.codes.OK

            async def pages() -> Any:
                return (await agent.get("pages", filter=f'teamId = "{team}"'))["pages"]

            (page,) = await until(pages, lambda found: found and len(found[0]["calls"]) == 2)
        called = [(call["userId"], call["via"], call["step"]) for call in page["calls"]]
        assert called == [(first, f"schedules/{schedule['id']}", 1), (second, f"users/{second}", 2)]
        taken = [
            await each.post(f"pages/{page['id']}:acknowledge", {}, key=f"{run}-{each is agent}") for each in (agent, keeper)
        ]
        assert {each["acknowledgedBy"] for each in taken} == {first}
        alert = await agent.get(f"alerts/{page['alertId']}")
        assert (alert["state"], alert["acknowledgedBy"]) == ("ACKNOWLEDGED", first)
        await until(lambda: _told(agent, page["id"]), lambda rows: [each for each in rows if each["channel"] == "PUSH"])
        await until(lambda: asyncio.sleep(0, service.seen), len)
        shown = browser.read(service.seen[0].body)
        assert shown["tag"] == f"pages/{page['id']}"
        assert shown["url"].endswith(f"/oncall/pages/{page['id']}")
        helped = await agent.post(f"pages/{page['id']}:help", {"userId": second, "text": "the disks are yours"})
        assert (helped["state"], helped["calledIds"], helped["remarks"][0]["text"]) == (
            "ACKNOWLEDGED",
            [second],
            "the disks are yours",
        )
        await agent.send("DELETE", f"pushSubscriptions/{kept['id']}", version=kept["etag"])
    async with Sender(stack["ingest"], key.secret) as alertmanager:
        over = {**firing(run), "status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        assert (await alertmanager.notify(over)).status_code == httpx.codes.OK
    ended = await until(lambda: agent.get(f"pages/{page['id']}"), lambda found: found["state"] == "RESOLVED")
    assert len(ended["calls"]) == 3, "who took note is called no more, nor anybody else"
    again = await agent.send("POST", f"pages/{page['id']}:acknowledge", {}, version=ended["etag"])
    assert again.status_code == httpx.codes.CONFLICT
    own = await agent.send("POST", f"pages/{page['id']}:resolve", {}, version=ended["etag"])
    assert own.status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_a_test_page_has_a_receipt_and_who_may_only_look_calls_nobody(
    stack: dict[str, Any], agent: Gateway, manager: Gateway
) -> None:
    async with receiving(201) as service:
        kept = await agent.post("pushSubscriptions", Browser(service.url).subscription)
        page = await agent.post("pages:test", {})
        await until(
            lambda: _told(agent, page["id"]), lambda rows: {"PUSH"} & {each["channel"] for each in rows if _taken(each)}
        )
        await agent.send("DELETE", f"pushSubscriptions/{kept['id']}", version=kept["etag"])
    assert (await _told(manager, page["id"])) == [], "somebody else's receipts are nobody's"
    bad = [{"userIds": ["ann"], "start": "2026-01-05T09:00", "unit": "DAYS", "length": 0, "restrictions": [{"begin": "9"}]}]
    refused = await manager.send("POST", "schedules", {"name": "x", "timeZone": "Europe/Nowhere", "layers": bad})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    viewer = stack["users"]["viewer"]["token"]
    async with Gateway(stack["gateway"], viewer) as viewing:
        assert (await viewing.get(f"pages/{page['id']}"))["cause"] == "TEST"
        for path, body in (
            (f"pages/{page['id']}:acknowledge", {}),
            ("pages:test", {}),
            ("schedules", {"name": "x"}),
            ("escalationPolicies", {"name": "x", "steps": []}),
        ):
            assert (await viewing.send("POST", path, body)).status_code == httpx.codes.FORBIDDEN, path


def _taken(delivery: dict[str, Any]) -> bool:
    return bool(delivery["state"] == "DELIVERED")


async def _told(gateway: Gateway, page_id: str) -> Any:
    return (await gateway.get("deliveries:mine", subject=f"pages/{page_id}"))["deliveries"]
