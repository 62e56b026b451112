"""Relations, impact and the drawn graph through REST; what an incident takes down is worked out when it is opened."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway

WITHIN = 60.0  # seconds that a busy machine may take for what takes one
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who manages assets."""
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as gateway:
        yield gateway


async def made(manager: Gateway, name: str, **fields: Any) -> dict[str, Any]:
    asset: dict[str, Any] = await manager.post("assets", {"name": f"{name} {uuid4().hex[:8]}", "class": "server"} | fields)
    return asset


async def serve(manager: Gateway, provider: dict[str, Any], consumer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"providerId": provider["id"], "consumerId": consumer["id"], "kind": "USES"} | fields
    relation: dict[str, Any] = await manager.post("relations", body)
    return relation


async def shop(manager: Gateway) -> dict[str, dict[str, Any]]:
    """A shop that needs one of two nodes on one host, and a database."""
    found = {name: await made(manager, name) for name in ("host", "node-1", "node-2", "db")}
    nodes = [{"group": "nodes", "minimumCount": 1}]
    found["shop"] = await made(manager, "shop", **{"class": "business_service", "criticality": "CRITICAL", "redundancy": nodes})
    for node in ("node-1", "node-2"):
        await serve(manager, found["host"], found[node], kind="HOSTS")
        await serve(manager, found[node], found["shop"], kind="MEMBER_OF", group="nodes")
    await serve(manager, found["db"], found["shop"])
    return found


async def test_impact_says_what_falls_why_and_what_is_at_risk(manager: Gateway) -> None:
    found = await shop(manager)
    one = await manager.get(f"assets/{found['node-1']['id']}:impact")
    assert (one["failedCount"], one["atRiskCount"], one["serviceIds"], one["cut"]) == (1, 1, [], False)
    assert (one["hits"][1]["assetId"], one["hits"][1]["state"], one["hits"][1]["margin"]) == (found["shop"]["id"], "AT_RISK", 0)
    both = await manager.get(f"assets/{found['node-1']['id']}:impact", failed=found["node-2"]["id"])
    assert (both["failedCount"], both["serviceIds"], both["criticality"]) == (3, [found["shop"]["id"]], "CRITICAL")
    host = await manager.get(f"assets/{found['host']['id']}:impact")
    last = host["hits"][-1]
    assert (last["assetId"], last["group"], last["distance"]) == (found["shop"]["id"], "nodes", 2)
    assert (last["path"][0], last["path"][-1], len(last["path"])) == (found["host"]["id"], found["shop"]["id"], 3)
    near = await manager.get(f"assets/{found['host']['id']}:impact", depth=1)
    assert (near["failedCount"], near["cut"], [hit["cut"] for hit in near["hits"]]) == (3, True, [False, True, True])
    upwards = await manager.get(f"assets/{found['shop']['id']}:impact", direction="UP")
    alone = {hit["assetId"] for hit in upwards["hits"] if hit["state"] == "FAILED"}
    assert alone == {found[name]["id"] for name in ("shop", "db", "host")}


async def test_pages_of_an_impact_add_up(manager: Gateway) -> None:
    found = await shop(manager)
    path = f"assets/{found['host']['id']}:impact"
    first = await manager.get(path, pageSize=3)
    rest = await manager.get(path, pageSize=3, pageToken=first["nextPageToken"])
    whole = await manager.get(path)
    assert [*first["hits"], *rest["hits"]] == whole["hits"]
    assert (rest["nextPageToken"], whole["graphVersion"]) == ("", first["graphVersion"])


async def test_the_graph_of_an_asset_is_laid_out_and_folds_what_is_alike(manager: Gateway) -> None:
    found = await shop(manager)
    drawn = await manager.get(f"assets/{found['shop']['id']}:graph", depth=3)
    assert {node["id"]: node["layer"] for node in drawn["nodes"]} == {
        found[name]["id"]: layer for name, layer in (("shop", 0), ("node-1", -1), ("node-2", -1), ("db", -1), ("host", -2))
    }
    assert len({(node["x"], node["y"]) for node in drawn["nodes"]}) == 5
    assert len(drawn["edges"]) == 5
    folded = await manager.get(f"assets/{found['shop']['id']}:graph", depth=1, fold=2)
    ((group,), (only,)) = folded["groups"], folded["nodes"]
    assert (group["count"], group["parentId"], group["class"], only["hiddenCount"]) == (3, only["id"], "server", 0)


async def test_a_relation_is_made_regrouped_and_removed_by_its_version(manager: Gateway) -> None:
    db, app = await made(manager, "db"), await made(manager, "app")
    body = {"providerId": db["id"], "consumerId": app["id"], "kind": "RUNS_ON"}
    response = await manager.send("POST", "relations", body)
    assert response.status_code == httpx.codes.CREATED
    relation = response.json()
    path = f"relations/{relation['id']}"
    assert response.headers["location"].endswith(path)
    changed = await manager.send("PATCH", path, {"group": "power"}, version=relation["etag"])
    assert (changed.status_code, changed.json()["group"], changed.json()["etag"]) == (200, "power", "2")
    listed = await manager.get("relations", filter=f'consumerId = "{app["id"]}"')
    assert [each["id"] for each in listed["relations"]] == [relation["id"]]
    unversioned, stale = await manager.send("DELETE", path), await manager.send("DELETE", path, version="1")
    assert (unversioned.status_code, stale.status_code) == (428, 412)
    assert (await manager.send("DELETE", path, version="2")).status_code == httpx.codes.OK
    assert (await manager.send("GET", path)).status_code == httpx.codes.NOT_FOUND
    assert (await manager.get(f"assets/{db['id']}:impact"))["failedCount"] == 1


async def test_a_repeated_key_makes_one_relation(manager: Gateway) -> None:
    db, app = await made(manager, "db"), await made(manager, "app")
    body, key = {"providerId": db["id"], "consumerId": app["id"], "kind": "USES"}, uuid4().hex
    answers = [await manager.post("relations", body, key=key) for _ in range(2)]
    assert answers[0] == answers[1]


async def test_what_makes_no_sense_is_refused(manager: Gateway) -> None:
    db, app = await made(manager, "db"), await made(manager, "app")
    ends = {"providerId": db["id"], "consumerId": app["id"], "kind": "USES"}
    await manager.post("relations", ends)
    refused = {
        "itself": await manager.send("POST", "relations", ends | {"consumerId": db["id"]}),
        "unknown": await manager.send("POST", "relations", ends | {"consumerId": "ast_nothing"}),
        "no kind": await manager.send("POST", "relations", {name: ends[name] for name in ("providerId", "consumerId")}),
        "twice": await manager.send("POST", "relations", ends),
        "depth": await manager.send("GET", f"assets/{db['id']}:impact?depth=-1"),
        "failed": await manager.send("GET", f"assets/{db['id']}:impact?failed=ast_nothing"),
        "parameter": await manager.send("GET", f"assets/{db['id']}:impact?dept=1"),
        "drawn too far": await manager.send("GET", f"assets/{db['id']}:graph?depth=4"),
        "drawn too much": await manager.send("GET", f"assets/{db['id']}:graph?maxNodes=301"),
        "no asset": await manager.send("GET", "assets/ast_nothing:impact"),
        "no asset drawn": await manager.send("GET", "assets/ast_nothing:graph"),
    }
    statuses = {name: answer.status_code for name, answer in refused.items()}
    assert statuses == dict.fromkeys(refused, 422) | {"twice": 409, "no asset": 404, "no asset drawn": 404}
    assert {answer.headers["content-type"] for answer in refused.values()} == {PROBLEM}
    assert refused["itself"].json()["errors"][0]["pointer"] == "/consumerId"


async def test_who_may_not_is_refused(stack: dict[str, Any], manager: Gateway) -> None:
    db, app = await made(manager, "db"), await made(manager, "app")
    relation = await serve(manager, db, app)
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as viewer:
        assert (await viewer.get(f"assets/{db['id']}:impact"))["failedCount"] == 2
        body = {"providerId": app["id"], "consumerId": db["id"], "kind": "USES"}
        written = [
            await viewer.send("POST", "relations", body),
            await viewer.send("PATCH", f"relations/{relation['id']}", {"group": "x"}, version="1"),
            await viewer.send("DELETE", f"relations/{relation['id']}", version="1"),
        ]
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        asked = [
            await requester.send("GET", path)
            for path in (f"assets/{db['id']}:impact", f"assets/{db['id']}:graph", "relations", "impactAssessments")
        ]
    assert [answer.status_code for answer in (*written, *asked)] == [403] * 7
    assert (await manager.get(f"relations/{relation['id']}"))["etag"] == "1"


async def test_an_incident_is_assessed_when_it_is_opened_and_again_when_its_assets_change(
    manager: Gateway, agent: Gateway
) -> None:
    found = await shop(manager)
    opened = await agent.post("incidents", {"title": "the database is down", "assetIds": [found["db"]["id"], "ast_unknown"]})
    first = await assessed(agent, opened["id"], version=1)
    assert (first["assetIds"], first["unknownAssetIds"]) == ([found["db"]["id"], "ast_unknown"], ["ast_unknown"])
    assert (first["serviceIds"], first["criticality"]) == ([found["shop"]["id"]], "CRITICAL")
    assert (first["hitCount"], first["hitAssetIds"]) == (2, [found["db"]["id"], found["shop"]["id"]])
    while True:
        present = await agent.get(f"incidents/{opened['id']}")
        body = {"assetIds": [found["node-1"]["id"]]}
        changed = await agent.send("PATCH", f"incidents/{opened['id']}", body, version=present["etag"])
        if changed.status_code != httpx.codes.PRECONDITION_FAILED:  # what the assessment made of it may have come between
            break
    assert changed.status_code == httpx.codes.OK, changed.text
    second = await assessed(agent, opened["id"], version=2)
    assert (second["id"], second["hitCount"], second["atRiskCount"]) == (first["id"], 1, 1)
    assert (second["serviceIds"], second["criticality"]) == ([], "MEDIUM")


async def assessed(agent: Gateway, incident: str, *, version: int) -> dict[str, Any]:
    """The assessment of an incident once it has this version."""
    end = time.monotonic() + WITHIN
    while True:
        listed = (await agent.get("impactAssessments", filter=f'incidentId = "{incident}"'))["impactAssessments"]
        if listed and int(listed[0]["etag"]) >= version:
            (found,) = listed
            assert await agent.get(f"impactAssessments/{found['id']}") == found
            return dict(found)
        assert time.monotonic() < end, listed
        await asyncio.sleep(0.2)
