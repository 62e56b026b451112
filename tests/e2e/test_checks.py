"""Checks through the whole platform: a target goes and comes, a rule's figure too, and who may do what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.targets import LOCALHOST, answering

PATIENCE = 60.0


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


async def until(gateway: Gateway, path: str, holds: Callable[[Any], object], **query: str | int) -> Any:
    """What is at a path, once it is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await gateway.get(path, **query)
            if holds(found):
                return found
            await asyncio.sleep(0.2)


async def alert_of(gateway: Gateway, check: str, state: str) -> Any:
    """The one alert of a check, once it is in this state."""
    found = await until(
        gateway, "alerts", lambda page: page["alerts"] and page["alerts"][0]["state"] == state, filter=f'checkId = "{check}"'
    )
    [alert] = found["alerts"]
    return alert


def shop(port: int, **more: Any) -> dict[str, Any]:
    name = f"Shop {uuid4().hex[:8]}"
    return {"name": name, "kind": "HTTP", "target": f"http://{LOCALHOST}:{port}/", "interval": "5s", "raiseAfter": 1} | more


async def test_a_target_that_is_stopped_and_started_is_an_alert_that_fires_and_is_resolved(manager: Gateway) -> None:
    async with answering() as port:
        check = await manager.post("checks", shop(port, severity="CRITICAL", http={"contains": "all is well"}))
        path = f"checks/{check['id']}"
        up = await until(manager, path, lambda now: now["state"] == "UP")
        assert up["lastResult"]["message"] == "answered 200"
    down = await until(manager, path, lambda now: now["state"] == "DOWN")
    assert int(down["etag"]) > int(up["etag"])
    fired = await alert_of(manager, check["id"], "FIRING")
    assert (fired["fingerprint"], fired["severity"], fired["kind"]) == (f"check/{check['id']}", "CRITICAL", "AVAILABILITY")
    async with answering(port=port):
        await until(manager, path, lambda now: now["state"] == "UP")
        over = await alert_of(manager, check["id"], "RESOLVED")
        assert over["id"] == fired["id"]
        results = (await manager.get(f"{path}/results"))["results"]
        assert {"OK", "FAILED"} <= {result["outcome"] for result in results}
        ran = await manager.post(f"{path}:run")
        assert ran["lastResult"]["outcome"] == "OK"
        off = await manager.post(f"{path}:disable", version=ran["etag"])
    assert (off["state"], off["enabled"]) == ("PENDING", False)


async def test_a_check_that_cannot_be_is_refused_by_field(manager: Gateway) -> None:
    for wrong, field in (
        ({"target": "ftp://shop.example"}, "target"),
        ({"target": "http://169.254.169.254/latest"}, "target"),
        ({"interval": "1s"}, "interval"),
        ({"kind": "PROCESS", "target": "nginx"}, "agentId"),
        ({"ping": {"packets": 3}}, "ping"),
    ):
        refused = await manager.send("POST", "checks", shop(1) | wrong)
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert f"/{field}" in {each["pointer"] for each in refused.json()["errors"]}
    off = await manager.post("checks", shop(1, enabled=False))
    stale = await manager.send("PATCH", f"checks/{off['id']}", {"name": "x"}, version="99")
    assert stale.status_code == httpx.codes.PRECONDITION_FAILED
    run = await manager.send("POST", f"checks/{off['id']}:run", {})
    assert run.status_code == httpx.codes.CONFLICT


async def test_only_who_may_looks_at_checks_changes_them_or_reports(
    manager: Gateway, agent: Gateway, requester: Gateway
) -> None:
    check = await manager.post("checks", shop(1, enabled=False))
    assert (await agent.get(f"checks/{check['id']}"))["name"] == check["name"]
    report = {"results": [{"checkId": check["id"], "result": {"time": check["createTime"], "outcome": "OK"}}]}
    for caller, method, path, body in (
        (requester, "GET", f"checks/{check['id']}", None),
        (agent, "POST", "checks", shop(1)),
        (agent, "PATCH", f"checks/{check['id']}", {"name": "x"}),
        (agent, "POST", f"checks/{check['id']}:run", {}),
        (agent, "POST", "checks:report", report),
        (manager, "POST", "checks:report", report),
        (agent, "POST", "alertRules", {"name": "x", "match": "up"}),
    ):
        answer = await caller.send(method, path, body, version=check["etag"] if method == "PATCH" else "")
        assert answer.status_code == httpx.codes.FORBIDDEN


async def test_a_rule_is_made_changed_and_refused_by_field(manager: Gateway) -> None:
    given = {"name": f"Load {uuid4().hex[:8]}", "match": 'load{host="nobody"}', "raiseValue": 0.9, "pendingFor": "60s"}
    rule = await manager.post("alertRules", given)
    assert (rule["comparison"], rule["window"], rule["severity"], rule["enabled"]) == ("ABOVE", "300s", "WARNING", True)
    assert (await manager.get(f"alertRules/{rule['id']}/states"))["states"] == []
    for wrong, field in (({"match": "load{"}, "match"), ({"clearValue": 1.5}, "clearValue"), ({"window": "1s"}, "window")):
        refused = await manager.send("PATCH", f"alertRules/{rule['id']}", wrong, version=rule["etag"])
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert f"/{field}" in {each["pointer"] for each in refused.json()["errors"]}
    off = await manager.send("PATCH", f"alertRules/{rule['id']}", {"enabled": False}, version=rule["etag"])
    assert off.json()["enabled"] is False
