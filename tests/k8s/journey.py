"""The story that shows that the release does its work: a person signs in, an incident is seen live, an alert becomes one.

Fails with `AssertionError`, or with what the connections raise.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from tests.support.browser import Browser
from tests.support.gateway import Gateway

_PATIENCE = 120.0


async def travel(stack: dict[str, Any]) -> dict[str, float]:
    """All of it; returns how many seconds each part took."""
    took: dict[str, float] = {}
    async with Browser(stack["gateway"]) as person:
        await _timed(took, "sign_in", _sign_in(person, stack))
        incident = await _timed(took, "incident_and_live_event", _incident_seen_live(person))
        await _timed(took, "read_back", _read_back(stack, incident))
    await _timed(took, "alert_to_incident", _alert_becomes_incident(stack))
    await _timed(took, "audit", _audited(stack, incident))
    return took


async def _timed(took: dict[str, float], name: str, work: Awaitable[Any]) -> Any:
    begun = time.monotonic()
    try:
        return await work
    finally:
        took[name] = round(time.monotonic() - begun, 2)


async def _sign_in(person: Browser, stack: dict[str, Any]) -> None:
    page = await person.request("GET", "/")
    assert page.status_code == httpx.codes.OK and "text/html" in page.headers["content-type"], "the console is not served"
    await person.sign_in("agent", stack["users"]["agent"]["password"])
    me = (await person.request("GET", "/auth/me")).json()
    assert (me["tenant"], me["roles"]) == ("main", ["agent"]), me


async def _incident_seen_live(person: Browser) -> dict[str, Any]:
    title = f"the printer is on fire {uuid4().hex[:8]}"
    async with person.events(topics="incidents") as events:
        answer = await person.write("POST", "incidents", {"title": title, "impact": "HIGH", "urgency": "HIGH"})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        opened: dict[str, Any] = answer.json()
        assert opened["priority"] == "P1", opened
        _, event = await events.until(opened["id"], within=_PATIENCE)
        assert title in str(event), event
    return opened


async def _read_back(stack: dict[str, Any], incident: dict[str, Any]) -> None:
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as viewer:
        assert (await viewer.get(f"incidents/{incident['number']}"))["id"] == incident["id"]
    async with Gateway(stack["gateway"]) as nobody:
        assert (await nobody.send("GET", f"incidents/{incident['id']}")).status_code == httpx.codes.UNAUTHORIZED


async def _alert_becomes_incident(stack: dict[str, Any]) -> None:
    mark = uuid4().hex[:8]
    users = stack["users"]
    async with Gateway(stack["gateway"], users["admin"]["token"]) as admin:
        asset = await admin.post("assets", {"name": f"database {mark}", "class": "software"})
        key = await admin.post("tokens", {"kind": "INTEGRATION", "name": f"alerts {mark}", "roles": ["integration"]})
    alert = {
        "status": "firing",
        "labels": {"alertname": f"Down{mark}", "severity": "critical", "asset_id": asset["id"]},
        "annotations": {"summary": f"database {mark} is down"},
        "startsAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "endsAt": "0001-01-01T00:00:00Z",
    }
    headers = {"authorization": f"Bearer {key['secret']}"}
    async with httpx.AsyncClient(base_url=stack["ingest"], headers=headers, timeout=30, trust_env=False) as door:
        answer = await door.post("/ingest/alertmanager", json={"version": "4", "status": "firing", "alerts": [alert]})
        assert answer.status_code < httpx.codes.MULTIPLE_CHOICES, answer.text
    async with Gateway(stack["gateway"], users["agent"]["token"]) as agent:
        found = await _eventually(lambda: agent.get("alerts", filter=f'assetId = "{asset["id"]}"'), _has_incident)
        incident = await agent.get(f"incidents/{found['alerts'][0]['incidentId']}")
        assert incident["source"] == "ALERT", incident


async def _audited(stack: dict[str, Any], incident: dict[str, Any]) -> None:
    async with Gateway(stack["gateway"], stack["users"]["auditor"]["token"]) as auditor:
        question = f'subject = "incidents/{incident["id"]}"'
        await _eventually(lambda: auditor.get("auditEntries", filter=question), lambda answer: answer["auditEntries"])


def _has_incident(answer: dict[str, Any]) -> Any:
    return answer["alerts"] and answer["alerts"][0]["incidentId"]


async def _eventually(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> Any:
    answer = None
    try:
        async with asyncio.timeout(_PATIENCE):
            while not holds(answer := await ask()):  # noqa: ASYNC110 - the platform tells nobody here
                await asyncio.sleep(0.5)
    except TimeoutError as error:
        error.add_note(f"the last answer was {str(answer)[:500]}")
        raise
    return answer
