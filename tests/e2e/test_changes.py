"""Changes on the running platform: agreed to by several, made in their window through a gate, confirmed, from templates."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

ROOT = Path(__file__).parents[2]
PLANS = {"implementationPlan": "swap the disk", "testPlan": "read it back", "backOutPlan": "put the old one in"}
ROLES = ("agent", "requester", "viewer", "analyst", "auditor", "change-manager", "admin")


class Desk:
    """Somebody of each role, and who they are."""

    def __init__(self, callers: dict[str, Gateway], ids: dict[str, str]) -> None:
        self.callers, self.ids = callers, ids

    def __getitem__(self, role: str) -> Gateway:
        return self.callers[role]

    async def vote(self, role: str, approval: str, choice: str = "APPROVE") -> httpx.Response:
        return await self[role].send("POST", f"approvals/{approval}:vote", {"choice": choice, "comment": "looked at it"})

    async def open(self, **fields: Any) -> dict[str, Any]:
        """A change of the agent that begins now, made by the auditor."""
        now = datetime.now(UTC)
        window = {"startTime": (now - timedelta(minutes=1)).isoformat(), "endTime": (now + timedelta(hours=2)).isoformat()}
        body = {"title": "a new disk", "implementerId": self.ids["auditor"], **window, **PLANS, **fields}
        made: dict[str, Any] = await self["agent"].post("changes", body)
        return made

    async def change(self, id: str) -> dict[str, Any]:  # noqa: A002 - the field's name
        found: dict[str, Any] = await self["agent"].get(f"changes/{id}")
        return found

    async def verb(self, role: str, change: str, verb: str, **body: Any) -> dict[str, Any]:
        done: dict[str, Any] = await self[role].post(f"changes/{change}:{verb}", body)
        return done


@pytest.fixture(scope="module")
async def desk(stack: dict[str, Any]) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as opened:
        callers = {
            role: await opened.enter_async_context(Gateway(stack["gateway"], stack["users"][role]["token"])) for role in ROLES
        }
        yield Desk(callers, {role: (await caller.get("users:whoami"))["subject"] for role, caller in callers.items()})


async def until(found: Callable[[], Awaitable[dict[str, Any]]], state: str) -> dict[str, Any]:
    """The record once it is in a state."""
    async with asyncio.timeout(60):
        while (record := await found())["state"] != state:  # noqa: ASYNC110 - another process moves it
            await asyncio.sleep(0.2)
    return record


async def policy(desk: Desk, category: str) -> str:
    """Two of three have to agree to changes of a category, among whom is the one who makes it."""
    voters = [{"userId": desk.ids[role]} for role in ("viewer", "analyst", "auditor")]
    stage = {"name": "board", "quorum": "AT_LEAST", "least": 2, "voters": voters}
    body = {"name": f"board {category}", "categories": [category], "stages": [stage]}
    return str((await desk["change-manager"].post("approvalPolicies", body))["id"])


async def test_two_of_the_board_agree_though_the_service_dies_between_and_a_pipeline_makes_it_in_its_window(
    desk: Desk, breakable: Breakable, stack: dict[str, Any], tmp_path: Path
) -> None:
    category = f"e2e-{uuid4().hex[:8]}"
    rule = await policy(desk, category)
    change = await desk.open(category=category, questions={"impact": "HIGH", "outage": True})
    number = change["number"]
    assert (change["state"], change["kind"], change["risk"]) == ("NEW", "NORMAL", "HIGH")
    await desk.verb("agent", change["id"], "assess")
    asked = await desk.verb("agent", change["id"], "submit")
    approval = await desk["viewer"].get(f"approvals/{asked['approvalId']}")
    assert (approval["policyId"], set(approval["voterIds"])) == (rule, {desk.ids["viewer"], desk.ids["analyst"]})
    waiting = await desk["viewer"].get("approvals", filter=f'state = "WAITING" AND voterIds = "{desk.ids["viewer"]}"')
    assert approval["id"] in {each["id"] for each in waiting["approvals"]}
    meeting = {"title": category, "startTime": change["startTime"], "endTime": change["endTime"]}
    cab = await desk["change-manager"].post("cabMeetings", meeting)
    agenda = await desk["change-manager"].post(f"cabMeetings/{cab['id']}:collect")
    assert change["id"] in {item["changeId"] for item in agenda["items"]}

    # Neither who asked for it nor who makes it votes, nobody else either, and it is not made before they agree.
    for role in ("agent", "auditor", "admin"):
        assert (await desk.vote(role, approval["id"])).status_code == httpx.codes.FORBIDDEN
    for caller in ("requester", "agent"):
        assert (await desk[caller].send("POST", "approvalPolicies", {"name": "mine"})).status_code == httpx.codes.FORBIDDEN
    assert (await desk["requester"].send("GET", f"changes/{number}")).status_code == httpx.codes.NOT_FOUND
    assert (await desk["agent"].send("POST", f"changes/{number}:start", {})).status_code == httpx.codes.CONFLICT
    assert await gate(stack, tmp_path, number) == (3, "AUTHORIZE")

    assert (await desk.vote("viewer", approval["id"])).status_code == httpx.codes.OK
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    assert (await desk.vote("viewer", approval["id"])).status_code == httpx.codes.CONFLICT
    decided = await desk.vote("analyst", approval["id"])
    assert (decided.status_code, decided.json()["state"]) == (httpx.codes.OK, "APPROVED")
    assert "board approved: 2 of 2 approved, 2 were needed" in decided.json()["reasons"]
    assert (await desk.change(change["id"]))["state"] == "SCHEDULED"

    assert await gate(stack, tmp_path, number, "--wait", "--start") == (0, "IMPLEMENT")
    await desk.verb("agent", change["id"], "finish", outcome="SUCCESSFUL_WITH_ISSUES", outcomeNote="took longer")
    refused = await desk["change-manager"].send("POST", f"changes/{number}:close", {})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (httpx.codes.UNPROCESSABLE_ENTITY, "/review")
    assert (await desk.verb("change-manager", change["id"], "close", review="order two next time"))["state"] == "CLOSED"
    told = [each["type"].rpartition(".")[2] for each in (await desk["agent"].get(f"changes/{number}/timeline"))["entries"]]
    changes = ["Closed", "Finished", "Started", "Scheduled", "Submitted", "Assessed", "Opened"]
    assert [each for each in told if each.startswith("Change")] == [f"Change{each}" for each in changes]
    assert [each for each in told if each.startswith("Approval")] == ["ApprovalDecided", "ApprovalVoted", "ApprovalAsked"]
    stages = [{"name": "all", "quorum": "ALL", "voters": [{"role": "change-manager"}]}]
    stricter = {"name": f"strict {category}", "active": False, "categories": [category], "stages": stages}
    tried = await desk["change-manager"].post("approvalPolicies", stricter)
    simulated = await desk["change-manager"].get(f"approvalPolicies/{tried['id']}:simulate")
    assert [(each["was"], each["wouldBe"]) for each in simulated["approvals"]] == [("APPROVED", "WAITING")]


async def test_an_edit_of_what_was_approved_and_a_window_that_passes_take_a_change_back(desk: Desk) -> None:
    category = f"e2e-{uuid4().hex[:8]}"
    await policy(desk, category)
    change = await desk.open(category=category)
    await desk.verb("agent", change["id"], "assess")
    asked = await desk.verb("agent", change["id"], "submit")
    patch = {"backOutPlan": "buy another"}
    edited = await desk["agent"].send("PATCH", f"changes/{change['id']}", patch, version=asked["etag"])
    assert (edited.json()["state"], edited.json()["approval"]) == ("ASSESS", "VOID")
    assert (await desk["viewer"].get(f"approvals/{asked['approvalId']}"))["state"] == "VOID"
    assert (await desk.vote("viewer", asked["approvalId"])).status_code == httpx.codes.CONFLICT

    soon = {"endTime": (datetime.now(UTC) + timedelta(seconds=10)).isoformat()}
    await desk["agent"].send("PATCH", f"changes/{change['id']}", soon, version=edited.json()["etag"])
    again = await desk.verb("agent", change["id"], "submit")
    back = await until(lambda: desk.change(change["id"]), "ASSESS")
    assert back["approval"] == "EXPIRED"
    assert (await desk["viewer"].get(f"approvals/{again['approvalId']}"))["state"] == "EXPIRED"


async def test_an_emergency_is_confirmed_afterwards_and_a_failed_standard_change_suspends_its_template(desk: Desk) -> None:
    urgent = await desk.open(kind="EMERGENCY")
    said = {"approverId": desk.ids["admin"], "words": "by phone"}
    assert (await desk["agent"].send("POST", f"changes/{urgent['id']}:expedite", said)).status_code == httpx.codes.FORBIDDEN
    await desk.verb("change-manager", urgent["id"], "expedite", **said)
    await desk.verb("agent", urgent["id"], "start")
    done = await desk.verb("agent", urgent["id"], "finish", outcome="SUCCESSFUL")
    early = await desk["change-manager"].send("POST", f"changes/{urgent['id']}:close", {"review": "well"})
    assert early.status_code == httpx.codes.CONFLICT
    # Nobody wrote a policy for it: any change manager decides, whom the realm knows.
    assert (await desk.vote("change-manager", done["retrospectiveId"])).status_code == httpx.codes.OK
    closed = await desk.verb("change-manager", urgent["id"], "close", review="well")
    assert (closed["state"], closed["retrospective"]) == ("CLOSED", "APPROVED")

    template = await desk["agent"].post("changeTemplates", {"name": f"disk {uuid4().hex[:8]}", **PLANS})
    given = {"templateId": template["id"], **dict.fromkeys(PLANS, "")}
    drafted = await desk["agent"].send("POST", "changes", {"title": "a disk", "templateId": template["id"]})
    assert drafted.status_code == httpx.codes.CONFLICT
    waiting = await desk["agent"].post(f"changeTemplates/{template['id']}:submit")
    assert (await desk.vote("change-manager", waiting["approvalId"])).status_code == httpx.codes.OK
    change = await desk.open(**given)
    assert (change["kind"], change["backOutPlan"], change["templateVersion"]) == ("STANDARD", PLANS["backOutPlan"], 1)
    for verb in ("schedule", "start"):
        await desk.verb("agent", change["id"], verb)
    await desk.verb("agent", change["id"], "finish", outcome="FAILED", outcomeNote="a bad lot")
    suspended = await desk["agent"].get(f"changeTemplates/{template['id']}")
    assert (suspended["state"], suspended["suspendedById"]) == ("SUSPENDED", change["id"])


async def gate(stack: dict[str, Any], folder: Path, number: str, *more: str) -> tuple[int | None, str]:
    """How `itsm chg gate` ends for the agent, and the state that it tells."""
    about = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": stack["users"]["agent"]["token"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "chg", "gate", number, *more, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ITSM_CONFIG_DIR": str(folder / "itsm"), **about},
    )  # fmt: skip
    out, err = await process.communicate()
    assert out, err.decode()
    return process.returncode, json.loads(out)["state"]
