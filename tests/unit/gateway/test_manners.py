"""What every operation understands beside what its proto says, in front of a real gRPC server."""

import asyncio
import gzip
import zlib
from typing import Any

import httpx
import orjson
import pytest
from itsm.incident import v1 as pb

from chassis.errors import Denied, NotFound, Stale
from chassis.rpc import DRY_RUN_KEY
from services.gateway.rest.answers import Answer
from services.gateway.rest.batch import AT_ONCE, results
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.many import AT_ONCE as MANY_AT_ONCE
from services.gateway.rest.packing import pack
from services.gateway.rest.routes import declared
from tests.unit.gateway.conftest import Incidents

INCIDENTS = "/api/v1/incidents"
BATCH = f"{INCIDENTS}:batch"
KEY = {"idempotency-key": "k-1"}


async def test_an_answer_has_only_the_fields_that_were_asked_for(gateway: httpx.AsyncClient, service: Incidents) -> None:
    clock = pb.Clock(kind="RESPONSE", state="RUNNING", policy_id="slp_1")
    service.answer = pb.Incident(id="inc_1", title="Mail is down", etag="7", clocks=[clock])
    answer = await gateway.get(f"{INCIDENTS}/inc_1", params={"fields": "id,clocks.kind"})
    assert answer.json() == {"id": "inc_1", "clocks": [{"kind": "RESPONSE"}]}
    assert answer.headers["etag"] == '"7"'


async def test_fields_of_a_list_are_those_of_its_records(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.ListIncidentsResponse(incidents=[pb.Incident(id="inc_1", title="x")], next_page_token="t")
    answer = await gateway.get(INCIDENTS, params={"fields": "title"})
    assert answer.json() == {"incidents": [{"title": "x"}], "nextPageToken": "t"}
    assert "fields=title" in answer.headers["link"]


@pytest.mark.parametrize("fields", ["nothing", "title.x", "", "id,", "asset_ids", "createTime.seconds", "clocks.nothing"])
async def test_a_field_that_there_is_not_is_refused(gateway: httpx.AsyncClient, service: Incidents, fields: str) -> None:
    service.answer = pb.Incident(id="inc_1")
    answer = await gateway.get(f"{INCIDENTS}/inc_1", params={"fields": fields})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fields")
    assert service.request is None


async def test_a_trial_is_sent_on_as_such_and_makes_nothing(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer, service.trailing = pb.Incident(id="inc_1", etag="1"), ((DRY_RUN_KEY, "true"),)
    answer = await gateway.post(INCIDENTS, params={"dryRun": "true"}, json={"title": "Mail is down"})
    assert service.metadata[DRY_RUN_KEY] == "true"
    assert (answer.status_code, answer.headers["dry-run"]) == (200, "true")
    assert "location" not in answer.headers


@pytest.mark.parametrize("query", ["dryRun=maybe", "dryRun=true&dryRun=true", "dryRun="])
async def test_a_trial_is_asked_for_in_one_way(gateway: httpx.AsyncClient, service: Incidents, query: str) -> None:
    answer = await gateway.post(f"{INCIDENTS}?{query}", json={"title": "x"})
    assert (answer.status_code, service.request) == (422, None)


async def test_a_read_cannot_be_tried(gateway: httpx.AsyncClient, service: Incidents) -> None:
    assert (await gateway.get(f"{INCIDENTS}/inc_1?dryRun=true")).status_code == 422


async def test_large_answers_are_compressed_for_who_takes_that(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", description="words " * 1000)
    packed = await gateway.get(f"{INCIDENTS}/inc_1", headers={"accept-encoding": "gzip"})
    plain = await gateway.get(f"{INCIDENTS}/inc_1", headers={"accept-encoding": "gzip;q=0, identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 5
    assert packed.json() == plain.json()


async def test_small_answers_are_left_alone(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.CountIncidentsResponse()
    answer = await gateway.get(f"{INCIDENTS}:count", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_an_answer_tells_where_its_time_went(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer, service.delay = pb.Incident(id="inc_1"), 0.05
    timing = (await gateway.get(f"{INCIDENTS}/inc_1")).headers["server-timing"]
    parts = dict(part.split(";dur=") for part in timing.split(", "))
    assert float(parts["upstream"]) >= 50
    assert float(parts["gateway"]) >= 0


async def test_many_records_come_in_the_order_asked_for_and_missing_ones_are_named(
    gateway: httpx.AsyncClient, service: Incidents
) -> None:
    service.by = lambda request: NotFound("incident", request.id) if request.id == "inc_2" else pb.Incident(id=request.id)
    answer = await gateway.get(f"{INCIDENTS}:batchGet", params={"ids": "inc_3,inc_2,inc_1,inc_3", "fields": "id"})
    assert answer.json() == {"incidents": [{"id": "inc_3"}, {"id": "inc_1"}], "missing": ["inc_2"]}


@pytest.mark.parametrize("ids", ["", ",", ",".join(f"inc_{n}" for n in range(201))])
async def test_how_many_records_may_be_asked_for_is_bounded(gateway: httpx.AsyncClient, service: Incidents, ids: str) -> None:
    answer = await gateway.get(f"{INCIDENTS}:batchGet", params={"ids": ids})
    assert (answer.status_code, service.request) == (422, None)


async def test_who_may_read_none_of_many_is_told_so(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = Denied("incidents.get")
    assert (await gateway.get(f"{INCIDENTS}:batchGet", params={"ids": "inc_1"})).status_code == 403


async def test_the_first_refusal_of_many_reads_ends_the_rest(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = Denied("incidents.get")
    answer = await gateway.get(f"{INCIDENTS}:batchGet", params={"ids": ",".join(f"inc_{n}" for n in range(200))})
    seen = len(service.asked)
    assert (answer.status_code, seen <= 2 * MANY_AT_ONCE) == (403, True)
    service.answer = pb.Incident(id="inc_1")
    for _ in range(20):
        assert (await gateway.get(f"{INCIDENTS}/inc_1")).status_code == 200
    assert len(service.asked) <= seen + 20 + MANY_AT_ONCE


async def test_each_operation_of_a_batch_has_its_own_answer(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.by = lambda request: Stale("5", given="3") if getattr(request, "etag", "") == "3" else pb.Incident(id="inc_1")
    operations = [
        {"method": "POST", "body": {"title": "Mail is down"}},
        {"method": "PATCH", "path": "inc_1", "ifMatch": '"3"', "body": {"title": "Other"}},
        {"method": "PATCH", "path": "inc_1", "body": {"title": "Other"}},
        {"method": "POST", "path": "inc_1:nothing"},
        {"method": "POST", "body": {"nothing": 1}},
        {"method": "POST", "path": "inc_2:close", "ifMatch": "4"},
        {"method": "POST", "path": "inc_2:batch"},
    ]
    answer = await gateway.post(BATCH, json={"operations": operations}, headers=KEY)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 412, 428, 404, 422, 200, 404]
    assert results[0]["body"]["id"] == "inc_1"
    assert results[0]["location"] == "/api/v1/incidents/inc_1"
    assert results[1]["problem"]["type"] == "urn:itsm:problem:precondition"
    assert results[4]["problem"]["errors"][0]["pointer"] == "/nothing"
    keys = [metadata["idempotency-key"] for _, metadata in service.asked]
    assert sorted(keys) == ["k-1/0", "k-1/1", "k-1/5"]


async def test_a_defect_in_one_operation_is_told_in_its_place_and_stops_no_other() -> None:
    async def perform(inner: Exchange) -> Answer:
        if inner.path.endswith("inc_2"):
            raise RuntimeError("the password is swordfish")
        return Answer(200, b'{"id":"inc_1"}')

    scope = {"method": "POST", "path": BATCH, "query_string": b"", "headers": [(b"idempotency-key", b"k-1")]}
    todo = [{"method": "PATCH", "path": f"inc_{n}"} for n in (1, 2, 3)]
    body = await results(Exchange(scope, asyncio.Queue().get), todo, perform, dry_run=False)
    assert [result["status"] for result in orjson.loads(body)["results"]] == [200, 500, 200]
    assert b"swordfish" not in body


async def test_operations_on_one_record_keep_their_order_and_few_run_at_once(
    gateway: httpx.AsyncClient, service: Incidents
) -> None:
    service.by, service.delay = lambda request: pb.Incident(id=request.id), 0.002
    operations = [
        {"method": "POST", "path": f"inc_{record}:close", "ifMatch": str(step)} for step in range(1, 6) for record in range(10)
    ]
    answer = await gateway.post(BATCH, json={"operations": operations}, headers=KEY)
    assert {result["status"] for result in answer.json()["results"]} == {200}
    steps = [request.etag for request, _ in service.asked if request.id == "inc_7"]
    assert steps == ["1", "2", "3", "4", "5"]
    assert 1 < service.most <= AT_ONCE


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"operations": []}, KEY, 422),
        ({}, KEY, 422),
        ([], KEY, 422),
        ({"operations": [{"method": "GET"}]}, KEY, 422),
        ({"operations": [{"method": []}, {"method": {}}]}, KEY, 422),
        ({"operations": [{"method": "POST", "path": "/etc"}]}, KEY, 422),
        ({"operations": [{"method": "POST", "other": 1}]}, KEY, 422),
        ({"operations": ["POST"]}, KEY, 422),
        ({"operations": [{"method": "POST"}], "atomic": True}, KEY, 422),
        ({"operations": [{"method": "POST"}], "more": 1}, KEY, 422),
        ({"operations": [{"method": "POST"}] * 501}, KEY, 413),
        ({"operations": [{"method": "POST"}]}, {}, 400),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    gateway: httpx.AsyncClient, service: Incidents, body: Any, headers: dict[str, str], status: int
) -> None:
    answer = await gateway.post(BATCH, json=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert service.request is None


async def test_a_batch_can_be_tried(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer, service.trailing = pb.Incident(id="inc_1"), ((DRY_RUN_KEY, "true"),)
    operations = [{"method": "POST", "body": {"title": "x"}}, {"method": "POST", "body": {"nothing": 1}}]
    answer = await gateway.post(f"{BATCH}?dryRun=true", json={"operations": operations}, headers=KEY)
    made, refused = answer.json()["results"]
    assert (made["status"], made["body"]["id"], refused["status"]) == (200, "inc_1", 422)
    assert "location" not in made
    assert [metadata[DRY_RUN_KEY] for _, metadata in service.asked] == ["true"]


async def test_facets_are_asked_of_the_list(gateway: httpx.AsyncClient, service: Incidents) -> None:
    counts = {"facets": {"state": {"values": [{"value": "NEW", "count": 3}], "more": False}}, "capped": False}
    service.answer = pb.ListIncidentsResponse()
    service.trailing = (("facets-bin", zlib.compress(orjson.dumps(counts))),)
    answer = await gateway.get(f"{INCIDENTS}:facets", params={"fields": "state", "filter": "priority = P1"})
    assert answer.json() == counts
    assert service.metadata["facets"] == "state"
    assert service.request.filter == "priority = P1"


@pytest.mark.parametrize("query", ["", "fields=", "fields=a&fields=b", "fields=state&pageSize=1", "fields=%C3%A4"])
async def test_facets_name_their_fields_once(gateway: httpx.AsyncClient, service: Incidents, query: str) -> None:
    answer = await gateway.get(f"{INCIDENTS}:facets?{query}")
    assert (answer.status_code, service.request) == (422, None)


def test_every_collection_has_what_follows_from_its_bindings() -> None:
    offered = {(route.verb, route.template) for route in declared().generic}
    for name in ("incidents", "assets", "checks", "alerts", "webhooks", "users", "slaPolicies"):
        assert ("GET", f"/api/v1/{name}:facets") in offered
        assert ("GET", f"/api/v1/{name}:batchGet") in offered
    assert ("POST", "/api/v1/incidents:batch") in offered
    assert ("POST", "/api/v1/auditEntries:batch") not in offered


async def test_a_generic_operation_takes_its_own_method_alone(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get(BATCH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_what_is_packed_is_what_gzip_reads() -> None:
    scope = {
        "method": "GET", "path": "/", "query_string": b"", "headers": [(b"accept-encoding", b"br, gzip;q=0.5")],
    }  # fmt: skip
    answer = Answer(200, b"x" * 5000)
    pack(answer, Exchange(scope, asyncio.Queue().get))
    assert gzip.decompress(answer.body) == b"x" * 5000
