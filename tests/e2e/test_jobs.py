"""Jobs on the running platform: many records changed and changed back, refusals told one by one, a death in between."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
import pytest
from itsm.gateway import v1 as pb

from tests.support.callers import Callers
from tests.support.events import listening
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.rpcs import rpcs
from tests.support.universal import watched

SOON = 180.0  # also where a lease must first move from a process that died
MANY = 200


async def reported(agent: Gateway, count: int = MANY) -> tuple[str, list[str]]:
    """So many new incidents of a category of their own, and their ids."""
    category = f"job-{uuid4().hex[:8]}"
    todo = [{"method": "POST", "body": {"title": f"line {at}", "category": category}} for at in range(count)]
    key = {"idempotency-key": uuid4().hex}
    answer = await agent.http.post("/api/v1/incidents:batch", json={"operations": todo}, headers=key, timeout=SOON)
    results = answer.json()["results"]
    assert Counter(each["status"] for each in results) == {201: count}
    return category, [each["body"]["id"] for each in results]


async def ended(gateway: Gateway, job: dict[str, Any]) -> dict[str, Any]:
    """A job when it has ended."""
    async with asyncio.timeout(SOON):
        while True:
            found: dict[str, Any] = await gateway.get(f"jobs/{job['id']}")
            if found["state"] not in ("PENDING", "RUNNING"):
                return found
            await asyncio.sleep(0.2)


async def items(gateway: Gateway, job: dict[str, Any], filter_: str = "") -> dict[str, dict[str, Any]]:
    """What became of each record."""
    return {each["id"]: each async for each in gateway.pages(f"jobs/{job['id']}/items", "items", filter=filter_)}


async def incidents(gateway: Gateway, category: str) -> dict[str, dict[str, Any]]:
    """The incidents of a category, by id."""
    return {each["id"]: each async for each in gateway.pages("incidents", "incidents", filter=f'category = "{category}"')}


def update(title: str, **which: Any) -> dict[str, Any]:
    """The wish to give incidents a title."""
    return {"kind": "BULK", "resource": "incidents", "action": "update", "parameters": {"title": title}, **which}


async def test_all_that_match_are_changed_and_changed_back_but_for_what_others_touched(agent: Gateway) -> None:
    category, ids = await reported(agent)
    await agent.post(f"incidents/{ids[0]}:cancel", {"reason": "duplicate"})
    selected = await agent.post("incidents:select", {"filter": f'category = "{category}"'})
    assert (selected["count"], selected["capped"]) == (MANY, False)
    key = uuid4().hex
    job = await agent.post("jobs", update("all of them", selection=selected["selection"]), key=key)
    assert (await agent.post("jobs", update("all of them", selection=selected["selection"]), key=key))["id"] == job["id"]
    late = await agent.post("incidents", {"title": "too late", "category": category})
    found = await ended(agent, job)
    assert (found["state"], found["progress"]) == ("SUCCEEDED", {"done": MANY, "total": MANY, "failed": 1})
    refused = await items(agent, job, "state = REFUSED")
    assert {each: row["problem"]["status"] for each, row in refused.items()} == {ids[0]: 409}
    titles = {each: record["title"] for each, record in (await incidents(agent, category)).items()}
    assert titles == {**dict.fromkeys(ids, "all of them"), ids[0]: "line 0", late["id"]: "too late"}
    touched = await agent.get(f"incidents/{ids[1]}")
    await agent.send("PATCH", f"incidents/{ids[1]}", {"title": "mine"}, version=touched["etag"])
    back = await agent.post(f"jobs/{job['id']}:undo")
    assert (await ended(agent, back))["progress"] == {"done": MANY - 1, "total": MANY - 1, "failed": 1}
    titles = {each: record["title"] for each, record in (await incidents(agent, category)).items()}
    before = {each: f"line {at}" for at, each in enumerate(ids)}
    assert titles == {**before, ids[1]: "mine", late["id"]: "too late"}
    timeline = await agent.get(f"incidents/{ids[2]}/timeline")
    assert len([entry for entry in timeline["entries"] if entry["type"].endswith("IncidentUpdated")]) == 2
    again = await agent.send("POST", f"jobs/{job['id']}:undo", {})
    assert (again.status_code, back["id"] in again.json()["detail"]) == (409, True)


async def test_jobs_end_when_nobody_wants_them_or_their_token_is_no_longer_good(agent: Gateway) -> None:
    _, ids = await reported(agent)
    made = await agent.post("tokens", {"name": "for one job"})
    async with Gateway(agent.url, made["secret"]) as beside:
        first, second = [await agent.post("jobs", update(name, ids=ids)) for name in ("first", "second")]
        # Two of a tenant are done at once: this one waits.
        third = await beside.post("jobs", update("third", ids=ids))
    token = made["token"]
    assert (await agent.send("DELETE", f"tokens/{token['id']}", version=token["etag"])).status_code == 200
    for job in (first, second):
        await agent.post(f"jobs/{job['id']}:cancel")
    for job in (first, second):
        found, report = await ended(agent, job), await items(agent, job)
        assert found["state"] == "CANCELLED"
        states = Counter(row["state"] for row in report.values())
        assert states["DONE"] + states["REFUSED"] == found["progress"]["done"] < MANY
    over = await ended(agent, third)
    assert (over["state"], over["progress"]["done"]) == ("FAILED", 0)
    assert "has ended" in over["reason"]
    assert (await agent.send("POST", f"jobs/{third['id']}:cancel", {})).status_code == 409


async def test_what_cannot_be_done_is_refused_at_once_and_a_job_is_seen_by_its_maker_alone(
    stack: dict[str, Any], agent: Gateway, keeper: Gateway
) -> None:
    category, (one,) = await reported(agent, 1)
    selection = (await agent.post("incidents:select", {"filter": f'category = "{category}"'}))["selection"]
    job = await agent.post("jobs", update("once", ids=[one]))
    await ended(agent, job)
    async with Gateway(agent.url, stack["users"]["viewer"]["token"]) as viewer, watched(stack, viewer) as watch:

        async def refused(by: Gateway, wish: dict[str, Any]) -> tuple[int, Sequence[str]]:
            answer = watch.saw(await by.send("POST", "jobs", wish))
            return answer.status_code, [each["pointer"] for each in answer.json()["errors"]]

        assert await refused(viewer, update("x", ids=[one])) == (403, [])
        assert await refused(agent, update("x", ids=[one]) | {"action": "explode"}) == (422, ["/action"])
        assert await refused(agent, update("x", ids=[one]) | {"parameters": {"titel": 1}}) == (422, ["/parameters/titel"])
        assert await refused(keeper, update("x", selection=selection)) == (422, ["/selection"])
        assert await refused(agent, update("x", selection=selection[:-3] + "AAA")) == (422, ["/selection"])
        for path in (f"jobs/{job['id']}", f"jobs/{job['id']}/items", f"jobs/{job['id']}/result"):
            assert watch.saw(await viewer.send("GET", path)).status_code == 404
        for verb in ("cancel", "undo"):
            assert watch.saw(await viewer.send("POST", f"jobs/{job['id']}:{verb}", {})).status_code == 404
        assert watch.saw(await viewer.send("POST", "incidents:select", {"filter": "nonsense = 1"})).status_code == 422
    assert (await keeper.get(f"jobs/{job['id']}"))["creatorId"] == job["creatorId"]
    called = {rpc.method.path.rpartition("/")[2]: rpc for rpc in rpcs() if rpc.service == "itsm.gateway.v1.JobService"}
    callers = Callers(stack)
    try:
        stranger = await callers.person("admin", "elsewhere")
        for name, request in {
            "GetJob": pb.GetJobRequest(id=job["id"]),
            "ListJobItems": pb.ListJobItemsRequest(job_id=job["id"]),
            "UndoJob": pb.UndoJobRequest(id=job["id"]),
            "ReadJobResult": pb.ReadJobResultRequest(id=job["id"]),
        }.items():
            assert (await callers.call(called[name], request, stranger)).code is grpc.StatusCode.NOT_FOUND, name
    finally:
        await callers.close()


async def test_a_list_becomes_a_file_that_its_maker_fetches_and_hears_of(stack: dict[str, Any], agent: Gateway) -> None:
    category, ids = await reported(agent, 3)
    wish = {"kind": "EXPORT", "resource": "incidents", "filter": f'category = "{category}"', "fields": ["id", "title"]}
    token = stack["users"]["agent"]["token"]
    async with listening(stack["gateway"], token, topics="jobs") as events:
        job = await agent.post("jobs", wish | {"orderBy": "createTime"})
        told: list[str] = []
        while "JobFinished" not in told:
            event = await events.next(SOON)
            assert event is not None
            if event[1].get("subject") == f"jobs/{job['id']}":
                told.append(event[1]["type"].rpartition(".")[2])
    assert (told[:2], told[-1]) == (["JobCreated", "JobStarted"], "JobFinished")
    found = await ended(agent, job)
    assert (found["state"], found["progress"]) == ("SUCCEEDED", {"done": 3, "total": 3, "failed": 0})
    answer = await agent.http.get(f"/api/v1/jobs/{job['id']}/result")
    # They were reported at once: which of them is the oldest is for the clock to say.
    assert sorted(row["id"] for row in csv.DictReader(io.StringIO(answer.text))) == sorted(ids)
    assert found["result"]["fileName"] in answer.headers["content-disposition"]
    async with Gateway(agent.url) as nobody:
        assert (await nobody.send("GET", f"jobs/{job['id']}/result")).status_code == 401


@pytest.mark.timeout(400)
async def test_a_death_in_the_middle_leaves_nothing_out_and_does_nothing_twice(breakable: Breakable, agent: Gateway) -> None:
    category, ids = await reported(agent, 60)
    breakable.order({"gateway/S17": {"action": "kill", "at": 20}})
    job = await agent.post("jobs", update("once", ids=ids))
    await eventually(lambda: not breakable.alive("gateway"), within=SOON)
    await breakable.heal()
    assert (await ended(agent, job))["progress"] == {"done": 60, "total": 60, "failed": 0}
    found = await incidents(agent, category)
    assert {each: (record["title"], record["etag"]) for each, record in found.items()} == dict.fromkeys(ids, ("once", "2"))
