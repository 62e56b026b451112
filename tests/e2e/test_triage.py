"""Suggestions on the running platform: learned from what teams resolved, though the service dies meanwhile; nothing changes."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

LEARNED_WITHIN = 240.0
ABOUT = {
    "printer": ("toner is empty", "paper jam in tray two", "prints blank pages", "driver is missing"),
    "access": ("password expired", "badge does not open the door", "account is locked", "no right to the share"),
}


async def learned(keeper: Gateway, model: str) -> dict[str, Any]:
    """A model, once nobody learns it any more."""
    async with asyncio.timeout(LEARNED_WITHIN):
        while True:
            found: dict[str, Any] = await keeper.get(f"triageModels/{model}")
            if found["state"] != "TRAINING":
                return found
            await asyncio.sleep(0.3)


@pytest.mark.timeout(400)
async def test_a_desk_learns_from_its_past_while_the_service_dies_and_an_incident_is_told_who_it_is_for(
    breakable: Breakable, keeper: Gateway, agent: Gateway
) -> None:
    run = uuid4().hex[:8]
    for about, texts in ABOUT.items():
        for number in range(12):
            made = await agent.post(
                "incidents", {"title": f"{about} {run}: {texts[number % 4]}", "description": texts[number % 3]}
            )
            await agent.post(f"incidents/{made['id']}:assign", {"teamId": f"team-{about}-{run}"})
            await agent.post(f"incidents/{made['id']}:resolve", {"resolutionCode": "DONE", "resolution": f"{about} is well"})
    for purpose in ("TEAM", "SIMILAR_INCIDENTS"):
        model = await keeper.post("triageModels", {"purpose": purpose})
        assert model["state"] == "TRAINING"
        if purpose == "TEAM":
            breakable.stack.process("incident").kill()
            await breakable.stack.restart("incident")
        found = await learned(keeper, model["id"])
        assert found["state"] == "ACTIVE", found
        assert found["incidentCount"] >= 24
    new = await agent.post(
        "incidents", {"title": f"printer {run}", "description": "paper jam in the tray and the toner is empty"}
    )
    said = await agent.get(f"incidents/{new['number']}:suggest")
    (team,) = [each for each in said["suggestions"] if each["purpose"] == "TEAM"]
    assert team["labels"][0]["label"] == f"team-printer-{run}"
    assert 0 < team["labels"][0]["confidence"] <= 1
    assert f"printer {run}" in said["similarIncidents"][0]["title"]
    assert said["similarIncidents"][0]["resolution"] == "printer is well"
    after = await agent.get(f"incidents/{new['id']}")
    assert (after["teamId"], after["etag"]) == ("", new["etag"])


async def test_who_only_reports_is_told_nothing_and_nobody_uses_what_is_not_there(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway
) -> None:
    made = await agent.post("incidents", {"title": "Anything"})
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        assert (await requester.send("GET", f"incidents/{made['id']}:suggest")).status_code == httpx.codes.FORBIDDEN
    assert (await agent.send("POST", "triageModels", {"purpose": "TEAM"})).status_code == httpx.codes.FORBIDDEN
    assert (await keeper.send("POST", "triageModels", {})).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert (await keeper.send("POST", "triageModels/trm_none:activate", {})).status_code == httpx.codes.NOT_FOUND
