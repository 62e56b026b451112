"""Releases, blackouts, conflicts and redundancy on the running platform, against a landscape of real assets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_impact import shop
from tests.support.gateway import Gateway
from tests.support.platform import Breakable

PLANS = {"implementationPlan": "swap the disk", "testPlan": "read it back", "backOutPlan": "put the old one in"}
FORBIDDEN, CONFLICT, OK = httpx.codes.FORBIDDEN, httpx.codes.CONFLICT, httpx.codes.OK


@pytest.fixture
async def people(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    """Somebody of each role that has to do with changes."""
    roles = ("agent", "viewer", "analyst", "change-manager", "asset-manager", "requester")
    callers = {role: Gateway(stack["gateway"], stack["users"][role]["token"]) for role in roles}
    yield callers
    for caller in callers.values():
        await caller.http.aclose()


async def planned(agent: Gateway, category: str, asset: str, begin: datetime, **fields: Any) -> dict[str, Any]:
    """A change of one asset for two hours."""
    window = {"startTime": begin.isoformat(), "endTime": (begin + timedelta(hours=2)).isoformat()}
    body = {"title": f"{category} {asset}", "category": category, "assetIds": [asset], "implementerId": "u-maker"}
    change: dict[str, Any] = await agent.post("changes", {**body, **window, **PLANS, **fields})
    await agent.post(f"changes/{change['id']}:assess")
    return change


async def kinds(caller: Gateway, change: dict[str, Any]) -> dict[str, bool]:
    """What stands against it, and whether that blocks."""
    found = await caller.get(f"changes/{change['id']}:conflicts")
    assert found["free"] == (not any(each["blocks"] for each in found["conflicts"]))
    return {each["kind"]: each["blocks"] for each in found["conflicts"]}


@pytest.mark.timeout(400)
async def test_a_release_is_made_of_changes_that_nothing_stands_against_though_the_service_dies(
    breakable: Breakable, people: dict[str, Gateway]
) -> None:
    agent, manager = people["agent"], people["change-manager"]
    land, category = await shop(people["asset-manager"]), f"rel-{uuid4().hex[:8]}"
    voter = (await people["viewer"].get("users:whoami"))["subject"]
    stage = {"name": "board", "quorum": "ANY", "voters": [{"userId": voter}]}
    await manager.post("approvalPolicies", {"name": category, "categories": [category], "stages": [stage]})
    now = datetime.now(UTC)
    begin = now + timedelta(days=9, minutes=int(uuid4().hex[:3], 16))

    first = await planned(agent, category, land["node-1"]["id"], begin)
    assert await kinds(agent, first) == {"REDUNDANCY_USED_UP": True}
    asked = await agent.post(f"changes/{first['id']}:submit")
    vote = {"choice": "APPROVE", "comment": "looked at it"}
    assert (await people["viewer"].send("POST", f"approvals/{asked['approvalId']}:vote", vote)).status_code == OK
    waits = await agent.get(f"changes/{first['id']}")
    assert (waits["state"], waits["approval"]) == ("AUTHORIZE", "APPROVED"), "nobody has accepted that nothing is left to spare"

    # The other node at the same time takes the shop down, the host is below it, the database of another time is free.
    second = await planned(agent, category, land["node-2"]["id"], begin + timedelta(hours=1))
    assert (await kinds(agent, second))["REDUNDANCY_LOST"] is True
    refused = await agent.send("POST", f"changes/{second['id']}:submit", {})
    assert (refused.status_code, "more than it has to spare" in refused.text) == (CONFLICT, True)
    host = await planned(agent, category, land["host"]["id"], begin)
    assert "NEIGHBOR_ASSET" in await kinds(agent, host)
    base = await planned(agent, category, land["db"]["id"], begin + timedelta(days=3))
    assert await kinds(agent, base) == {}

    path = f"changes/{first['id']}:acceptMargin"
    assert (await agent.send("POST", path, {"reason": "at night"})).status_code == FORBIDDEN
    accepted = await manager.post(path, {"reason": "at night"})
    assert accepted["assetIds"] == [land["shop"]["id"]]
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    assert await kinds(agent, first) == {"REDUNDANCY_USED_UP": False}

    # A blackout of the shop is one of what the shop stands on, each week.
    times = {"startTime": (begin - timedelta(days=4, hours=1)).isoformat(), "endTime": (begin - timedelta(days=4)).isoformat()}
    blackout = {"title": f"sales {category}", "serviceIds": [land["shop"]["id"]], "repeat": "WEEKLY", **times}
    assert (await agent.send("POST", "blackouts", blackout)).status_code == FORBIDDEN
    made = await manager.post("blackouts", blackout)
    moved = {"startTime": (begin + timedelta(days=3, hours=-2)).isoformat()}
    version = (await agent.get(f"changes/{base['id']}"))["etag"]
    assert (await agent.send("PATCH", f"changes/{base['id']}", moved, version=version)).status_code == OK
    assert await kinds(agent, base) == {"BLACKOUT": True}

    release = await agent.post("releases", {"title": category, "releaseVersion": "4.2.0", "startTime": begin.isoformat()})
    await agent.post(f"releases/{release['id']}:addChange", {"changeId": first["number"]})
    for verb in ("build", "test"):
        await agent.post(f"releases/{release['id']}:{verb}")
    assert (await agent.send("POST", f"releases/{release['id']}:deploy", {})).status_code == FORBIDDEN
    assert (await manager.send("POST", f"releases/{release['id']}:deploy", {})).status_code == CONFLICT
    assert (await people["requester"].send("GET", f"releases/{release['id']}")).status_code == FORBIDDEN
    assert (await agent.post(f"changes/{first['id']}:schedule"))["state"] == "SCHEDULED"
    deployed = await manager.post(f"releases/{release['number']}:deploy")
    assert (deployed["state"], deployed["changeIds"]) == ("DEPLOY", [first["id"]])
    assert (await agent.send("POST", f"releases/{release['id']}:support", {})).status_code == CONFLICT
    told = [entry["type"].rpartition(".")[2] for entry in (await agent.get(f"releases/{release['id']}/timeline"))["entries"]]
    assert told == ["ReleaseMoved", "ReleaseMoved", "ReleaseMoved", "ReleaseFilled", "ReleaseOpened"]

    period = {"startTime": (begin - timedelta(days=1)).isoformat(), "endTime": (begin + timedelta(days=12)).isoformat()}
    calendar = await agent.get("changes:calendar", **period)
    assert {first["id"], base["id"]} <= {each["id"] for each in calendar["changes"]}
    weeks = [each for each in calendar["blackouts"] if each["blackoutId"] == made["id"]]
    assert len(weeks) == 2
    gone = await manager.send("DELETE", f"blackouts/{made['id']}", version=made["etag"])
    assert gone.status_code == OK
    assert await kinds(agent, base) == {}
