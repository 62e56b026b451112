"""Alerts from outside through the whole platform: what a sender posts, people see, act upon and can have explained."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.ingest import ZERO, an_alert
from tests.support.senders import Key, Sender
from tests.support.stream import listening

PATIENCE = 60.0
REVOKED = 60.0
"""Seconds after which a revoked key is refused, as users are promised."""


@pytest.fixture(scope="session")
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def sender(stack: dict[str, Any], manager: Gateway) -> AsyncIterator[Sender]:
    async with Sender(stack["ingest"], (await Key.made(manager)).secret) as made:
        yield made


def named(fingerprint: str, **more: Any) -> dict[str, Any]:
    labels = {"alertname": "DiskFull", "instance": f"{fingerprint}.example:9100", "severity": "critical", "run": fingerprint}
    start = datetime.now(UTC) - timedelta(minutes=1)
    return an_alert(labels=labels, fingerprint=fingerprint, startsAt=start.isoformat(), endsAt=ZERO, **more)


async def until(gateway: Gateway, fingerprint: str, holds: Any) -> dict[str, Any]:
    """The newest alert of a fingerprint, as soon as it is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = (await gateway.get("alerts", filter=f'fingerprint = "{fingerprint}"'))["alerts"]
            if rows and holds(rows[0]):
                return dict(rows[0])
            await asyncio.sleep(0.2)


async def test_a_webhook_becomes_an_alert_and_an_incident_that_people_see_live(sender: Sender, agent: Gateway) -> None:
    fingerprint = uuid4().hex[:16]
    async with listening(agent, "alerts,incidents") as heard:
        firing = named(fingerprint)
        assert (await sender.notify(firing)).json() == {"accepted": 1}
        for _ in range(3):
            assert (await sender.notify(firing)).status_code == httpx.codes.OK
        alert = await until(agent, fingerprint, lambda row: row["incidentId"])
        assert (alert["state"], alert["severity"], alert["count"]) == ("FIRING", "CRITICAL", 4)
        assert alert["labels"]["run"] == fingerprint
        incident = await agent.get(f"incidents/{alert['incidentId']}")
        assert (incident["source"], incident["alertIds"]) == ("ALERT", [alert["id"]])

        taken = await agent.post(f"alerts/{alert['id']}:acknowledge", {"comment": "on it"}, version=alert["etag"])
        assert taken["state"] == "ACKNOWLEDGED"
        stale = await agent.send("POST", f"alerts/{alert['id']}:acknowledge", {}, version=alert["etag"])
        assert stale.status_code == httpx.codes.PRECONDITION_FAILED

        over = {**firing, "status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        assert (await sender.notify(over)).status_code == httpx.codes.OK
        assert (await sender.notify(firing)).status_code == httpx.codes.OK  # late, by another member of the cluster
        await until(agent, fingerprint, lambda row: row["state"] == "RESOLVED")
        async with asyncio.timeout(PATIENCE):
            while (await agent.get(f"incidents/{incident['id']}"))["state"] != "RESOLVED":  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.2)
        await eventually(lambda: "AlertResolved" in live(heard, alert["id"]), within=PATIENCE)
    told = live(heard, alert["id"])
    assert told[0] == "AlertFired"
    assert sorted(told) == ["AlertAcknowledged", "AlertFired", "AlertLinked", "AlertResolved"]
    steps = (await agent.get(f"alerts/{alert['id']}:explain"))["decisions"]
    assert [step["outcome"] for step in steps if step["stage"] == "by-hand"] == ["ACKNOWLEDGED"]
    assert {"OPENED", "ROUTED", "LINKED", "RESOLVED", "IGNORED"} <= {step["outcome"] for step in steps}
    assert (await agent.get("alerts:count", filter=f'fingerprint = "{fingerprint}"'))["value"] == 1


def live(heard: Any, alert_id: str) -> list[str]:
    """The names of the events of an alert, in the order in which they came."""
    return [event["type"].rpartition(".")[2] for event in heard.events.values() if event["subject"] == f"alerts/{alert_id}"]


async def test_prometheus_may_post_without_an_alertmanager(sender: Sender, agent: Gateway) -> None:
    run = uuid4().hex
    labels = {"alertname": "TargetDown", "instance": f"{run}:9100"}
    posted = await sender.http.post("/api/v2/alerts", json=[{"labels": labels, "generatorURL": "http://prometheus.example"}])
    assert posted.status_code == httpx.codes.OK
    rows = (await agent.get("alerts", filter=f'labels : "instance={run}:9100"'))["alerts"]
    assert [(row["source"], row["kind"], row["state"]) for row in rows] == [("prometheus", "AVAILABILITY", "FIRING")]
    ended = [{"labels": labels, "endsAt": datetime.now(UTC).isoformat()}]
    assert (await sender.http.post("/api/v2/alerts", json=ended)).status_code == httpx.codes.OK
    await until(agent, rows[0]["fingerprint"], lambda row: row["state"] == "RESOLVED")


async def test_an_integration_says_how_its_senders_alerts_are_read(
    stack: dict[str, Any], manager: Gateway, agent: Gateway
) -> None:
    key = await Key.made(manager)
    body = {
        "name": "north",
        "kind": "ALERTMANAGER",
        "keyId": key.token_id,
        "groupBy": ["cluster"],
        "severityLabel": "level",
        "severities": {"red": "ERROR"},
        "teamId": "team-north",
    }
    integration = await manager.post("integrations", body)
    doubled = await manager.send("POST", "integrations", body)
    assert doubled.status_code == httpx.codes.CONFLICT
    run = uuid4().hex[:12]
    prints = [f"{run}000{number}" for number in range(2)]
    async with Sender(stack["ingest"], key.secret) as sender:
        for fingerprint in prints:
            labels = {"alertname": "X", "instance": fingerprint, "cluster": run, "level": "Red"}
            assert (await sender.notify({**named(fingerprint), "labels": labels})).status_code == httpx.codes.OK
        first, second = [await until(agent, fingerprint, lambda row: row["incidentId"]) for fingerprint in prints]
        assert (first["severity"], first["teamId"], first["integrationId"]) == ("ERROR", "team-north", integration["id"])
        assert first["incidentId"] == second["incidentId"], "alerts of one group share an incident"


async def test_a_revoked_key_and_a_disabled_integration_are_refused_within_a_minute(
    stack: dict[str, Any], manager: Gateway
) -> None:
    revoked, kept = await Key.made(manager), await Key.made(manager)
    integration = await manager.post("integrations", {"name": "south", "kind": "OTHER", "keyId": kept.token_id})
    async with Sender(stack["ingest"], revoked.secret) as one, Sender(stack["ingest"], kept.secret) as other:
        for sender in (one, other):
            assert (await sender.notify(named(uuid4().hex[:16]))).status_code == httpx.codes.OK
        token = await manager.get(f"tokens/{revoked.token_id}")
        assert (await manager.send("DELETE", f"tokens/{token['id']}", version=token["etag"])).is_success
        await manager.post(f"integrations/{integration['id']}:disable")
        answers = await asyncio.gather(refused(one), refused(other))
    assert list(answers) == [401, 403]


async def refused(sender: Sender) -> int:
    """The status with which a sender is refused at last."""
    async with asyncio.timeout(REVOKED + 30):
        while True:
            answer = await sender.notify(named(uuid4().hex[:16]))
            if answer.status_code != httpx.codes.OK:
                return answer.status_code
            await asyncio.sleep(0.5)


async def test_refusals_are_what_senders_understand(stack: dict[str, Any], sender: Sender, agent: Gateway) -> None:
    async with httpx.AsyncClient(base_url=stack["ingest"], trust_env=False) as nobody:
        answer = await nobody.post("/ingest/alertmanager", json={"alerts": []})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    person = {"authorization": f"Bearer {stack['users']['agent']['token']}"}
    answer = await sender.http.post("/ingest/alertmanager", json={"alerts": []}, headers=person)
    assert (answer.status_code, answer.json()["reason"]) == (403, "PERMISSION_MISSING")
    assert (await sender.http.post("/ingest/alertmanager", json={"text": "x"})).status_code == 422
    assert (await sender.http.post("/ingest/alertmanager", content=b"x")).status_code == 415
    assert (await sender.http.post("/api/v2/alerts", json={})).status_code == 422
    # A sender's key opens nothing but its door.
    key = {"authorization": str(sender.http.headers["authorization"])}
    assert (await agent.http.get("/api/v1/alerts", headers=key)).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("requester", 403), ("agent", 200)])
async def test_who_may_act_on_an_alert(stack: dict[str, Any], sender: Sender, agent: Gateway, role: str, status: int) -> None:
    fingerprint = uuid4().hex[:16]
    await sender.notify(named(fingerprint))
    alert = await until(agent, fingerprint, lambda row: True)
    async with Gateway(stack["gateway"], stack["users"][role]["token"]) as gateway:
        assert (await gateway.send("POST", f"alerts/{alert['id']}:resolve", {})).status_code == status
        expected = httpx.codes.FORBIDDEN if role == "requester" else httpx.codes.OK
        assert (await gateway.send("GET", f"alerts/{alert['id']}")).status_code == expected
    if status == httpx.codes.OK:
        again = await agent.send("POST", f"alerts/{alert['id']}:resolve", {})
        assert (again.status_code, again.json()["type"]) == (409, "urn:itsm:problem:conflict")
