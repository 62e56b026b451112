"""The alert pipeline through REST: one cause, one incident; what is kept from people, why, and until when; who is told."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway

PATIENCE = 90.0
SERVICES = ("auth", "asset", "incident", "gateway")


@pytest.fixture(scope="module")
async def door(stack: dict[str, Any], keeper: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """The ingestion listener, with the key of a sender."""
    made = await keeper.post("tokens", {"kind": "INTEGRATION", "name": "a sender of alerts", "roles": ["integration"]})
    headers = {"authorization": f"Bearer {made['secret']}"}
    async with httpx.AsyncClient(base_url=stack["ingest"], headers=headers, timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture(scope="module")
async def viewer(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as gateway:
        yield gateway


def moment(seconds: float = 0) -> str:
    """An instant so many seconds from now, as JSON has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class Landscape:
    """A database, three services that need it and a gateway that needs these, under names that nobody else has."""

    def __init__(self, keeper: Gateway, door: httpx.AsyncClient, agent: Gateway) -> None:
        self.run = uuid4().hex[:10]
        self.ids: dict[str, str] = {}
        self._keeper, self._door, self._agent = keeper, door, agent

    async def build(self) -> None:
        for name in ("mongo", *SERVICES):
            asset = {"name": f"{name} {self.run}", "class": "software", "teamId": "team-x"}
            self.ids[name] = (await self._keeper.post("assets", asset))["id"]
        pairs = [("mongo", name) for name in SERVICES[:3]] + [(name, "gateway") for name in SERVICES[:3]]
        for provider, consumer in pairs:
            relation = {"providerId": self.ids[provider], "consumerId": self.ids[consumer], "kind": "USES"}
            await self._keeper.post("relations", relation)

    async def send(self, *names: str, firing: bool = True) -> None:
        """Alertmanager tells that these are down, or were."""
        alerts = [
            {
                "status": "firing" if firing else "resolved",
                "labels": {"alertname": "InstanceDown", "severity": "critical", "asset_id": self.ids[name], "run": self.run},
                "annotations": {"summary": f"{name} is down"},
                "startsAt": self.start,
                "endsAt": "0001-01-01T00:00:00Z" if firing else moment(),
            }
            for name in names
        ]
        answer = await self._door.post("/ingest/alertmanager", json={"version": "4", "status": "firing", "alerts": alerts})
        assert answer.status_code < 300, answer.text

    async def alert(self, name: str) -> dict[str, Any]:
        """The only alert of an asset."""
        (found,) = (await self._agent.get("alerts", filter=f'assetId = "{self.ids[name]}"'))["alerts"]
        return dict(found)

    async def until(self, name: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The alert of an asset, once something holds of it."""

        async def found() -> dict[str, Any] | None:
            alert = await self.alert(name)
            return alert if holds(alert) else None

        return await eventually(found)

    async def incidents(self, name: str) -> list[dict[str, Any]]:
        """The incidents of the alert of an asset."""
        alert = await self.alert(name)
        return list((await self._agent.get("incidents", filter=f'alertIds = "{alert["id"]}"'))["incidents"])

    start = moment(-1)


async def eventually(found: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            if (value := await found()) is not None:
                return value
            await asyncio.sleep(0.3)


def routed(alert: dict[str, Any]) -> bool:
    return "routeTime" in alert


def kept_by(reason: str) -> Callable[[dict[str, Any]], bool]:
    return lambda alert: alert.get("suppression", {}).get("reason") == reason


@pytest.fixture
async def landscape(keeper: Gateway, door: httpx.AsyncClient, agent: Gateway, aftermath: Aftermath) -> Landscape:
    made = Landscape(keeper, door, agent)
    await made.build()
    await aftermath.drained()
    return made


async def test_a_database_that_falls_is_one_incident_with_the_rest_as_its_consequences(
    landscape: Landscape, agent: Gateway, aftermath: Aftermath
) -> None:
    await landscape.send("gateway", "incident")
    await landscape.send("mongo", "auth")
    await landscape.send("asset", "mongo")
    root = await landscape.until("mongo", lambda alert: routed(alert) and alert["incidentId"])
    cause = f"alerts/{root['id']}"
    for name in SERVICES:
        # What was first a consequence of a consequence is handed on to the cause of both.
        alert = await landscape.until(name, lambda alert: alert.get("suppression", {}).get("reference") == cause)
        assert (alert["state"], alert["suppression"]["reason"]) == ("SUPPRESSED", "DEPENDENCY")
        assert "routeTime" not in alert
    await aftermath.drained()
    (incident,) = await landscape.incidents("mongo")
    assert (incident["source"], incident["teamId"]) == ("ALERT", "team-x")
    for name in SERVICES:
        assert await landscape.incidents(name) == []
    explained = (await agent.get(f"alerts/{(await landscape.alert('auth'))['id']}:explain"))["decisions"]
    assert (explained[0]["outcome"], explained[-1]["outcome"]) == ("OPENED", "SUPPRESSED")
    assert explained[-1]["reference"] == cause

    await landscape.send("mongo", "gateway", "incident", "asset", firing=False)
    left = await landscape.until("auth", lambda alert: routed(alert) and alert["incidentId"])
    assert left["state"] == "FIRING"
    for name in ("gateway", "incident", "asset"):
        over = await landscape.alert(name)
        assert (over["state"], "routeTime" in over) == ("RESOLVED", False)
    await landscape.send("auth", firing=False)
    await landscape.until("auth", lambda alert: alert["state"] == "RESOLVED")


async def test_a_silence_keeps_an_alert_from_people_until_it_is_ended(
    landscape: Landscape, agent: Gateway, viewer: Gateway
) -> None:
    matchers = [{"label": "run", "value": landscape.run}, {"label": "asset_name", "operator": "MATCHES", "value": "mongo .*"}]
    wish = {"matchers": matchers, "endTime": moment(3_600), "comment": "known, being worked on"}
    silence = await agent.post("silences", wish)
    await landscape.send("mongo")
    kept = await landscape.until("mongo", kept_by("SILENCE"))
    assert kept["suppression"]["reference"] == f"silences/{silence['id']}"
    ended = await agent.post(f"silences/{silence['id']}:expire", version=silence["etag"])
    await landscape.until("mongo", routed)
    listed = await viewer.get("silences", filter=f'endTime <= "{moment(60)}" AND matchers.value = "{landscape.run}"')
    assert [each["id"] for each in listed["silences"]] == [silence["id"]]
    assert (await viewer.get(f"silences/{silence['id']}"))["etag"] == ended["etag"]
    await landscape.send("mongo", firing=False)


async def test_a_silence_of_everything_or_for_too_long_is_refused(agent: Gateway, viewer: Gateway) -> None:
    one = [{"label": "run", "value": "x"}]
    for wish, field in (
        ({"matchers": [{"label": "run", "operator": "MATCHES", "value": ".*"}]}, "/matchers"),
        ({"matchers": [{"label": "run", "operator": "MATCHES", "value": "(a+)+"}]}, "/matchers/0/value"),
        ({"matchers": one, "endTime": moment(200_000)}, "/endTime"),
        ({"matchers": one, "comment": " "}, "/comment"),
    ):
        body = {"endTime": moment(60), "comment": "x", **wish}
        answer = await agent.send("POST", "silences", body)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [field]
    allowed = {"matchers": one, "endTime": moment(60), "comment": "x"}
    assert (await viewer.send("POST", "silences", allowed)).status_code == 403
    window = {"name": "w", "assetIds": ["ast_1"], "endTime": moment(60), "comment": "x"}
    assert (await agent.send("POST", "maintenanceWindows", window)).status_code == 403


async def test_maintenance_of_a_database_keeps_what_depends_on_it_quiet_too(landscape: Landscape, keeper: Gateway) -> None:
    wish = {"name": "new disks", "assetIds": [landscape.ids["mongo"]], "endTime": moment(3_600), "comment": "new disks"}
    window = await keeper.post("maintenanceWindows", wish)
    await landscape.send("gateway", "mongo")
    for name in ("gateway", "mongo"):
        alert = await landscape.until(name, kept_by("MAINTENANCE"))
        assert alert["suppression"]["reference"] == f"maintenanceWindows/{window['id']}"
    await keeper.post(f"maintenanceWindows/{window['id']}:expire")
    await landscape.until("mongo", routed)
    await landscape.until("gateway", kept_by("DEPENDENCY"))
    await landscape.send("gateway", "mongo", firing=False)


class Receiver:
    """Takes webhooks; a reluctant one takes each only at the second attempt."""

    def __init__(self, *, reluctant: bool) -> None:
        self.port = 0
        self._reluctant = reluctant
        self.seen: list[tuple[dict[str, str], bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        taken = not self._reluctant or headers["webhook-id"] in {known["webhook-id"] for known, _ in self.seen}
        self.seen.append((headers, body))
        writer.write(f"HTTP/1.1 {204 if taken else 503} X\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*, reluctant: bool = False) -> AsyncIterator[Receiver]:
    receiver = Receiver(reluctant=reluctant)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()


async def a_target(keeper: Gateway, landscape: Landscape, receiver: Receiver) -> dict[str, Any]:
    """Tells the receiver of the alerts of this landscape alone."""
    url, matchers = f"http://127.0.0.1:{receiver.port}/in", [{"label": "run", "value": landscape.run}]
    made = await keeper.post("notificationTargets", {"name": "hook", "url": url, "matchers": matchers})
    await asyncio.sleep(1.5)  # a new target is heeded within a second
    return dict(made)


async def delivered(keeper: Gateway, target: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The notifications of a target, once so many have been delivered and no other waits."""

    async def found() -> list[dict[str, Any]] | None:
        rows = (await keeper.get("notifications", filter=f'targetId = "{target["id"]}"'))["notifications"]
        return rows if [row["state"] for row in rows] == ["DELIVERED"] * number else None

    return list(await eventually(found))


async def test_a_webhook_tells_of_an_alert_signed_and_again_until_it_is_taken(landscape: Landscape, keeper: Gateway) -> None:
    async with receiving(reluctant=True) as receiver:
        target = await a_target(keeper, landscape, receiver)
        secret = (await keeper.get(f"notificationTargets/{target['id']}:key"))["key"]
        await landscape.send("mongo")
        await landscape.send("mongo", firing=False)

        rows = await delivered(keeper, target, 2)
        await keeper.send("PATCH", f"notificationTargets/{target['id']}", {"enabled": False}, version=target["etag"])
    assert sorted((row["event"], row["attempts"], row["status"]) for row in rows) == [("RESOLVED", 2, 204), ("ROUTED", 2, 204)]
    assert len(receiver.seen) == 4
    key = base64.b64decode(secret.removeprefix("whsec_"))
    for headers, body in receiver.seen:
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        proof = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{proof}"
    told = {json.loads(body)["type"]: json.loads(body)["data"]["alert"]["assetId"] for _, body in receiver.seen}
    assert told == dict.fromkeys(("itsm.monitor.v1.AlertFired", "itsm.monitor.v1.AlertResolved"), landscape.ids["mongo"])


async def test_a_target_inside_or_by_a_viewer_is_refused(keeper: Gateway, agent: Gateway) -> None:
    for url in (
        "http://169.254.169.254/latest",
        "https://10.0.0.1/",
        "ftp://a.example/",
        "https://a.example:22/",
        "https://u@a.example/",
    ):
        answer = await keeper.send("POST", "notificationTargets", {"name": "hook", "url": url})
        assert answer.status_code == 422, (url, answer.text)
    answer = await agent.send("POST", "notificationTargets", {"name": "hook", "url": "https://a.example/"})
    assert answer.status_code == 403
