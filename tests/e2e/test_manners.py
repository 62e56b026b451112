"""How the API behaves beyond single requests: by two gateways, under races, in batches, within limits, and for trials."""

import asyncio
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.gateways import balancer, gateway
from tests.support.universal import watched

PLAIN = {"connection": "close"}  # so that each request goes to the next gateway


def opened(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "impact": "MEDIUM", "urgency": "LOW", **more}


async def test_a_key_counts_once_whichever_of_two_gateways_is_asked(
    stack: dict[str, Any], backing: dict[str, Any], agent: Gateway
) -> None:
    token, key, run = stack["users"]["agent"]["token"], uuid.uuid4().hex, uuid.uuid4().hex
    async with gateway(backing) as second, balancer([stack["gateway"], second]) as url, Gateway(url, token) as both:
        answers = await asyncio.gather(
            *(both.send("POST", "incidents", opened("once", category=run), key=key, **PLAIN) for _ in range(12))
        )
        again = await both.send("POST", "incidents", opened("once", category=run), key=key, **PLAIN)
        other = await both.send("POST", "incidents", opened("another", category=run), key=key, **PLAIN)
        made = [answer for answer in answers if answer.status_code == httpx.codes.CREATED]
        # Who came while the first was under way got its answer, or was told that two met.
        assert {answer.status_code for answer in answers} <= {201, 409, 503}
        assert {answer.json()["id"] for answer in [*made, again]} == {again.json()["id"]}
        assert again.headers["idempotency-replayed"] == "true"
        assert (other.status_code, other.json()["type"]) == (422, "urn:itsm:problem:idempotency-mismatch")
        assert (await agent.get("incidents:count", filter=f'category = "{run}"'))["value"] == 1

        # Of two writers with one version one is first, and the other is told the present one.
        path, version = f"incidents/{again.json()['id']}", again.json()["etag"]
        races = await asyncio.gather(
            *(both.send("PATCH", path, {"title": f"by {n}"}, version=version, **PLAIN) for n in range(6))
        )
        assert Counter(answer.status_code for answer in races) == {200: 1, 412: 5}
        winner = next(answer.json() for answer in races if answer.status_code == httpx.codes.OK)
        assert (await both.get(path))["title"] == winner["title"]
        assert {answer.headers["etag"] for answer in races} == {f'"{winner["etag"]}"'}
        assert (await both.send("PATCH", path, {"title": "no version"}, **PLAIN)).status_code == 428


@pytest.mark.timeout(900)
async def test_a_walk_through_pages_meets_each_record_once_while_others_come(agent: Gateway, soak: bool) -> None:
    run, count, size = uuid.uuid4().hex, 10_000 if soak else 120, 200 if soak else 25
    before: set[str] = set()
    for begin in range(0, count, 400):
        there = [{"method": "POST", "body": opened(f"there {n}", category=run)} for n in range(begin, min(begin + 400, count))]
        headers = {"idempotency-key": f"{run}-{begin}"}
        answer = await agent.http.post("/api/v1/incidents:batch", json={"operations": there}, headers=headers, timeout=120)
        before |= {result["body"]["id"] for result in answer.json()["results"]}
    assert len(before) == count
    seen: list[str] = []
    token, wanted = "", f'category = "{run}"'
    while True:
        page = await agent.get(
            "incidents", filter=wanted, pageSize=size, fields="id", **({"pageToken": token} if token else {})
        )
        seen += [record["id"] for record in page["incidents"]]
        if not (token := page["nextPageToken"]):
            break
        await agent.post("incidents", opened("came meanwhile", category=run))
        altered = await agent.send("GET", f"incidents?filter={wanted}&pageSize={size}&pageToken={token[:-2]}xx")
        assert altered.status_code == 400
    assert before <= set(seen)
    assert max(Counter(seen).values()) == 1


async def test_a_batch_tells_of_each_operation_and_can_be_sent_again(stack: dict[str, Any], agent: Gateway) -> None:
    run = uuid.uuid4().hex
    first = await agent.post("incidents", opened("to change", category=run))
    operations = [
        {"method": "POST", "body": opened("made", category=run)},
        {"method": "PATCH", "path": first["id"], "ifMatch": first["etag"], "body": {"title": "changed"}},
        {"method": "PATCH", "path": first["id"], "ifMatch": first["etag"], "body": {"title": "stale"}},
        {"method": "POST", "path": "inc_nothing:close"},
        {"method": "POST", "body": {"title": 7}},
        {"method": "DELETE", "path": "inc_nothing/never"},
    ]
    headers = {"idempotency-key": run}
    async with watched(stack, agent) as watch:
        tried = watch.saw(
            await agent.http.post("/api/v1/incidents:batch?dryRun=true", json={"operations": operations}, headers=headers)
        )
        assert (await agent.get("incidents:count", filter=f'category = "{run}"'))["value"] == 1
        answer = watch.saw(await agent.http.post("/api/v1/incidents:batch", json={"operations": operations}, headers=headers))
        again = watch.saw(await agent.http.post("/api/v1/incidents:batch", json={"operations": operations}, headers=headers))
        too_many = watch.saw(
            await agent.http.post("/api/v1/incidents:batch", json={"operations": operations[:1] * 501}, headers=headers)
        )
        without = watch.saw(await agent.http.post("/api/v1/incidents:batch", json={"operations": operations}))
    assert tried.json()["results"][0]["status"] == 200
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == [201, 200, 412, 404, 422, 404]
    assert again.json()["results"][0]["body"]["id"] == answer.json()["results"][0]["body"]["id"]
    assert again.json()["results"][0]["replayed"] is True
    assert (too_many.status_code, without.status_code) == (413, 400)
    assert (await agent.get("incidents:count", filter=f'category = "{run}"'))["value"] == 2


async def test_records_come_many_at_once_and_are_counted_by_value(agent: Gateway) -> None:
    run = uuid.uuid4().hex
    made = [await agent.post("incidents", opened("counted", category=run, impact=impact)) for impact in ("HIGH", "LOW", "LOW")]
    ids = [record["id"] for record in made]
    many = await agent.get("incidents:batchGet", ids=",".join([ids[2], "inc_nothing", ids[0]]), fields="id,impact")
    assert many == {
        "incidents": [{"id": ids[2], "impact": "LOW"}, {"id": ids[0], "impact": "HIGH"}],
        "missing": ["inc_nothing"],
    }
    counted = await agent.get("incidents:facets", fields="impact,state,clocks.kind,assigneeId", filter=f'category = "{run}"')
    assert counted["capped"] is False
    values = {name: {each["value"]: each["count"] for each in facet["values"]} for name, facet in counted["facets"].items()}
    assert values["impact"] == {"LOW": 2, "HIGH": 1}
    assert sum(values["state"].values()) == 3
    assert all(count <= 3 for count in values["clocks.kind"].values())
    for wrong in ("title", "nothing", "createTime", "$where"):
        answer = await agent.send("GET", f"incidents:facets?fields={wrong}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fields")


async def test_who_sees_some_records_counts_only_those(stack: dict[str, Any], agent: Gateway) -> None:
    run = uuid.uuid4().hex
    await agent.post("incidents", opened("not for requesters", category=run))
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        counted = await requester.get("incidents:facets", fields="category", filter=f'category = "{run}"')
    assert counted == {"facets": {"category": {"values": [], "more": False}}, "capped": False}


async def test_a_trial_shows_what_would_be_and_leaves_everything_as_it_is(agent: Gateway) -> None:
    run, key = uuid.uuid4().hex, uuid.uuid4().hex
    tried = await agent.send("POST", "incidents?dryRun=true", opened("tried", category=run), key=key)
    assert (tried.status_code, tried.headers["dry-run"], tried.json()["title"]) == (200, "true", "tried")
    assert (await agent.get("incidents:count", filter=f'category = "{run}"'))["value"] == 0
    made = await agent.send("POST", "incidents", opened("done", category=run), key=key)  # the key was not used up
    assert made.status_code == 201
    path = f"incidents/{made.json()['id']}"
    changed = await agent.send("PATCH", f"{path}?dryRun=true", {"title": "never"}, version=made.json()["etag"])
    stale = await agent.send("PATCH", f"{path}?dryRun=true", {"title": "never"}, version="99")
    wrong = await agent.send("POST", "incidents?dryRun=true", {"title": ""})
    assert (changed.status_code, changed.json()["title"]) == (200, "never")
    assert (stale.status_code, wrong.status_code) == (412, 422)
    assert (await agent.get(path))["title"] == "done"


async def test_limits_are_told_kept_and_never_met_by_who_minds_them(stack: dict[str, Any], backing: dict[str, Any]) -> None:
    limits = {"ITSM_RATE_PRINCIPAL": "60", "ITSM_RATE_SIGN_IN": "5"}
    async with gateway(backing, **limits) as url, Gateway(url, stack["users"]["viewer"]["token"]) as caller:
        answers = [await caller.send("GET", "incidents/INC9999999") for _ in range(70)]
        refused = [answer for answer in answers if answer.status_code == httpx.codes.TOO_MANY_REQUESTS]
        assert refused
        problem = refused[0]
        assert problem.json()["type"] == "urn:itsm:problem:rate-limited"
        assert 1 <= int(problem.headers["retry-after"]) <= 60
        assert problem.headers["ratelimit-policy"] == '"default";q=60;w=60'
        assert problem.headers["ratelimit"].startswith('"default";r=0;t=')
        # Another principal has a bucket of its own, and who waits as told is let in again.
        async with Gateway(url, stack["users"]["analyst"]["token"]) as other:
            assert "r=5" in (await other.send("GET", "incidents")).headers["ratelimit"]
        await asyncio.sleep(int(problem.headers["retry-after"]))
        assert (await caller.send("GET", "incidents/INC9999999")).status_code == 404
        doors = [await caller.http.get("/auth/login") for _ in range(8)]
        assert httpx.codes.TOO_MANY_REQUESTS in {answer.status_code for answer in doors}
        assert "retry-after" in doors[-1].headers


async def test_what_can_wait_is_put_off_when_there_is_too_much_to_do(stack: dict[str, Any], backing: dict[str, Any]) -> None:
    async with gateway(backing, ITSM_MAX_IN_FLIGHT="2") as url, Gateway(url, stack["users"]["agent"]["token"]) as caller:
        answers = await asyncio.gather(*(caller.send("GET", "incidents?pageSize=200") for _ in range(40)))
        put_off = [answer for answer in answers if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE]
        assert put_off
        assert {answer.json()["type"] for answer in put_off} == {"urn:itsm:problem:overloaded"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in put_off)
        assert any(answer.status_code == httpx.codes.OK for answer in answers)
        assert (await caller.send("GET", "incidents?pageSize=1")).status_code == httpx.codes.OK


@pytest.mark.parametrize("path", ["/", "/api/v1/incidents", "/api/v1/nothing", "/auth/me"])
async def test_answers_carry_safe_headers_and_no_other_origin_is_let_in(agent: Gateway, path: str) -> None:
    for origin in ("https://evil.example", "null", ""):
        answer = await agent.http.get(path, headers={"origin": origin} if origin else {})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
    asked = await agent.http.options(path, headers={"origin": "https://evil.example", "access-control-request-method": "GET"})
    assert "access-control-allow-origin" not in asked.headers


async def test_answers_are_packed_and_timed(agent: Gateway) -> None:
    answer = await agent.http.get("/api/v1/incidents", params={"pageSize": 50}, headers={"accept-encoding": "gzip"})
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["server-timing"].startswith("gateway;dur=")
