"""A day at the service desk, by REST and mail alone: from what somebody writes in the morning to what others read at night."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_changes import Desk, desk, policy
from tests.e2e.test_mail import REQUESTER, answered, became, host, mailed
from tests.support.gateway import Gateway
from tests.support.smtp import MailHost
from tests.unit.gateway.test_mail_in import letter

__all__ = ["desk", "host"]

WITHIN = 120.0


async def seen(ask: Callable[[], Any], holds: Callable[[Any], Any]) -> Any:
    """What is asked for, once it is so."""
    async with asyncio.timeout(WITHIN):
        while not holds(found := await ask()):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)
    return found


def resolving(incident: dict[str, Any]) -> dict[str, Any]:
    """Its clock for the resolution."""
    return next(clock for clock in incident["clocks"] if clock["kind"] == "RESOLVE" and clock["state"] != "CANCELLED")


@pytest.mark.timeout(420)
async def test_from_a_mail_in_the_morning_to_an_article_at_night(
    stack: dict[str, Any], desk: Desk, keeper: Gateway, agent: Gateway, host: MailHost
) -> None:
    run = uuid4().hex[:8]
    requester, manager = desk["requester"], desk["admin"]
    team, category = f"team-{run}", f"day-{run}"

    # Before it opens: a mailbox, who takes what comes through it, what is promised, whom to ask how it was.
    box = await keeper.post("mailboxes", {"address": f"day-{run}@demo.example", "name": "Service Desk", "category": category})
    route = {"name": f"day {run}", "filter": f'category = "{category}"', "teamId": team, "order": -9}
    route = await manager.post("routingRules", route)
    await manager.post(
        "slaPolicies",
        {
            "name": f"day {run}",
            "categories": [category],
            "targets": [{"priority": "P3", "kind": "RESOLVE", "amount": 480}],
            "pauseReasons": ["CALLER"],
        },
    )
    ask = {"name": "How was it?", "question": "How was it?", "samplingPercent": 100, "active": True}
    asking = await manager.post("surveyPolicies", ask)

    # A mail becomes an incident, which finds its team by itself; what is known of the like of it is offered.
    first = f"{uuid4().hex}@mail.example"
    words = f"Ledger {run} shows yesterday."
    await mailed(
        stack, box, letter(words, From=f"Rea <{REQUESTER}>", To=box["address"], Message_ID=f"<{first}>", Subject=words)
    )
    path = (await became(keeper, box, first))["record"]
    incident = await seen(lambda: agent.get(path), lambda found: found["teamId"] == team)
    assert (incident["state"], incident["source"], incident["category"]) == ("ASSIGNED", "MAIL", category)
    assert set(await agent.get(f"{path}:suggest")) == {"suggestions", "similarIncidents"}

    # Work begins, waits for the caller with its clock, and goes on when the caller answers by mail.
    await agent.post(f"{path}:start")
    held = await agent.post(f"{path}:hold", {"reason": "CALLER", "note": "Which ledger?"})
    assert resolving(held)["state"] == "PAUSED"
    question = (await answered(host, incident["id"])).message
    second = f"{uuid4().hex}@mail.example"
    reply = letter(
        "The one of the branch.",
        From=REQUESTER,
        To=box["address"],
        Subject=f"Re: {question['Subject']}",
        Message_ID=f"<{second}>",
        In_Reply_To=str(question["Message-ID"]),
    )
    await mailed(stack, box, reply)
    assert (await became(keeper, box, second))["record"] == path
    going = await agent.get(path)
    assert (going["state"], resolving(going)["state"]) == ("IN_PROGRESS", "RUNNING")

    # Resolved too early, taken up again by who reported it, resolved for good; he says how it was.
    done = {"resolutionCode": "WORKAROUND", "resolution": "Ran the import by hand."}
    await agent.post(f"{path}:resolve", done)
    again = await requester.post(f"{path}:reopen", {"reason": "It shows yesterday again."})
    assert (again["state"], again["reopenCount"]) == ("IN_PROGRESS", 1)
    await agent.post(f"{path}:resolve", done)
    await agent.post(f"{path}:close")
    about = f'about = "incidents/{incident["id"]}"'
    asked = await seen(lambda: requester.get("surveys", filter=about), lambda found: found["surveys"])
    said = await requester.post(f"surveys/{asked['surveys'][0]['id']}:answer", {"score": 4, "comment": "In the end."})
    assert (said["state"], said["score"]) == ("ANSWERED", 4)
    await manager.send("DELETE", f"surveyPolicies/{asking['id']}", version=asking["etag"])

    # What lies behind it is a problem, and until it is mended a known error.
    problem = await agent.post("problems", {"title": f"Import of ledger {run} stops", "category": category})
    await agent.post(f"problems/{problem['id']}:attach", {"incidentIds": [incident["id"]]})
    known = await agent.post(f"problems/{problem['id']}:diagnose", {"workaround": "Run the import by hand."})
    assert known["knownError"]

    # The change that mends it: two of the board agree in their meeting, it is made in its window, as part of a release.
    await policy(desk, category)
    change = await desk.open(title=f"Import of ledger {run} waits for its file", category=category)
    await desk.verb("agent", change["id"], "assess")
    approval = (await desk.verb("agent", change["id"], "submit"))["approvalId"]
    window = {"startTime": change["startTime"], "endTime": change["endTime"]}
    cab = await desk["change-manager"].post("cabMeetings", {"title": f"CAB {run}", **window})
    agenda = await desk["change-manager"].post(f"cabMeetings/{cab['id']}:collect")
    assert change["id"] in {item["changeId"] for item in agenda["items"]}
    for voter in ("viewer", "analyst"):
        assert (await desk.vote(voter, approval)).status_code == httpx.codes.OK
    assert (await desk.change(change["id"]))["state"] == "SCHEDULED"
    release = await desk["change-manager"].post("releases", {"title": f"Ledger {run}", "releaseVersion": "4.2.0"})
    await desk["change-manager"].post(f"releases/{release['id']}:addChange", {"changeId": change["id"]})
    for verb in ("build", "test", "deploy"):
        release = await desk["change-manager"].post(f"releases/{release['id']}:{verb}")
    assert release["state"] == "DEPLOY"
    await desk.verb("agent", change["id"], "start")
    await desk.verb("agent", change["id"], "finish", outcome="SUCCESSFUL")
    closed = await desk.verb("change-manager", change["id"], "close", review="as planned")
    assert (closed["state"], closed["outcome"]) == ("CLOSED", "SUCCESSFUL")
    await desk["change-manager"].post(f"releases/{release['id']}:support")
    over = await desk["change-manager"].post(f"releases/{release['id']}:close", {"result": "The ledger shows today."})
    assert over["state"] == "CLOSED"

    # What was learned is there for the next one, who finds it by a word that he mistypes.
    article = await agent.post("articles:fromIncident", {"incidentId": incident["number"]})
    shown = {"visibility": "PUBLIC", "summary": f"Ledger {run} shows yesterday"}
    await agent.send("PATCH", f"articles/{article['id']}", shown, version=article["etag"])
    await agent.post(f"articles/{article['id']}:submit", {})
    await desk["admin"].post(f"articles/{article['id']}:publish", {"changeNote": "first"})
    found = await seen(lambda: requester.get("search", query=f"legder {run}", kinds="articles"), lambda found: found["hits"])
    assert article["id"] in str(found["hits"][0])

    told = [entry["type"].rpartition(".")[2] for entry in (await agent.get(f"{path}/timeline"))["entries"]][::-1]
    order = ["IncidentOpened", "IncidentStarted", "IncidentHeld", "IncidentResumed", "IncidentResolved", "IncidentReopened"]
    places = [told.index(each) for each in order]
    assert places == sorted(places), told
    await manager.send("DELETE", f"routingRules/{route['id']}", version=route["etag"])
