"""Whatever a service answers, what the gateway writes is as the OpenAPI document says: least, greatest, empty, odd values."""

import random
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from chassis import protojson
from services.gateway.openapi import document as openapi
from services.gateway.rest.route import Route
from services.gateway.rest.routes import declared
from tests.unit.gateway.conftest import OIDC

ROUTES = {route.rpc.response.DESCRIPTOR.full_name: route for route in declared().all}
_DEEP = 4
_ODD: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.CPPTYPE_STRING: ("", "ä\U0001f600", '"\\\u2028'),
    FieldDescriptor.CPPTYPE_BOOL: (True, False),
    FieldDescriptor.CPPTYPE_INT32: (0, -(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (0, -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: (0.5,),
    FieldDescriptor.CPPTYPE_DOUBLE: (0.0, -0.5, 1e300),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document with a registry of its schemas, `urn:d`."""
    made = openapi.document(declared(), version="1", oidc_url=OIDC)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return {"paths": made["paths"], "registry": Registry().with_resource("urn:d", Resource.from_contents(made))}


@pytest.mark.parametrize("name", ROUTES)
def test_an_answer_is_as_the_document_says_whatever_its_values(document: dict[str, Any], name: str) -> None:
    route = ROUTES[name]
    schema = _schema(document, route)
    if schema is None:
        assert name == "google.protobuf.Empty"
        return
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator(schema, registry=document["registry"], format_checker=checker)
    for number in range(3):
        reply = route.rpc.response()
        if number:
            _fill(reply, random.Random(number), 0)  # noqa: S311 - the same values at each run
        validator.validate(orjson.loads(protojson.encode(reply)))


def _schema(document: dict[str, Any], route: Route) -> Any:
    answers = document["paths"][route.template][route.verb.lower()]["responses"]
    content = next(answers[status] for status in ("200", "201", "204") if status in answers).get("content")
    found = content and content["application/json"]["schema"]
    return found and orjson.loads(orjson.dumps(found).replace(b'"#/', b'"urn:d#/'))


def _fill(message: Any, chance: random.Random, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        nested = field.message_type
        if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1 and chance.random() < 0.5:
            continue
        if nested is None:
            if field.is_repeated:
                getattr(message, field.name).append(_value(field, chance))
            else:
                setattr(message, field.name, _value(field, chance))
        elif nested.GetOptions().map_entry:
            _put(getattr(message, field.name), nested.fields_by_name["value"], chance, depth)
        elif depth < _DEEP:
            part = getattr(message, field.name)
            part = part.add() if field.is_repeated else part
            part.SetInParent()
            _part(part, chance, depth)


def _put(entries: Any, value: FieldDescriptor, chance: random.Random, depth: int) -> None:
    if value.message_type is None:
        entries["a key"] = _value(value, chance)
    else:
        _part(entries["a key"], chance, depth)


def _part(part: Message, chance: random.Random, depth: int) -> None:
    known: dict[str, Any] = {
        "Timestamp": {"seconds": chance.choice((-62135596800, 0, 253402300799)), "nanos": chance.choice((0, 1, 999_999_999))},
        "Duration": {"seconds": chance.choice((0, -5, 10**10)), "nanos": 0},
        "Value": {"string_value": "x"},
        "FieldMask": {"paths": ["a_b"]},
    }
    kind = part.DESCRIPTOR.full_name.removeprefix("google.protobuf.")
    if kind in known:
        part.MergeFrom(type(part)(**known[kind]))
    elif kind == "Struct":
        part.MergeFrom(type(part)(fields={"a": {"number_value": 0.5}}))
    else:
        _fill(part, chance, depth + 1)


def _value(field: FieldDescriptor, chance: random.Random) -> Any:
    if field.enum_type is not None:
        return chance.choice([value.number for value in field.enum_type.values])
    return b"\xff\x00" if field.type == FieldDescriptor.TYPE_BYTES else chance.choice(_ODD[field.cpp_type])
