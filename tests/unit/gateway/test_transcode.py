"""REST in front of a real gRPC server: what goes through, and what comes back."""

import httpx
import orjson
import pytest
from itsm.incident import v1 as pb

from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound, Stale, Unavailable
from tests.unit.gateway.conftest import Incidents

INCIDENTS = "/api/v1/incidents"


async def test_a_created_resource_is_answered_with_201_its_place_and_its_version(
    gateway: httpx.AsyncClient, service: Incidents
) -> None:
    service.answer = pb.Incident(id="inc_1", title="Mail is down", etag="1")
    answer = await gateway.post(INCIDENTS, json={"title": "Mail is down", "impact": "HIGH", "assetIds": ["ast_1"]})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/incidents/inc_1"
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["reopenCount"] == 0
    assert answer.json()["assetIds"] == []
    assert service.request == pb.OpenIncidentRequest(
        incident=pb.Incident(title="Mail is down", impact="HIGH", asset_ids=["ast_1"])
    )
    assert service.metadata["authorization"] == "Bearer of-the-test"


async def test_a_read_answers_304_to_who_has_this_version(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", etag="7")
    fresh = await gateway.get(f"{INCIDENTS}/INC0001042", headers={"if-none-match": '"6"'})
    known = await gateway.get(f"{INCIDENTS}/INC0001042", headers={"if-none-match": 'W/"6", "7"'})
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"7"')
    assert (known.status_code, known.headers["etag"], known.content) == (304, '"7"', b"")
    assert service.request == pb.GetIncidentRequest(id="INC0001042")


async def test_an_update_names_the_version_and_the_fields_of_its_body(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", etag="4")
    answer = await gateway.patch(
        f"{INCIDENTS}/inc_1", json={"title": "Other", "assetIds": [], "state": "CLOSED"}, headers={"if-match": '"3"'}
    )
    assert answer.status_code == 200
    assert service.request.etag == "3"
    assert service.request.id == "inc_1"
    assert list(service.request.update_mask.paths) == ["title", "asset_ids"]


async def test_an_update_without_if_match_is_refused(gateway: httpx.AsyncClient, service: Incidents) -> None:
    answer = await gateway.patch(f"{INCIDENTS}/inc_1", json={"title": "Other"})
    assert answer.status_code == 428
    assert answer.json()["type"] == "urn:itsm:problem:precondition"
    assert service.request is None


@pytest.mark.parametrize(("headers", "status"), [({"if-match": '"3"'}, 412), ({}, 409)])
async def test_a_stale_version_is_412_for_who_named_it_and_409_else(
    gateway: httpx.AsyncClient, service: Incidents, headers: dict[str, str], status: int
) -> None:
    service.answer = Stale("5", given="3")
    answer = await gateway.post(f"{INCIDENTS}/inc_1:close", headers=headers)
    assert answer.status_code == status
    assert answer.headers["etag"] == '"5"'
    assert answer.json()["etag"] == "5"


async def test_a_verb_takes_its_version_from_if_match(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", etag="4")
    answer = await gateway.post(
        f"{INCIDENTS}/inc_1:resolve", json={"resolutionCode": "fixed", "resolution": "x"}, headers={"if-match": '"3"'}
    )
    assert answer.status_code == 200
    assert service.request == pb.ResolveIncidentRequest(id="inc_1", resolution_code="fixed", resolution="x", etag="3")


async def test_a_page_says_where_the_next_one_is(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.ListIncidentsResponse(incidents=[pb.Incident(id="inc_1")], next_page_token="a+b/c")
    answer = await gateway.get(INCIDENTS, params={"pageSize": "2", "filter": 'state = "NEW"'})
    assert service.request == pb.ListIncidentsRequest(page_size=2, filter='state = "NEW"')
    link = answer.links["next"]["url"]
    service.answer = pb.ListIncidentsResponse()
    await gateway.get(link)
    assert service.request == pb.ListIncidentsRequest(page_size=2, filter='state = "NEW"', page_token="a+b/c")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("pageSize=0", "/pageSize"),
        ("pageSize=201", "/pageSize"),
        ("pageSize=-1", "/pageSize"),
        ("pageSize=ten", "/pageSize"),
        ("pageSize=1000000000000", "/pageSize"),
        ("pageSize=1&pageSize=2", "/pageSize"),
        ("nothing=1", "/nothing"),
        ("state[$ne]=x", "/state[$ne]"),
        ("page_size=3", "/page_size"),
    ],
)
async def test_a_query_that_is_not_declared_is_refused(
    gateway: httpx.AsyncClient, service: Incidents, query: str, pointer: str
) -> None:
    answer = await gateway.get(f"{INCIDENTS}?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert service.request is None


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("asset_ids", "/assetIds"),
        ("asset_ids[1]", "/assetIds/1"),
        ("incident.dedup_key", "/dedupKey"),
        ("update_mask.dedup_key", "/dedupKey"),
        ("update_mask", "/updateMask"),
        ("id", "/id"),
    ],
)
async def test_a_problem_points_at_the_body_by_the_names_of_json(
    gateway: httpx.AsyncClient, service: Incidents, path: str, pointer: str
) -> None:
    service.answer = Invalid({path: "is wrong"})
    answer = await gateway.patch(f"{INCIDENTS}/inc_1", json={"title": "x"}, headers={"if-match": "*"})
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["", "?updateMask="])
async def test_without_names_in_the_mask_the_body_says_what_changes(
    gateway: httpx.AsyncClient, service: Incidents, query: str
) -> None:
    service.answer = pb.Incident(id="inc_1", etag="2")
    answer = await gateway.patch(f"{INCIDENTS}/inc_1{query}", json={"title": "x", "number": "1"}, headers={"if-match": "*"})
    assert answer.status_code == 200
    assert list(service.request.update_mask.paths) == ["title"]


async def test_a_problem_document_tells_what_it_is_about(gateway: httpx.AsyncClient, service: Incidents) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    service.answer = Invalid({"incident.asset_ids[2]": "is no asset", "incident.title": "is required"})
    answer = await gateway.post(
        INCIDENTS,
        json={"title": ""},
        headers={"x-request-id": "of-the-client", "traceparent": f"00-{trace}-b7ad6b7169203331-01"},
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:itsm:problem:validation",
        "title": "The request is understood but not valid",
        "status": 422,
        "detail": "/assetIds/2: is no asset; /title: is required",
        "instance": "/api/v1/incidents",
        "reason": "INVALID",
        "errors": [
            {"pointer": "/assetIds/2", "message": "is no asset"},
            {"pointer": "/title", "message": "is required"},
        ],
        "requestId": "of-the-client",
        "traceId": trace,
    }
    assert answer.headers["x-request-id"] == "of-the-client"
    assert service.metadata["x-request-id"] == "of-the-client"
    assert service.metadata["traceparent"].startswith(f"00-{trace}-")


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (NotFound("incident", "inc_1"), 404, "not-found"),
        (Denied("incidents.get"), 403, "forbidden"),
        (ForbiddenMove("CLOSED", "start"), 409, "conflict"),
        (Unavailable("no store"), 503, "dependency"),
        (Invalid({"page_token": "is not ours"}, reason="MALFORMED"), 400, "malformed"),
    ],
)
async def test_an_error_of_a_service_becomes_its_problem(
    gateway: httpx.AsyncClient, service: Incidents, error: Exception, status: int, slug: str
) -> None:
    service.answer = error
    answer = await gateway.get(f"{INCIDENTS}/inc_1")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:itsm:problem:{slug}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"title": "x"', b'{"title": "x"} x', b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe{"]
)
async def test_what_is_no_json_is_malformed(gateway: httpx.AsyncClient, body: bytes) -> None:
    answer = await gateway.post(INCIDENTS, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:itsm:problem:malformed")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"title": 1, "impact": "SOME"}', ["/title", "/impact"]),
        (b'{"title": "x", "is_admin": true}', ["/is_admin"]),
        (b'{"title": "x", "a/b~c": 1}', ["/a~1b~0c"]),
        (b'{"title": "x", "title": "y"}', ["/title"]),
        (b'{"asset_ids": ["a", 1]}', ["/assetIds/1"]),
        (b'{"title": "a\\u0000b"}', ["/title"]),
        (b"[]", [""]),
    ],
)
async def test_a_body_that_is_not_declared_is_refused_with_its_places(
    gateway: httpx.AsyncClient, service: Incidents, body: bytes, pointers: list[str]
) -> None:
    answer = await gateway.post(INCIDENTS, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:itsm:problem:validation")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert service.request is None


async def test_only_json_is_taken(gateway: httpx.AsyncClient) -> None:
    for content_type in ("text/plain", "application/xml", "application/json; charset=utf-7", "application/json-patch+json", ""):
        answer = await gateway.post(INCIDENTS, content=b"{}", headers={"content-type": content_type})
        assert answer.status_code == 415, content_type
    packed = await gateway.post(
        INCIDENTS, content=b"x", headers={"content-type": "application/json", "content-encoding": "gzip"}
    )
    assert packed.status_code == 415


async def test_a_body_over_the_limit_is_refused_before_it_is_read(gateway: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> object:
        nonlocal read
        while True:
            read += 65536
            yield b" " * 65536

    answer = await gateway.post(INCIDENTS, content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:itsm:problem:too-large")
    assert read <= (1 << 20) + 2 * 65536


async def test_imports_may_be_larger(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.ImportIncidentsResponse()
    incident = {"externalNumber": "1", "title": "x" * (2 << 20)}
    body = orjson.dumps({"source": "servicenow", "incidents": [incident]})
    answer = await gateway.post(f"{INCIDENTS}:import", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200


async def test_a_wrong_method_is_told_the_right_ones(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.delete(f"{INCIDENTS}/inc_1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PATCH")


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/incidents/", "/api/v1/incidents/a/b/c", "/api/v1/incidents/a:fly"]
)
async def test_an_unknown_address_is_not_found(gateway: httpx.AsyncClient, path: str) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:itsm:problem:not-found")


async def test_encoded_separators_stay_inside_of_an_id(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident()
    await gateway.get(f"{INCIDENTS}/a%2Fb%3Aclose")
    assert service.request == pb.GetIncidentRequest(id="a/b:close")
    assert (await gateway.get(f"{INCIDENTS}/a%00")).status_code == 400
    assert (await gateway.get(f"{INCIDENTS}/%ff")).status_code == 400


async def test_a_client_that_takes_no_json_gets_none(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident()
    statuses = {}
    for accept in ("text/html", "application/json;q=0, */*", "text/html, */*;q=0.1", "application/json", "application/*"):
        statuses[accept] = (await gateway.get(f"{INCIDENTS}/inc_1", headers={"accept": accept})).status_code
    assert list(statuses.values()) == [406, 406, 200, 200, 200]


@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        ('"k-1"', 201, "k-1"),
        ("k-1", 201, "k-1"),
        ("k" * 255, 201, "k" * 255),
        ("k" * 256, 400, ""),
        ('"k', 400, ""),
        ("a b", 400, ""),
    ],
)
async def test_an_idempotency_key_is_passed_on(
    gateway: httpx.AsyncClient, service: Incidents, given: str, status: int, expected: str
) -> None:
    service.answer = pb.Incident()
    answer = await gateway.post(INCIDENTS, json={"title": "x"}, headers={"idempotency-key": given})
    assert answer.status_code == status
    assert service.metadata.get("idempotency-key", "") == expected


async def test_head_is_get_without_its_body(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", etag="2")
    answer = await gateway.head(f"{INCIDENTS}/inc_1")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", '"2"')


async def test_an_answer_that_was_given_before_says_so(gateway: httpx.AsyncClient, service: Incidents) -> None:
    service.answer = pb.Incident(id="inc_1", title="Mail is down", etag="1")
    first = await gateway.post(INCIDENTS, json={"title": "Mail is down"}, headers={"idempotency-key": "k1"})
    service.trailing = (("x-idempotency-replayed", "true"),)
    second = await gateway.post(INCIDENTS, json={"title": "Mail is down"}, headers={"idempotency-key": "k1"})
    assert "idempotency-replayed" not in first.headers
    assert (second.status_code, second.headers["idempotency-replayed"]) == (201, "true")
    assert second.content == first.content
