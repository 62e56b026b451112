"""Daily work on the running platform: who hears of what, what is kept and done again, what follows by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Gateway, answered
from tests.support.platform import Breakable
from tests.support.push import Browser
from tests.support.receiver import receiving

SECONDS = 120


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sets up what the desk works by."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees his own incidents alone."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


async def me(gateway: Gateway) -> str:
    """The id of a caller."""
    return str((await gateway.get("users:whoami"))["subject"])


async def until(gateway: Gateway, path: str, wanted: Any, **query: str) -> Any:
    """What is at a path once it is as wanted."""
    async with asyncio.timeout(SECONDS):
        while not wanted(found := await gateway.get(path, **query)):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)
    return found


async def gone(gateway: Gateway, path: str) -> None:
    """Removes something that this test has set up."""
    etag = (await gateway.get(path))["etag"]
    answered(await gateway.send("DELETE", path, version=etag))


async def test_who_is_named_watches_and_hears_of_it_and_each_of_it_is_on_the_timeline(
    agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    async with receiving(201) as service:
        browser = Browser(service.url)
        kept = await manager.post("pushSubscriptions", browser.subscription)
        incident = await requester.post("incidents", {"title": "The door does not open"})
        path, number = f"incidents/{incident['number']}", incident["number"]
        named = await me(manager)
        note = await agent.post(f"{path}/notes", {"text": "@manager, a look?", "mentionedIds": [named]})
        assert note["mentionedIds"] == [named]
        watched = await requester.post(f"{path}:watch", version=(await requester.get(path))["etag"])
        assert watched["watcherIds"] == [named, incident["requesterId"]]
        refused = await requester.send("POST", f"{path}:watch", {"userIds": [named]}, version=watched["etag"])
        assert refused.status_code == 422
        left = await requester.post(f"{path}:unwatch", version=watched["etag"])
        assert left["watcherIds"] == [named]
        seen = [entry["type"].rpartition(".")[2] for entry in (await agent.get(f"{path}/timeline"))["entries"]]
        assert seen == ["IncidentWatched", "IncidentWatched", "NoteAdded", "IncidentWatched", "IncidentOpened"]

        def told() -> list[str]:
            titles = [browser.read(sent.body)["title"] for sent in service.seen]
            return [title for title in titles if title.startswith(f"[{number}]")]

        await eventually(told, within=SECONDS)
        resolved = {"resolutionCode": "fixed", "resolution": "It was locked."}
        await agent.post(f"{path}:resolve", resolved, version=left["etag"])
        await eventually(lambda: len(told()) >= 2, within=SECONDS)
        await gone(manager, f"pushSubscriptions/{kept['id']}")
    assert told()[0] == f"[{number}] You are named: The door does not open"
    assert len(told()) == 2


async def test_views_macros_replies_templates_and_time_through_a_morning(
    agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    mark = uuid4().hex[:12]
    template = await manager.post(
        "ticketTemplates", {"name": mark, "title": f"Mail {mark}", "category": mark, "urgency": "HIGH"}
    )
    view = await manager.post(
        "views",
        {"name": mark, "resource": "incidents", "filter": f'category = "{mark}"', "columns": ["number", "title"]},
    )
    first = await requester.post(f"ticketTemplates/{template['id']}:use", {"title": "Mine"})
    second = await agent.post(f"ticketTemplates/{template['id']}:use")
    assert (first["title"], second["title"], second["category"]) == ("Mine", f"Mail {mark}", mark)
    assert await manager.get(f"views/{view['id']}:count") == {"id": view["id"], "value": 2, "capped": False}
    assert (await agent.send("GET", f"views/{view['id']}")).status_code == 404
    assert (await agent.get("views:counts", ids=view["id"]))["counts"] == []
    view = await manager.post(f"views/{view['id']}:publish", version=view["etag"])
    assert [each["value"] for each in (await agent.get("views:counts", ids=view["id"]))["counts"]] == [2]
    denied = await agent.send("PATCH", f"views/{view['id']}", {"name": "mine"}, version=view["etag"])
    assert denied.status_code == 403
    wrong = await agent.send("POST", "views", {"name": "x", "resource": "incidents", "filter": "nonsense = 1"})
    assert wrong.status_code == 422
    facets = await agent.get(
        "incidents:facets", filter=f'category = "{mark}"', fields="state,priority,teamId,assigneeId,category"
    )
    assert facets["facets"]["category"]["values"] == [{"value": mark, "count": 2}]

    key = second["id"]
    steps = [
        {"kind": "ASSIGN", "teamId": "team_mail", "assigneeId": "me"},
        {"kind": "START"},
        {"kind": "NOTE", "text": "We look at {{incident.number}}.", "public": True},
    ]
    macro = await agent.post("macros", {"name": mark, "steps": steps})
    preview = await agent.post(f"macros/{macro['id']}:preview", {"incidentId": key})
    assert {each["field"] for each in preview["changes"]} == {"state", "teamId", "assigneeId"}
    assert preview["notes"] == [f"We look at {second['number']}."]
    assert (await agent.get(f"incidents/{key}"))["etag"] == second["etag"]
    run = await agent.post(f"macros/{macro['id']}:apply", {"incidentId": key, "incidentEtag": second["etag"]})
    assert (await agent.get(f"incidents/{key}"))["state"] == "IN_PROGRESS"
    assert run["stays"]
    again = await agent.send("POST", f"macros/{macro['id']}:apply", {"incidentId": key})
    assert again.status_code == 409
    assert len((await agent.get(f"incidents/{key}/notes"))["notes"]) == 1
    assert (await requester.send("POST", f"macros/{macro['id']}:apply", {"incidentId": first["id"]})).status_code == 403

    easier = await agent.post("macros", {"name": mark, "steps": [{"kind": "UPDATE", "urgency": "LOW"}]})
    run = await agent.post(f"macros/{easier['id']}:apply", {"incidentId": key})
    assert (await agent.get(f"incidents/{key}"))["urgency"] == "LOW"
    assert (await agent.post(f"macroRuns/{run['id']}:undo"))["undone"] is True
    assert (await agent.get(f"incidents/{key}"))["urgency"] == "HIGH"
    assert (await agent.send("POST", f"macroRuns/{run['id']}:undo")).status_code == 409

    reply = await agent.post("cannedReplies", {"name": mark, "text": "{{incident.number}}: {{incident.state}}"})
    rendered = await agent.get(f"cannedReplies/{reply['id']}:render", incidentId=key)
    assert rendered["text"] == f"{second['number']}: IN_PROGRESS"

    rate = {"amount": "60", "currency": "EUR"}
    await agent.post("timeEntries", {"about": f"incidents/{key}", "duration": "1500s", "rate": rate})
    await manager.post("timeEntries", {"about": f"incidents/{second['number']}", "duration": "600s"})
    total = await agent.get("timeEntries:sum", about=f"incidents/{key}")
    assert total == {"duration": "2100s", "costs": [{"amount": "25.00", "currency": "EUR"}], "count": 2}
    assert (await agent.send("POST", "timeEntries", {"about": f"incidents/{key}", "duration": "0s"})).status_code == 422
    for path in (f"views/{view['id']}", f"ticketTemplates/{template['id']}"):
        await gone(manager, path)
        assert (await manager.send("GET", path)).status_code == 404


async def closing_in_a_minute(manager: Gateway, mark: str) -> str:
    """What closes the resolved after a business day, of a calendar that is open now and whose days have a minute."""
    today = datetime.now(UTC).date()
    calendar = await manager.post(
        "calendars",
        {
            "name": mark,
            "zone": "UTC",
            "windows": [{"weekday": "MONDAY", "start": "12:00", "end": "12:01"}],
            "holidays": [
                {"date": str(today + timedelta(days=day)), "name": "open", "hours": [{"start": "00:00", "end": "24:00"}]}
                for day in range(2)
            ],
        },
    )
    policy = await manager.post(
        "followUpPolicies", {"name": mark, "stage": "RESOLVED", "closeAfterDays": 1, "calendarId": calendar["id"]}
    )
    return f"followUpPolicies/{policy['id']}"


async def test_what_recurs_is_opened_and_what_is_resolved_is_closed_once_though_the_service_dies(
    breakable: Breakable, agent: Gateway, manager: Gateway
) -> None:
    mark = uuid4().hex[:12]
    template = await manager.post("ticketTemplates", {"name": mark, "title": "Check the backups", "category": mark})
    said = {"rule": "FREQ=DAILY;COUNT=2", "start": "2035-01-31T08:30", "zone": "Europe/Berlin"}
    shown = (await manager.post("recurringTickets:preview", said))["times"]
    assert shown == ["2035-01-31T07:30:00Z", "2035-02-01T07:30:00Z"]
    assert (await manager.send("POST", "recurringTickets:preview", said | {"rule": "FREQ=SECONDLY"})).status_code == 422
    body = said | {"name": mark, "templateId": template["id"], "zone": "UTC"}
    assert (await agent.send("POST", "recurringTickets", body)).status_code == 403
    made = await closing_in_a_minute(manager, mark)
    try:
        done = await agent.post("incidents", {"title": "The tape was full"})
        path = f"incidents/{done['id']}"
        resolved = {"resolutionCode": "fixed", "resolution": "Another tape."}
        assert (await agent.post(f"{path}:resolve", resolved, version=done["etag"]))["state"] == "RESOLVED"
        start = (datetime.now(UTC) + timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S")
        ticket = await manager.post("recurringTickets", body | {"start": start})
        assert ticket["nextTime"].startswith(start)
        breakable.stack.process("incident").kill()
        await breakable.stack.restart("incident")
        opened = await until(manager, f"recurringTickets/{ticket['id']}", lambda found: found["count"] == 1)
        assert opened["nextTime"][:10] > start[:10]
        breakable.stack.process("incident").kill()
        await breakable.stack.restart("incident")
        found = (await agent.get("incidents", filter=f'category = "{mark}"'))["incidents"]
        assert [each["id"] for each in found] == [opened["lastIncidentId"]]
        await gone(manager, f"recurringTickets/{ticket['id']}")
        await until(agent, path, lambda found: found["state"] == "CLOSED")
        entries = (await agent.get(f"{path}/timeline"))["entries"]
        (closed,) = [entry for entry in entries if entry["type"].endswith(".IncidentClosed")]
        (before,) = [entry for entry in entries if entry["type"].endswith(".IncidentResolved")]
        assert datetime.fromisoformat(closed["time"]) - datetime.fromisoformat(before["time"]) >= timedelta(minutes=1)
    finally:
        await gone(manager, made)


async def test_how_what_waits_is_followed_up_is_said_once_for_a_stage_and_by_managers(agent: Gateway, manager: Gateway) -> None:
    policy = {
        "name": "We hear nothing",
        "stage": "ON_HOLD",
        "holdReason": "SCHEDULED",
        "intervalMinutes": 60,
        "reminderCount": 2,
    }
    assert (await agent.send("POST", "followUpPolicies", policy)).status_code == 403
    assert (await manager.send("POST", "followUpPolicies", policy | {"intervalMinutes": 1})).status_code == 422
    made = await manager.post("followUpPolicies", policy)
    try:
        assert (await manager.send("POST", "followUpPolicies", policy)).status_code == 422
        assert made["id"] in {each["id"] for each in (await agent.get("followUpPolicies"))["followUpPolicies"]}
    finally:
        await gone(manager, f"followUpPolicies/{made['id']}")


async def test_who_reported_it_says_how_it_was_once_and_drafts_are_ones_own(
    agent: Gateway, manager: Gateway, requester: Gateway
) -> None:
    body = {"name": "All", "question": "How was it?", "samplingPercent": 100}
    assert (await agent.send("POST", "surveyPolicies", body)).status_code == 403
    policy = await manager.post("surveyPolicies", body)
    try:
        incident = await requester.post("incidents", {"title": "The light does not go off"})
        path = f"incidents/{incident['id']}"
        about = f"incidents/{incident['id']}"
        assert (await requester.post("drafts:keep", {"about": about, "text": "It now"}))["text"] == "It now"
        assert (await agent.get("drafts", about=about))["drafts"] == []
        assert [each["text"] for each in (await requester.get("drafts", about=about))["drafts"]] == ["It now"]
        await requester.post("drafts:drop", {"about": about})
        assert (await requester.get("drafts", about=about))["drafts"] == []
        resolved = {"resolutionCode": "fixed", "resolution": "A new switch."}
        etag = (await agent.post(f"{path}:resolve", resolved, version=incident["etag"]))["etag"]
        await agent.post(f"{path}:close", version=etag)
        found = await until(requester, "surveys", lambda found: found["surveys"], filter=f'about = "{about}"')
        (survey,) = found["surveys"]
        assert (survey["state"], survey["question"]) == ("SENT", "How was it?")
        answer = f"surveys/{survey['id']}:answer"
        assert (await agent.send("POST", answer, {"score": 5})).status_code == 403
        assert (await requester.send("POST", answer, {"score": 9})).status_code == 422
        said = await requester.post(answer, {"score": 4, "comment": "Quick."})
        assert (said["state"], said["score"]) == ("ANSWERED", 4)
        assert (await requester.send("POST", answer, {"score": 1})).status_code == 409
    finally:
        await gone(manager, f"surveyPolicies/{policy['id']}")


async def test_a_policy_is_tried_on_what_is_past_by_who_sets_policies_and_nothing_comes_of_it(
    agent: Gateway, manager: Gateway
) -> None:
    category = f"tried-{uuid4().hex}"
    target = {"priority": "P5", "kind": "RESOLVE", "amount": 1, "unit": "BUSINESS_MINUTES"}
    wanted = {"name": category, "categories": [category], "targets": [target], "active": False}
    policy = await manager.post("slaPolicies", wanted)
    incident = await agent.post("incidents", {"title": "quick", "category": category, "impact": "LOW", "urgency": "LOW"})
    done = await agent.post(f"incidents/{incident['id']}:resolve", {"resolutionCode": "fixed", "resolution": "at once"})
    path = f"slaPolicies/{policy['id']}:replay"
    found = await manager.get(path)
    assert found["matched"] == 1
    sums = {each["kind"]: (each["count"], each["missed"], each["wouldBeMissed"]) for each in found["sums"]}
    assert sums == {"RESPONSE": (0, 0, 0), "RESOLVE": (1, 0, 0)}
    assert (await manager.get(f"incidents/{incident['id']}"))["etag"] == done["etag"]
    assert (await agent.send("GET", path)).status_code == 403
    backwards = f"{path}?startTime=2026-05-02T00:00:00Z&endTime=2026-05-01T00:00:00Z"
    assert (await manager.send("GET", backwards)).status_code == 422
