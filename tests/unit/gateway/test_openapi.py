"""The OpenAPI document: complete, in step with the routing table, with examples that are true."""

import re
from typing import Any

import httpx
import orjson
import pytest

from chassis import protojson
from services.gateway.openapi import document as openapi
from services.gateway.openapi import edges as edgedocs
from services.gateway.openapi.samples import example
from services.gateway.openapi.schemas import Schemas, Use
from services.gateway.rest.exports import EXPORT
from services.gateway.rest.route import Route
from services.gateway.rest.routes import Routes, declared
from tests.unit.gateway.conftest import OIDC

ROUTES = declared()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, as JSON says it."""
    made: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(ROUTES, version="1.0.0", oidc_url=OIDC)))
    return made


def _operation(document: dict[str, Any], route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"][route.template][route.verb.lower()]
    return operation


def test_each_binding_is_an_operation_with_an_id_and_words_of_its_own(document: dict[str, Any]) -> None:
    operations = [_operation(document, route) for route in (*ROUTES.all, *ROUTES.generic)]
    others = {(path, verb) for path, found in edgedocs.paths(Schemas({})).items() for verb in found}
    named = {(path, verb) for path, found in document["paths"].items() for verb in found if not path.endswith(EXPORT)}
    assert len(operations) == len(named - others)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(re.fullmatch(r"[A-Za-z]+(_[A-Za-z]+)+", operation["operationId"]) for operation in operations)
    assert all(operation["description"] and operation["summary"] for operation in operations)


def test_operations_are_named_after_what_they_do() -> None:
    names = {f"{route.verb} {route.template}": openapi.operation_id(route) for route in ROUTES.all}
    assert names["POST /api/v1/incidents"] == "incidents_create"
    assert names["GET /api/v1/incidents"] == "incidents_list"
    assert names["PATCH /api/v1/incidents/{id}"] == "incidents_update"
    assert names["POST /api/v1/incidents/{id}:resolve"] == "incidents_resolve"
    assert names["GET /api/v1/incidents:count"] == "incidents_count"
    assert names["POST /api/v1/incidents/{id}/notes"] == "incidents_notes_create"


def test_a_verb_of_the_collection_gives_way_to_that_of_single_records(document: dict[str, Any]) -> None:
    assert document["paths"]["/api/v1/checks/{id}:report"]["post"]["operationId"] == "checks_report"
    assert document["paths"]["/api/v1/checks:report"]["post"]["operationId"] == "checks_report_all"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for found in set(re.findall(rb'"\$ref":"#/([^"]+)"', orjson.dumps(document))):
        place: Any = document
        for step in found.decode().split("/"):
            place = place[step]
        assert place


def test_an_answer_has_all_that_is_always_there_and_a_change_needs_nothing(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    incident = schemas["Incident"]
    assert {"id", "title", "assetIds", "reopenCount", "holdReason"} <= set(incident["required"])
    assert not {"createTime", "importedMadeSla"} & set(incident["required"])
    assert incident["properties"]["id"]["readOnly"]
    assert incident["properties"]["state"]["$ref"] == "#/components/schemas/IncidentState"
    assert schemas["IncidentState"]["enum"][0] == "STATE_UNSPECIFIED"
    assert schemas["IncidentInput"]["required"] == ["title"]
    assert schemas["IncidentInput"]["additionalProperties"] is False
    assert schemas["IncidentInput"]["properties"]["impact"]["$ref"] == "#/components/schemas/IncidentLevelInput"
    assert schemas["IncidentLevelInput"]["enum"] == ["HIGH", "MEDIUM", "LOW"]
    assert "required" not in schemas["IncidentPatch"]


def test_the_body_of_a_verb_does_not_repeat_the_path(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ResolveIncidentRequest"]
    assert list(schema["properties"]) == ["resolutionCode", "resolution", "etag", "resolveChildren"]
    assert schema["required"] == ["resolutionCode", "resolution"]


def test_the_permission_is_said(document: dict[str, Any]) -> None:
    resolve = document["paths"]["/api/v1/incidents/{id}:resolve"]["post"]
    assert resolve["security"][:2] == [{"bearer": ["incidents.resolve"]}, {"oidc": ["incidents.resolve"]}]


def test_headers_and_refusals_are_those_of_the_route(document: dict[str, Any]) -> None:
    update = document["paths"]["/api/v1/incidents/{id}"]["patch"]
    assert {"$ref": "#/components/parameters/IfMatch"} in update["parameters"]
    assert {"412", "428", "415", "422"} <= set(update["responses"])
    created = document["paths"]["/api/v1/incidents"]["post"]["responses"]["201"]
    assert {"Location", "ETag"} <= set(created["headers"])
    listed = document["paths"]["/api/v1/incidents"]["get"]
    size = next(parameter for parameter in listed["parameters"] if parameter.get("name") == "pageSize")
    assert size["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert "304" in document["paths"]["/api/v1/incidents/{id}"]["get"]["responses"]


@pytest.mark.parametrize("route", [route for route in ROUTES.all if route.body], ids=openapi.operation_id)
def test_the_example_of_a_body_is_read(route: Route) -> None:
    without = route.variables if route.body_field is None else ()
    use = Use.PATCH if route.masked else Use.INPUT
    protojson.decode(orjson.dumps(example(route.body_type.DESCRIPTOR, use, without)), route.body_type)


@pytest.mark.parametrize("route", ROUTES.all, ids=openapi.operation_id)
def test_the_example_of_an_answer_is_one(document: dict[str, Any], route: Route) -> None:
    responses = _operation(document, route)["responses"]
    content = next(responses[status] for status in ("200", "201", "204") if status in responses).get("content")
    if content is not None:
        shown = content["application/json"]
        name = shown["schema"].get("$ref", "").rpartition("/")[2]
        sample = document["components"]["examples"][name]["value"] if "examples" in shown else shown["example"]
        assert protojson.to_dict(protojson.decode(sample, route.rpc.response)) == sample


def test_personal_fields_are_marked(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Incident"]["properties"]["description"]["x-personal"]


def test_two_operations_of_one_name_are_refused_at_start() -> None:
    one = next(route for route in ROUTES.all if openapi.operation_id(route) == "incidents_get")
    count = next(route for route in ROUTES.all if openapi.operation_id(route) == "incidents_count")
    clash = Route("POST", "/api/v1/incidents/{id}:get", "", count.rpc, count.service)
    with pytest.raises(ValueError, match="would both be"):
        openapi.document(Routes([one, clash]), version="1", oidc_url=OIDC)


async def test_the_document_is_served_to_anybody_and_kept_by_its_version(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/api/v1/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.headers["content-encoding"] == "gzip", "of a megabyte a tenth is sent"
    plain = await gateway.get("/api/v1/openapi.json", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    again = await gateway.get("/api/v1/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await gateway.post("/api/v1/openapi.json")).status_code == 405
