"""A company to look around in: made in small through the public interface, of all kinds of records, and gone at once."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cli.demo.cast import ADMIN, everybody
from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
TENANT = f"demo-{uuid4().hex[:6]}"


@pytest.fixture(scope="module")
async def people(stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokens of the people of a tenant for demonstration, who are new in the realm."""
    folder = tmp_path_factory.mktemp("demo")
    users = {
        member.name: {
            "password": uuid4().hex,
            "roles": [],
            "tenants": [TENANT],
            "groups": [group.replace("/demo/", f"/{TENANT}/", 1) for group in member.groups],
        }
        for member in everybody()
        if member.team or member.name == ADMIN or member.name.startswith(("a", "b"))
    }
    wishes, tokens = folder / "wishes.json", folder / "tokens.json"
    wishes.write_text(json.dumps({"tenant": TENANT, "users": users}))
    backing = stack["backing"]
    settings = backing["service_environment"]["auth"] | backing["keycloak"]["provision"]
    settings |= {"ITSM_PROVISION_FILE": str(wishes), "ITSM_TOKENS_FILE": str(tokens)}
    await ended("services.auth", "provision", settings=settings)
    return tokens


async def ended(*arguments: str, settings: dict[str, str]) -> str:
    """What a program of ours says until it ends well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, cwd=ROOT, env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out = (await process.communicate())[0].decode()
    assert process.returncode == 0, out[-3000:]
    return out


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> Any:
    """What is asked for, once it is so."""
    async with asyncio.timeout(90):
        while not holds(found := await ask()):  # noqa: ASYNC110 - other processes do it
            await asyncio.sleep(0.3)
    return found


@pytest.mark.timeout(400)
async def test_a_company_is_made_looked_at_and_gone_and_nobody_else_is_touched(
    stack: dict[str, Any], people: Path, agent: Gateway
) -> None:
    mine = await agent.post("incidents", {"title": f"Not of the show {TENANT}"})
    tokens = json.loads(people.read_text())
    settings = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": tokens[ADMIN]}
    shown = ("--people", str(people), "--output", "json")
    making = ("--scale", "0.02", "--ingest", stack["ingest"], "--no-inventory")
    await ended("cli", "demo", "make", *making, "--people", str(people), settings=settings)
    there = json.loads(await ended("cli", "demo", "status", *shown, settings=settings))
    assert all(there.values()), there
    async with Gateway(stack["gateway"], tokens[ADMIN]) as admin:
        incidents = (await admin.get("incidents", orderBy="createTime", pageSize=50))["incidents"]
        assert datetime.fromisoformat(incidents[0]["createTime"]) < datetime.now(UTC) - timedelta(days=30)
        (change, *_) = (await admin.get("changes", filter="state = CLOSED"))["changes"]
        assert change["workEndTime"] > change["workStartTime"] > change["createTime"]
        (review,) = (await admin.get("majors"))["majors"]
        assert (review["state"], len(review["review"]["actions"])) == ("RESOLVED", 2)
        assert (await admin.get("articles", filter="state = PUBLISHED"))["articles"]
        title = incidents[0]["title"]
        await until(lambda: admin.get("search", query=title, kinds="incidents"), lambda found: found["hits"])
        firing = (await admin.get("alerts", filter="state IN (FIRING, SUPPRESSED)"))["alerts"]
        assert len(firing) == 6

        # Who is in no tenant for demonstration dates nothing back and empties nothing.
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        address = f"{stack['gateway']}/api/v1/incidents"
        async with httpx.AsyncClient(trust_env=False) as http:
            bearer = {"authorization": f"Bearer {stack['users']['admin']['token']}"}
            dated = await http.post(address, json={"title": "x"}, headers={**bearer, "itsm-time": yesterday})
            assert (dated.status_code, dated.json()["reason"]) == (422, "NO_DEMONSTRATION")
            emptied = await http.post(f"{stack['gateway']}/api/v1/services/incident:empty", json={}, headers=bearer)
            assert emptied.status_code == httpx.codes.CONFLICT
        refused = await agent.send("POST", "services/incident:empty", {})
        assert refused.status_code == httpx.codes.FORBIDDEN

        await ended("cli", "demo", "remove", "--people", str(people), settings=settings)
        left = json.loads(await ended("cli", "demo", "status", *shown, settings=settings))
        assert not any(left.values()), left
        assert not (await admin.get("search", query=title))["hits"]
        for plural in ("tasks", "approvals", "catalogItems", "views", "relations", "agentProfiles", "cabMeetings", "blackouts"):
            assert not (await admin.get(plural))[plural], plural
        volume = (await admin.get("kpis/incident-volume"))["rows"]
        assert not sum(row.get("count", 0) for row in volume), volume
    assert (await agent.get(f"incidents/{mine['id']}"))["title"] == mine["title"]
