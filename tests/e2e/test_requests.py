"""Requests on the running platform: a joiner from the order to the desk, over an approval, a death and an empty stock room."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

FORM = {
    "type": "object",
    "properties": {
        "model": {"title": "Model", "enum": ["air", "pro"]},
        "why": {"type": "string"},
        "phone": {"type": "boolean"},
    },
    "required": ["model"],
    "if": {"properties": {"model": {"const": "pro"}}, "required": ["model"]},
    "then": {"required": ["why"]},
}
PHONE = {"properties": {"phone": {"const": True}}, "required": ["phone"]}


@pytest.fixture
async def callers(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    """Somebody of each role that takes part."""
    roles = ("requester", "viewer", "agent", "admin")
    made = {role: Gateway(stack["gateway"], stack["users"][role]["token"]) for role in roles}
    yield made
    for gateway in made.values():
        await gateway.http.aclose()


async def stocked(admin: Gateway, asset_class: str, name: str) -> dict[str, Any]:
    """An asset in stock."""
    made: dict[str, Any] = await admin.post("assets", {"name": name, "class": asset_class, "state": "IN_STOCK"})
    return made


async def tasks_of(gateway: Gateway, request: str) -> dict[str, dict[str, Any]]:
    """The tasks of a request, by their keys."""
    found = await gateway.get("tasks", filter=f'about = "requests/{request}"')
    return {task["key"]: task for task in found["tasks"]}


async def until(gateway: Gateway, request: str, key: str, state: str) -> dict[str, Any]:
    """A task of a request as soon as it is in a state."""
    for _ in range(300):
        task = (await tasks_of(gateway, request))[key]
        if task["state"] == state:
            return task
        await asyncio.sleep(0.2)
    pytest.fail(f"{key} is {task['state']}: {task['reason']}")


async def offered(admin: Gateway, asset_class: str, **more: Any) -> dict[str, Any]:
    """An item of the catalog: a laptop from stock, an account beside it, then all of it on a desk."""
    plan = [
        {"key": "account", "title": "Make the account"},
        {"key": "reserve", "title": "Set a laptop aside", "kind": "RESERVE_ASSET", "assetClass": asset_class},
        {"key": "phone", "title": "Order a phone", "condition": PHONE},
        {
            "key": "laptop",
            "title": "Hand the laptop over",
            "kind": "ASSIGN_ASSET",
            "assetClass": asset_class,
            "dependsOn": ["reserve", "account"],
        },
        {"key": "desk", "title": "Show the desk", "dependsOn": ["laptop", "phone"]},
    ]
    item = {"title": f"Joiner {asset_class}", "category": "People", "form": FORM, "plan": plan, **more}
    made = await admin.post("catalogItems", item)
    published: dict[str, Any] = await admin.post(f"catalogItems/{made['id']}:publish")
    return published


@pytest.fixture
async def asset_class(callers: dict[str, Gateway]) -> str:
    """A class of this test alone."""
    name = f"laptop_{uuid4().hex[:8]}"
    await callers["admin"].post("assetClasses", {"name": name, "title": "Laptop", "parent": "item"})
    return name


@pytest.mark.timeout(400)
async def test_a_joiner_is_ordered_approved_and_fulfilled_though_the_service_dies_and_the_stock_room_is_empty(
    breakable: Breakable, callers: dict[str, Gateway], asset_class: str
) -> None:
    admin, agent, requester, viewer = (callers[role] for role in ("admin", "agent", "requester", "viewer"))
    voter = (await viewer.get("users:whoami"))["subject"]
    stage = {"name": "manager", "quorum": "ANY", "voters": [{"userId": voter}]}
    policy = await admin.post("approvalPolicies", {"name": asset_class, "resource": "requests", "stages": [stage]})
    price = {"amount": "1804.46", "currency": "EUR"}
    item = await offered(admin, asset_class, approvalPolicyId=policy["id"], price=price)

    # The form is read with the answers so far, and what does not fit makes no request.
    read = await requester.post(f"catalogItems/{item['id']}:evaluate", {"answers": {"model": "pro"}})
    assert {each["name"]: each["required"] for each in read["fields"]} == {"model": True, "why": True, "phone": False}
    assert [each["pointer"] for each in read["violations"]] == ["/why"]
    assert (read["orderable"], read["price"]) == (True, price)
    order = {"catalogItemId": item["id"], "answers": {"model": "pro"}, "receiverId": "u-new"}
    refused = await requester.send("POST", "requests", order)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/answers/why")
    order["answers"] = {"model": "pro", "why": "films", "phone": False}
    key = uuid4().hex
    request = await requester.post("requests", order, key=key)
    assert (await requester.post("requests", order, key=key))["id"] == request["id"]
    assert (request["state"], request["clocks"], request["price"]) == ("WAITING_FOR_APPROVAL", [], price)
    path = f"requests/{request['number']}"
    assert "0 of 1 asked have agreed" in (await requester.get(f"{path}:progress"))["summary"]

    # Nobody approves his own, and nothing is begun before.
    vote = f"approvals/{request['approvalId']}:vote"
    assert (await requester.send("POST", vote, {"choice": "APPROVE"})).status_code in (403, 404)
    assert (await agent.send("POST", f"{path}:start", {})).status_code == httpx.codes.CONFLICT
    assert await tasks_of(agent, request["id"]) == {}
    assert (await viewer.post(vote, {"choice": "APPROVE"}))["state"] == "APPROVED"
    approved = await requester.get(path)
    assert (approved["state"], {clock["state"] for clock in approved["clocks"]}) == ("APPROVED", {"RUNNING"})
    assert {clock["startTime"] for clock in approved["clocks"]} == {approved["approveTime"]}

    # The stock room is empty: the task says so, and works when it is tried again, across a death of the service.
    failed = await until(agent, request["id"], "reserve", "FAILED")
    assert failed["reason"] == f"nothing of the class {asset_class} is in stock"
    pair = [await stocked(admin, asset_class, f"L{number}") for number in range(2)]
    tasks = await tasks_of(agent, request["id"])
    assert sorted(tasks) == ["account", "desk", "laptop", "reserve"], "no phone was asked for"
    assert (await agent.send("POST", f"tasks/{tasks['desk']['id']}:complete", {})).status_code == httpx.codes.CONFLICT
    await agent.post(f"tasks/{failed['number']}:retry")
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    reserved = await until(agent, request["id"], "reserve", "DONE")
    await agent.post(f"tasks/{tasks['account']['id']}:complete", {"result": "it is called new"})
    handed = await until(agent, request["id"], "laptop", "DONE")
    assert handed["assetId"] == reserved["assetId"]
    now = {each["id"]: each for each in [await agent.get(f"assets/{asset['id']}") for asset in pair]}
    taken = now.pop(handed["assetId"])
    (left,) = now.values()
    assert (taken["state"], taken["ownerId"], left["state"], left["ownerId"]) == ("IN_USE", "u-new", "IN_STOCK", "")

    told = await requester.get(f"{path}:progress")
    assert told["summary"] == "Work on it goes on: 3 of 4 steps are done; next: Show the desk."
    assert (await agent.send("POST", f"{path}:resolve", {"resolutionCode": "x", "resolution": "x"})).status_code == 409
    await agent.post(f"tasks/{tasks['desk']['id']}:complete")
    done = await requester.get(path)
    assert (done["state"], done["resolutionCode"], done["clocks"][0]["state"]) == ("RESOLVED", "fulfilled", "STOPPED")
    assert (await agent.post(f"{path}:close"))["state"] == "CLOSED"
    seen = [entry["type"].rpartition(".")[2] for entry in (await requester.get(f"{path}/timeline"))["entries"]][::-1]
    told_of_it = [each for each in seen if each.startswith("Request")]
    assert told_of_it == [
        *("RequestOpened", "RequestSubmitted", "RequestApproved", "RequestStarted", "RequestResolved", "RequestClosed"),
    ]
    assert seen.count("TaskCreated") == 4
    assert seen.count("TaskCompleted") == 4


async def test_who_may_not_see_an_item_finds_nothing_and_nobody_reads_what_others_asked_for(
    callers: dict[str, Gateway], asset_class: str
) -> None:
    admin, agent, requester, viewer = (callers[role] for role in ("admin", "agent", "requester", "viewer"))
    hidden = await offered(admin, asset_class, seenBy={"roles": ["agent"]})
    shown = await offered(admin, asset_class, orderedBy={"roles": ["agent"]})
    draft = await admin.post("catalogItems", {"title": f"Draft {asset_class}"})
    listed = {each["id"] for each in (await requester.get("catalogItems", filter='category = "People"'))["catalogItems"]}
    assert (hidden["id"] in listed, shown["id"] in listed) == (False, True)
    for item, status in ((hidden, 404), (draft, 404), (shown, 403)):
        body = {"catalogItemId": item["id"], "answers": {"model": "air"}}
        assert (await requester.send("POST", "requests", body)).status_code == status
    assert (await requester.send("GET", f"catalogItems/{hidden['id']}")).status_code == httpx.codes.NOT_FOUND
    for caller in (requester, viewer, agent):
        assert (await caller.send("POST", "catalogItems", {"title": "Mine"})).status_code == httpx.codes.FORBIDDEN
    bad = {"title": "x", "form": {"properties": {"a": {"$ref": "https://example.com/form"}}}}
    assert (await admin.send("POST", "catalogItems", bad)).status_code == httpx.codes.UNPROCESSABLE_ENTITY

    spare = await stocked(admin, asset_class, "spare")
    other = await agent.post("requests", {"catalogItemId": hidden["id"], "answers": {"model": "air"}})
    await until(agent, other["id"], "reserve", "DONE")
    assert (await agent.get(f"assets/{spare['id']}"))["ownerId"] == other["receiverId"]
    (task, *_) = (await tasks_of(agent, other["id"])).values()
    for what in (f"requests/{other['number']}", f"requests/{other['id']}:progress", f"tasks/{task['id']}"):
        assert (await requester.send("GET", what)).status_code == httpx.codes.NOT_FOUND
    for verb in ("start", "cancel", "assign"):
        assert (await requester.send("POST", f"requests/{other['id']}:{verb}", {})).status_code in (403, 404, 422)
    assert (await viewer.send("POST", f"tasks/{task['id']}:start", {})).status_code == httpx.codes.FORBIDDEN
    own = await requester.post("requests", {"title": "A key for the cellar"})
    assert (await requester.post(f"requests/{own['id']}:withdraw", {"reason": "found it"}))["state"] == "CANCELLED"
    assert (await requester.send("POST", f"requests/{own['id']}:withdraw", {"reason": "again"})).status_code == 409
    assert (await agent.post(f"requests/{other['id']}:cancel", {"reason": "a test"}))["state"] == "CANCELLED"
    assert {each["state"] for each in (await tasks_of(agent, other["id"])).values()} == {"CANCELLED", "DONE"}
    async with asyncio.timeout(60):  # what was set aside goes back into stock
        while (await agent.get(f"assets/{spare['id']}"))["ownerId"]:  # noqa: ASYNC110 - another process moves it
            await asyncio.sleep(0.2)
