"""Rules and routing on the running platform: each event acted on once though the service dies, by rights that somebody has."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

WITHIN = 60.0
OPENED = "itsm.incident.v1.IncidentOpened"
UPDATED = "itsm.incident.v1.IncidentUpdated"


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who leads the desk."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


async def until(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """What is asked for, once it is so."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = await ask()
            if holds(found):
                return found
            await asyncio.sleep(0.2)


async def remove(manager: Gateway, path: str) -> None:
    """Takes a rule away, so that it meets no incident of another test."""
    version = (await manager.get(path))["etag"]
    assert (await manager.send("DELETE", path, version=version)).status_code == httpx.codes.OK


@pytest.mark.timeout(280)
async def test_incidents_are_routed_and_rules_act_on_each_once_though_the_service_dies(
    breakable: Breakable, agent: Gateway, manager: Gateway
) -> None:
    run = uuid4().hex[:8]
    people = [f"ann-{run}", f"bob-{run}"]
    for person, capacity in zip(people, (4, 2), strict=True):
        await manager.post("agentProfiles", {"userId": person, "teamIds": [f"team-{run}"], "capacity": capacity})
    route = await manager.post(
        "routingRules",
        {"name": f"route {run}", "filter": f'title:"{run}"', "teamId": f"team-{run}", "method": "LEAST_LOADED", "order": -5},
    )
    rule = {
        "name": f"rule {run}",
        "eventTypes": [OPENED],
        "filter": f'title:"{run}" AND source = API',
        "actions": [
            {"kind": "SET_FIELDS", "fields": {"category": f"auto-{run}"}},
            {"kind": "NOTE", "text": "{{number}} was seen"},
        ],
    }
    past = await agent.post("incidents", {"title": f"before {run}"})
    tried = await manager.post("automationRules:try", {"automationRule": rule, "days": 1})
    assert [match["subject"] for match in tried["matches"]] == [f"incidents/{past['id']}"]
    assert tried["matches"][0]["steps"] == [f"set category = auto-{run}", f"say: {past['number']} was seen"]
    made = await manager.post("automationRules", rule)
    echo = await manager.post(
        "automationRules",
        {
            "name": f"echo {run}",
            "eventTypes": [UPDATED],
            "filter": f'category = "auto-{run}"',
            "actions": [{"kind": "SET_FIELDS", "fields": {"title": "{{title}}!"}}],
        },
    )

    opened = [await agent.post("incidents", {"title": f"{run} {number}"}) for number in range(5)]
    assert {(each["teamId"], each["state"]) for each in opened} == {(f"team-{run}", "ASSIGNED")}
    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")
    runs = f'ruleId = "{made["id"]}"'
    await until(lambda: manager.get("ruleRuns", filter=runs), lambda found: len(found["ruleRuns"]) == 5)
    circles = f'ruleId = "{echo["id"]}" AND outcome = SUPPRESSED'
    await until(lambda: manager.get("ruleRuns", filter=circles), lambda found: len(found["ruleRuns"]) == 5)

    async def assigned() -> Counter[str]:
        return Counter([(await agent.get(f"incidents/{each['id']}")).get("assigneeId", "") for each in (past, *opened)])

    assert await until(assigned, lambda found: not found[""]) == {people[0]: 4, people[1]: 2}
    for each in opened:
        after = await agent.get(f"incidents/{each['id']}")
        assert (after["title"], after["category"]) == (f"{each['title']}!", f"auto-{run}")
        notes = (await agent.get(f"incidents/{each['id']}/notes"))["notes"]
        assert [note["text"] for note in notes] == [f"{each['number']} was seen"]
    profiles = await manager.get("agentProfiles", filter=f'teamIds:"team-{run}"')
    assert sum(each["openCount"] for each in profiles["agentProfiles"]) == 6
    for path in (f"automationRules/{made['id']}", f"automationRules/{echo['id']}", f"routingRules/{route['id']}"):
        await remove(manager, path)


async def test_rules_are_made_by_who_may_and_do_no_more_than_is_theirs(agent: Gateway, manager: Gateway) -> None:
    run = uuid4().hex[:8]
    rule = {
        "name": f"rule {run}",
        "eventTypes": [OPENED],
        "filter": f'title = "{run}"',
        "actions": [{"kind": "RESOLVE", "resolutionCode": "AUTO", "text": "Known."}],
    }
    assert (await agent.send("POST", "automationRules", rule)).status_code == httpx.codes.FORBIDDEN
    for wrong in ({"filter": "nothing = 1"}, {"eventTypes": ["itsm.incident.v1.RuleRan"]}, {"actions": [{"kind": "ASSIGN"}]}):
        refused = await manager.send("POST", "automationRules", rule | wrong)
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY, refused.text
    nobody = await agent.send("POST", "agentProfiles:away", {"away": True})
    assert nobody.status_code == httpx.codes.NOT_FOUND
    made = await manager.post("automationRules", rule)
    assert made["ownerId"] == (await manager.post("incidents", {"title": f"mine {run}"}))["requesterId"]
    incident = await agent.post("incidents", {"title": run})
    path = f"incidents/{incident['id']}"
    done = await until(lambda: agent.get(path), lambda found: found["state"] == "RESOLVED")
    assert (done["resolutionCode"], done["resolution"]) == ("AUTO", "Known.")
    last = (await agent.get(f"{path}/timeline"))["entries"][0]
    assert (last["actor"], last["onBehalfOf"]) == (made["id"], made["ownerId"])
    await remove(manager, f"automationRules/{made['id']}")
