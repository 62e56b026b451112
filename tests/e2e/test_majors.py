"""Major incidents, families and mergers on the running platform, for people with their own rights, though the service dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

WITHIN = 90.0
CHILDREN = 101
"""More than two steps take."""


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees his own incidents alone."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who leads major incidents."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What is seen once it is as wanted."""
    seen: Any = None
    try:
        async with asyncio.timeout(WITHIN):
            while not wanted(seen := await look()):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"within {WITHIN} s there was only {seen}")
    return seen


@pytest.mark.timeout(400)
async def test_a_major_incident_is_declared_told_of_resolved_with_its_children_and_reviewed_though_the_service_dies(
    breakable: Breakable, agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    category = f"mail-{uuid4().hex[:8]}"
    incident = await agent.post("incidents", {"title": "No mail in the whole house", "blockedByChildren": True})
    hers = await requester.post("incidents", {"title": "No mail here", "category": category})
    for place in range(CHILDREN - 1):
        await agent.post("incidents", {"title": f"No mail {place}", "category": category})

    major = await agent.post("majors", {"incidentId": incident["number"], "description": "All of them call"})
    assert (major["state"], major["title"]) == ("CANDIDATE", incident["title"])
    path = f"majors/{major['id']}"
    for verb, body in (("declare", {}), ("decline", {"reason": "x"}), ("linkChildren", {"filter": f'category = "{category}"'})):
        assert (await agent.send("POST", f"{path}:{verb}", body)).status_code == 403
    assert (await requester.send("GET", path)).status_code == 403
    assert (await agent.send("POST", "majors", {"incidentId": incident["id"]})).status_code == 409

    major = await manager.post(f"{path}:declare", {})
    assert (major["state"], len(major["checklist"]) > 3, major["roles"][0]["role"]) == ("DECLARED", True, "COMMANDER")
    await manager.post(f"{path}:staff", {"role": "SCRIBE", "personId": "u-scribe"})
    await agent.post(f"{path}:check", {"key": major["checklist"][0]["key"]})
    assert (await manager.post(f"{path}:linkChildren", {"filter": f'category = "{category}"'}))["wanted"] == CHILDREN
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    family = f"incidents/{incident['id']}:children"
    await until(lambda: agent.get(family), lambda seen: seen == {"total": CHILDREN, "open": CHILDREN, "underWay": 0})

    refused = await manager.send("POST", f"incidents/{incident['id']}:resolve", {"resolutionCode": "fixed", "resolution": "x"})
    assert (refused.status_code, "a child of it is open" in refused.text) == (409, True)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await manager.post(f"{path}/statusUpdates", {"text": "We know", "audience": "PUBLIC", "nextUpdateTime": soon})
    await manager.post(f"{path}/statusUpdates", {"text": "It is the disk", "nextUpdateTime": soon})
    assert (await agent.send("POST", f"{path}/statusUpdates", {"text": "x"})).status_code == 403
    notes = await until(lambda: requester.get(f"incidents/{hers['id']}/notes"), lambda seen: bool(seen["notes"]))
    assert [note["text"] for note in notes["notes"]] == ["We know"]
    assert len((await agent.get(f"{path}/statusUpdates"))["statusUpdates"]) == 2

    review = {"review": {"summary": "One disk", "actions": [{"text": "Two disks", "ownerId": "u-1"}]}}
    assert (await manager.send("POST", f"{path}:review", review)).status_code == 409
    ended = {"resolutionCode": "fixed", "resolution": "A new disk", "resolveChildren": True}
    assert (await manager.post(f"{path}:resolve", ended))["state"] == "RESOLVED"
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    await until(lambda: agent.get(family), lambda seen: seen == {"total": CHILDREN, "open": 0, "underWay": 0})
    told = [entry["type"].rpartition(".")[2] for entry in (await requester.get(f"incidents/{hers['id']}/timeline"))["entries"]]
    kinds = ("IncidentResolved", "NoteAdded", "IncidentLinked", "IncidentOpened")
    assert [name for name in told if name in kinds] == list(kinds)

    assert (await manager.send("POST", f"{path}:close", {})).status_code == 409
    (action,) = (await manager.post(f"{path}:review", review))["review"]["actions"]
    assert (await manager.post(f"{path}:close", {}))["state"] == "CLOSED"
    assert (await agent.post(f"{path}:completeAction", {"key": action["key"]}))["review"]["actions"][0]["doneBy"]
    seen = [entry["type"].rpartition(".")[2] for entry in (await agent.get(f"{path}/timeline"))["entries"]]
    assert (seen[0], seen[-1], seen.count("StatusUpdateAdded")) == ("MajorReviewed", "MajorProposed", 2)


async def test_what_is_merged_answers_as_the_other_for_who_may_see_it_and_comes_back(
    agent: Gateway, requester: Gateway
) -> None:
    hers = await requester.post("incidents", {"title": "The printer burns"})
    other = await agent.post("incidents", {"title": "Smoke in the corridor"})
    await requester.post(f"incidents/{hers['id']}/notes", {"text": "Second floor"})
    assert (await requester.send("POST", f"incidents/{hers['id']}:merge", {"intoId": other["id"]})).status_code == 403
    refused = await agent.send("POST", f"incidents/{hers['id']}:merge", {"intoId": hers["number"]})
    assert refused.status_code == 422
    survivor = await agent.post(f"incidents/{hers['id']}:merge", {"intoId": other["number"]}, version=hers["etag"])
    assert (survivor["id"], survivor["mergedIds"]) == (other["id"], [hers["id"]])
    starts = {clock["startTime"] for clock in survivor["clocks"] if clock["state"] == "RUNNING"}
    assert starts == {clock["startTime"] for clock in hers["clocks"]}

    assert (await agent.get(f"incidents/{hers['number']}"))["id"] == other["id"]
    assert (await agent.get(f"incidents/{hers['number']}", asIs="true"))["mergedIntoId"] == other["id"]
    mine = await requester.get(f"incidents/{hers['number']}")
    assert (mine["id"], mine["state"], mine["mergedIntoId"]) == (hers["id"], "CANCELLED", other["id"])
    assert (await requester.send("GET", f"incidents/{other['id']}")).status_code == 404
    await agent.post(f"incidents/{hers['id']}/notes", {"text": "The fire brigade comes", "public": True})

    async def heard() -> set[str]:
        return {note["text"] for note in (await requester.get(f"incidents/{hers['id']}/notes"))["notes"]}

    await until(heard, lambda seen: seen == {"Second floor", "The fire brigade comes"})

    async def known() -> dict[str, bool]:
        return {note["text"]: note["public"] for note in (await agent.get(f"incidents/{other['id']}/notes"))["notes"]}

    await until(known, lambda seen: seen == {"Second floor": False, "The fire brigade comes": True})
    back = await agent.post(f"incidents/{hers['id']}:unmerge", {"reason": "Two fires"})
    assert (back["state"], back["mergedIntoId"], back["clocks"]) == ("NEW", "", hers["clocks"])

    (note,) = [each for each in (await agent.get(f"incidents/{hers['id']}/notes"))["notes"] if each["text"] == "Second floor"]
    part = await agent.post(
        f"incidents/{hers['id']}:split", {"incident": {"title": "The phone burns too"}, "noteIds": [note["id"]]}
    )
    assert part["links"] == [{"kind": "SPLIT_FROM", "target": f"incidents/{hers['id']}"}]
    assert (await requester.get(f"incidents/{part['id']}/notes"))["notes"][0]["text"] == "Second floor"
    assert all(clock["startTime"] > hers["createTime"] for clock in part["clocks"])


async def test_a_parent_that_ends_with_its_children_does(agent: Gateway) -> None:
    parent = await agent.post("incidents", {"title": "Two desks", "endsWithChildren": True})
    children = [await agent.post("incidents", {"title": f"Desk {place}"}) for place in range(2)]
    for child in children:
        link = {"link": {"kind": "PARENT", "target": f"incidents/{parent['number']}"}}
        await agent.post(f"incidents/{child['id']}:link", link)
    family = f"incidents/{parent['id']}:children"
    for place, child in enumerate(children, 1):
        assert (await agent.get(f"incidents/{parent['id']}"))["state"] == "NEW"
        await agent.post(f"incidents/{child['id']}:resolve", {"resolutionCode": "fixed", "resolution": "moved"})
        settled = {"total": 2, "open": 2 - place, "underWay": 0}
        await until(lambda: agent.get(family), lambda seen, settled=settled: seen == settled)
    ended = await until(lambda: agent.get(f"incidents/{parent['id']}"), lambda seen: seen["state"] == "RESOLVED")
    assert ended["resolutionCode"] == "children-done"
