"""Problems and known errors on the running platform, from incidents that come again to the fix that held."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who leads the desk."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


@pytest.mark.timeout(400)
async def test_incidents_that_come_again_become_a_problem_whose_workaround_outlives_a_death(
    breakable: Breakable, agent: Gateway
) -> None:
    run = uuid4().hex[:8]
    asset, words = f"ast_{run}", f"Mailstore {run} stalls"
    report = {"title": words, "assetIds": [asset], "category": f"mail-{run}", "impact": "HIGH", "urgency": "HIGH"}
    opened = [(await agent.post("incidents", report))["id"] for _ in range(8)]
    found = await agent.get("problems:candidates", days=1, least=8)
    (candidate,) = [each for each in found["candidates"] if asset in each.get("assetIds", ())]
    assert (candidate["count"], candidate["heavyCount"], candidate["category"]) == (8, 8, f"mail-{run}")
    assert set(candidate["incidentIds"]) == set(opened)

    made = {"title": candidate["title"], "assetIds": [asset], "category": candidate["category"]}
    problem = await agent.post("problems", made)
    path = f"problems/{problem['number']}"
    assert (await agent.post(f"{path}:attach", {"incidentIds": opened}))["attached"] == 8
    left = await agent.get("problems:candidates", days=1, least=8)
    assert not [each for each in left["candidates"] if asset in each.get("assetIds", ())]
    known = await agent.post(f"{path}:diagnose", {"workaround": "Fail over to the second store."})
    assert (known["state"], known["knownError"]) == ("NEW", True)

    breakable.stack.process("incident").kill()
    await breakable.stack.restart("incident")

    fresh = await agent.post("incidents", {"title": f"{run}: mailstore stalls again"})
    (match,) = (await agent.get(f"incidents/{fresh['id']}:knownErrors"))["matches"]
    assert match["problem"]["id"] == problem["id"]
    assert match["reasons"] == [f"the same words: mailstore, {run}, stalls"]
    await agent.post(f"incidents/{opened[0]}:resolve", {"resolutionCode": "WORKAROUND", "resolution": "Failed over."})
    assert await agent.post(f"{path}:tellWorkaround", {"public": True}) == {"told": 7, "more": False}
    assert await agent.post(f"{path}:tellWorkaround", {"public": True}) == {"told": 0, "more": False}
    notes = (await agent.get(f"incidents/{opened[1]}/notes"))["notes"]
    assert [note["text"] for note in notes] == [f"{problem['number']}: Fail over to the second store."]

    await agent.post(f"{path}:assign", {"teamId": "team_mail"})
    await agent.post(f"{path}:assess")
    await agent.post(f"{path}:analyze")
    await agent.post(f"{path}:diagnose", {"cause": "The journal fills the disk."})
    await agent.post(f"{path}:fix")
    await agent.post(f"{path}:resolve", {"resolution": "The journal has a disk of its own."})
    closed = await agent.post(f"{path}:close")
    assert (closed["state"], closed["closingCode"], closed["knownError"]) == ("CLOSED", "FIXED", False)
    states = {(await agent.get(f"incidents/{each}"))["state"] for each in opened[1:]}
    assert states == {"NEW"}
    seen = [entry["type"].rpartition(".")[2] for entry in (await agent.get(f"{path}/timeline"))["entries"]]
    assert seen[::-1] == [
        *("ProblemOpened", "ProblemDiagnosed", "ProblemAssigned", "ProblemAssessed", "ProblemAnalyzed", "ProblemDiagnosed"),
        *("ProblemFixStarted", "ProblemResolved", "ProblemClosed"),
    ]


async def test_a_fix_without_a_cause_is_refused_and_only_a_manager_lives_with_a_risk(
    stack: dict[str, Any], agent: Gateway, manager: Gateway
) -> None:
    problem = await agent.post("problems", {"title": "Sessions end early"})
    path = f"problems/{problem['id']}"
    assert (await agent.send("POST", f"{path}:analyze", {})).status_code == httpx.codes.CONFLICT
    await agent.post(f"{path}:assess")
    assert (await agent.send("POST", f"{path}:analyze", {})).status_code == httpx.codes.CONFLICT
    await agent.post(f"{path}:assign", {"teamId": "team_web"})
    before = await agent.post(f"{path}:analyze")
    assert (await agent.send("POST", f"{path}:fix", {})).status_code == httpx.codes.CONFLICT
    assert (await agent.send("PATCH", path, {"title": " "}, version=before["etag"])).status_code == 422
    assert (await agent.get(path))["etag"] == before["etag"]

    assert (await agent.send("POST", f"{path}:acceptRisk", {"reason": "x"})).status_code == httpx.codes.FORBIDDEN
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        assert (await requester.send("GET", path)).status_code == httpx.codes.FORBIDDEN
    closed = await manager.post(f"{path}:acceptRisk", {"reason": "The new portal comes in spring."})
    assert (closed["state"], closed["closingCode"]) == ("CLOSED", "RISK_ACCEPTED")
