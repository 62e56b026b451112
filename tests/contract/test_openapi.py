"""The OpenAPI document as a generator of clients and a person need it: every operation with everything, every example true."""

import re
import zlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from chassis.listing import Listing
from chassis.listing.filter import parse
from chassis.listing.order import parse_order
from docs.generate import rest
from services.gateway.openapi import document as openapi
from services.gateway.rest.routes import declared

ROUTES = declared()
DOCUMENT: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(ROUTES, version="v1", oidc_url="/")))
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
_REGISTRY = Registry().with_resource(
    "urn:d", Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT})
)
# Some 820 operations at 3,300 characters each, what many of them share by reference: growth beyond is a repetition.
_LARGEST, _LARGEST_PACKED = 3_000_000, 240_000


def _found(part: Any) -> Any:
    while isinstance(part, dict) and "$ref" in part:
        place: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        part = place
    return part


def _faults(schema: Any, value: Any) -> list[str]:
    placed = orjson.loads(orjson.dumps(schema).replace(b'"#/', b'"urn:d#/'))
    validator = Draft202012Validator(placed, registry=_REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(value)]


def _examples(holder: Any) -> Iterator[Any]:
    if "example" in holder:
        yield holder["example"]
    for each in holder.get("examples", {}).values():
        yield _found(each)["value"]


def _contents(operation: Any) -> Iterator[tuple[str, Any]]:
    bodies = [("body", operation["requestBody"])] if "requestBody" in operation else []
    for place, holder in [*bodies, *operation["responses"].items()]:
        for media, content in _found(holder).get("content", {}).items():
            yield f"{place} {media}", content


def _lint(method: str, path: str, operation: Any) -> Iterator[str]:
    """What this operation lacks."""
    if not 8 <= len(operation.get("summary", "")) <= 160 or operation["summary"].endswith("."):
        yield f"a summary of 8 to 160 letters without a stop: {operation.get('summary')!r}"
    if len(operation.get("description", "")) < 8:
        yield "a description"
    for parameter in map(_found, operation.get("parameters", ())):
        yield from _parameter(parameter)
    in_path = {item["name"] for item in operation.get("parameters", ()) if item.get("in") == "path"}
    if set(re.findall(r"\{(\w+)\}", path)) != in_path:
        yield "each variable of the path"
    for place, content in _contents(operation):
        samples = list(_examples(content))
        if not samples and content["schema"].get("format") != "binary":
            yield f"an example of {place}"
        for sample in samples:
            yield from (f"a true example of {place}: {fault}" for fault in _faults(content["schema"], sample))
    yield from _answers(operation)
    headers = _headers(operation)
    reads = operation["operationId"].endswith("_select")  # whose filter may be longer than an address
    if method == "post" and not reads and {"bearer", "oidc"} & {way for each in operation["security"] for way in each}:
        yield from () if "Idempotency-Key" in headers else ("Idempotency-Key",)


def _parameter(parameter: Any) -> Iterator[str]:
    name = parameter["name"]
    if not parameter.get("description"):
        yield f"a description of {name}"
    samples = list(_examples(parameter))
    if not samples:
        yield f"an example of {name}"
    for sample in samples:
        yield from (f"a true example of {name}: {fault}" for fault in _faults(parameter["schema"], sample))
    if parameter["in"] == "path" and (not parameter.get("required") or parameter["schema"].get("minLength") != 1):
        yield f"{name} as something that is there"


def _headers(operation: Any) -> set[str]:
    return {parameter["name"] for parameter in map(_found, operation.get("parameters", ())) if parameter["in"] == "header"}


def _statuses(operation: Any) -> set[int]:
    """Those that the operation must tell of."""
    headers = _headers(operation)
    must = {414, 431, 500}
    must |= {401} if operation["security"] else set()
    must |= {408, 413, 415} if "application/json" in operation.get("requestBody", {}).get("content", {}) else set()
    must |= {412} if "If-Match" in headers else set()
    must |= {428} if {"$ref": "#/components/parameters/IfMatch"} in operation.get("parameters", ()) else set()
    return must | ({304} if "If-None-Match" in headers else set())


def _answers(operation: Any) -> Iterator[str]:
    found = operation["responses"]
    told = {int(status) for status in found}
    if missing := _statuses(operation) - told:
        yield f"the answers {sorted(missing)}"
    if not any(status < 400 for status in told):
        yield "a success"
    for status, answer in found.items():
        whole = _found(answer)
        if not whole.get("description") or "X-Request-Id" not in whole.get("headers", {}):
            yield f"words and X-Request-Id of {status}"
        if int(status) >= 400 and ("$ref" not in answer or list(whole["content"]) != ["application/problem+json"]):
            yield f"{status} as a shared problem document"
        if status in ("429", "503") and "Retry-After" not in whole["headers"]:
            yield f"Retry-After of {status}"
    going = {"Deprecation", "Sunset"}
    if operation.get("deprecated") and not any(going <= set(_found(each)["headers"]) for each in found.values()):
        yield "Deprecation and Sunset"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_all_that_people_and_generators_need(name: str) -> None:
    assert list(_lint(*OPERATIONS[name])) == []


def test_the_lint_sees_what_is_missing() -> None:
    method, path, operation = OPERATIONS["incidents_create"]
    worse = orjson.loads(orjson.dumps(operation))
    worse["summary"] = "Create."
    worse["responses"].pop("413")
    worse["responses"]["404"] = {"description": "x"}
    worse["parameters"].append({"in": "query", "name": "size", "schema": {"type": "integer"}, "example": "large"})
    worse["requestBody"]["content"]["application/json"] = {
        "schema": {"$ref": "#/components/schemas/IncidentInput"},
        "example": {"no": 1},
    }
    told = "\n".join(_lint(method, path, worse))
    for fault in (
        "summary",
        "[413]",
        "404 as a shared",
        "description of size",
        "'large' is not of type",
        "'no' was unexpected",
    ):
        assert fault in told


def test_every_schema_and_every_member_has_a_description() -> None:
    lacking = []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if not schema.get("description"):
            lacking.append(name)
        members = schema.get("properties", {}).items()
        lacking += [f"{name}.{member}" for member, about in members if not about.get("description")]
    assert lacking == []


def test_every_tag_has_a_description() -> None:
    assert [tag["name"] for tag in DOCUMENT["tags"] if len(tag["description"]) < 8] == []


def test_each_word_of_an_enum_is_explained_where_it_does_not_speak_for_itself() -> None:
    answered, sent = (DOCUMENT["components"]["schemas"][name] for name in ("AssetState", "AssetStateInput"))
    assert answered["enum"] == ["STATE_UNSPECIFIED", *sent["enum"]]
    assert "- `MERGED`: It was the same as another one, which stands for it now: `mergedIntoId`." in sent["description"]


def test_no_component_is_there_for_nothing() -> None:
    text = orjson.dumps(DOCUMENT).decode()
    rare = {"headers/Deprecation", "headers/Sunset"}
    kinds = ("schemas", "parameters", "responses", "headers", "examples")
    unused = [
        f"{kind}/{name}"
        for kind in kinds
        for name in DOCUMENT["components"][kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]
    assert set(unused) <= rare


def test_every_operation_id_is_given_once_and_every_tag_is_used() -> None:
    given = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(given) == len(set(given))
    used = {tag for _, _, operation in OPERATIONS.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in DOCUMENT["tags"]}


def test_numbers_of_64_bits_are_strings_and_times_have_formats() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Incident"]["properties"]["createTime"]["format"] == "date-time"
    assert schemas["Clock"]["properties"]["target"]["format"] == "google-duration"
    longs = [
        about
        for schema in schemas.values()
        for about in schema.get("properties", {}).values()
        if about.get("format") in ("int64", "uint64")
    ]
    assert longs
    assert all(about["type"] == "string" or about["maximum"] == 2**32 - 1 for about in longs)


def test_callers_may_prove_themselves_in_each_way_that_is_taken() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert set(schemes) == {"bearer", "oidc", "session", "csrf"}
    assert "PKCE" in schemes["oidc"]["description"]
    write = OPERATIONS["incidents_create"][2]["security"]
    assert write == [
        {"bearer": ["incidents.create"]},
        {"oidc": ["incidents.create"]},
        {"session": ["incidents.create"], "csrf": []},
    ]


def test_the_document_stays_of_a_size_that_tools_take() -> None:
    plain = orjson.dumps(DOCUMENT)
    assert len(plain) < _LARGEST
    assert len(zlib.compress(plain)) < _LARGEST_PACKED


@pytest.mark.parametrize(
    "listing", [each for each in rest._listings() if f"{each.resource}_list" in OPERATIONS], ids=lambda each: each.resource
)
def test_the_examples_of_filter_and_order_are_taken_by_the_list(listing: Listing) -> None:
    parameters = {each["name"]: each for each in map(_found, OPERATIONS[f"{listing.resource}_list"][2]["parameters"])}
    assert {"filter", "orderBy"} <= set(parameters)
    parse(parameters["filter"]["example"], listing.fields)
    parse_order(parameters["orderBy"]["example"], listing.fields)
    counted = OPERATIONS.get(f"{listing.resource}_facets")
    if counted:
        parse(next(each["example"] for each in counted[2]["parameters"] if each.get("name") == "filter"), listing.fields)
