"""The value of an event as JSON Schema 2020-12, from its message: proto3 JSON as we write it.

A consumer may rely on what is required here as long as the topic lives, also for events that were told before a field came:
that is the record itself, its id, and what a record cannot be made without. Everything else may be absent. Fields that are
not named here may come at any time.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from google.api.field_behavior_pb2 import INPUT_ONLY, REQUIRED
from google.protobuf.descriptor import FieldDescriptor
from itsm.type.v1 import annotations_pb2

from chassis.codec import has_behavior, personal_fields
from chassis.store.changes import CHANGES_FIELD
from services.gateway.eventdocs.catalog import Event, catalog, texts
from services.gateway.openapi.samples import example as sample
from services.gateway.openapi.schemas import Use

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
Reference = Callable[[str], str]
"""Where the schema of a message is found, by the message's full name."""

_INTEGER = {"type": "integer"}
_LONG = {"type": "string", "pattern": r"^-?[0-9]{1,20}$"}
_TEXT = {"type": "string"}
# In proto3 JSON what is no finite number is a word.
_NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_STRING: _TEXT,
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: _INTEGER,
    FieldDescriptor.CPPTYPE_UINT32: _INTEGER,
    FieldDescriptor.CPPTYPE_INT64: _LONG,
    FieldDescriptor.CPPTYPE_UINT64: _LONG,
    FieldDescriptor.CPPTYPE_FLOAT: _NUMBER,
    FieldDescriptor.CPPTYPE_DOUBLE: _NUMBER,
}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
    "google.protobuf.FieldMask": _TEXT,
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.StringValue": _TEXT,
    "google.protobuf.BoolValue": {"type": "boolean"},
    "google.protobuf.Int32Value": _INTEGER,
    "google.protobuf.UInt32Value": _INTEGER,
    "google.protobuf.Int64Value": _LONG,
    "google.protobuf.UInt64Value": _LONG,
    "google.protobuf.DoubleValue": _NUMBER,
    "google.protobuf.FloatValue": _NUMBER,
    "google.protobuf.BytesValue": _BASE64,
    "itsm.type.v1.Value": {"type": ["string", "number", "boolean", "array", "null"]},
}


class Messages:
    """Schemas of messages by full name, in `found`, each made when it is first asked for."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.found: dict[str, Schema] = {}

    def of(self, descriptor: Any) -> Schema:
        """A reference to the schema of a message, or the schema itself where it is a plain value."""
        name = descriptor.full_name
        if (known := _KNOWN.get(name)) is not None:
            return known
        if name not in self.found:
            self.found[name] = {}  # before its fields, one of which may be of this very type
            self.found[name] |= self.body(descriptor)
        return {"$ref": self._reference(name)}

    def body(self, descriptor: Any) -> Schema:
        """The schema of a message, written out. Of a record personal fields are never told."""
        record = bool(descriptor.GetOptions().Extensions[annotations_pb2.resource].plural)
        hidden = personal_fields(descriptor) if record else frozenset()
        schema: Schema = {"type": "object"}
        if text := texts().get(descriptor.full_name):
            schema["description"] = text
        schema["properties"] = {field.json_name: self._field(field, field.name in hidden) for field in descriptor.fields}
        needed = [field.json_name for field in descriptor.fields if field.name not in hidden and _needed(field, record)]
        if needed:
            schema["required"] = needed
        return schema

    def _field(self, field: FieldDescriptor, hidden: bool) -> Schema:
        shape = self._shape(field)
        text = texts().get(field.full_name, "")
        if hidden:
            text = f"{text} Personal: events never tell it.".strip()
        if not text:
            return shape
        # Beside a reference older readers of JSON Schema pass over everything.
        return {"description": text, "allOf": [shape]} if "$ref" in shape else {**shape, "description": text}

    def _shape(self, field: FieldDescriptor) -> Schema:
        nested: Any = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._one(nested.fields_by_name["value"])}
        one = self._one(field)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _one(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        return _BASE64 if field.type == FieldDescriptor.TYPE_BYTES else _SCALARS[field.cpp_type]


def _needed(field: FieldDescriptor, record: bool) -> bool:
    if has_behavior(field, INPUT_ONLY):
        return False
    return has_behavior(field, REQUIRED) or (record and field.name == "id") or field.full_name in _snapshots()


@cache
def _snapshots() -> frozenset[str]:
    return frozenset(event.snapshot.full_name for event in catalog())


def standalone(event: Event) -> Schema:
    """The schema of an event with everything that it refers to."""
    messages = Messages(lambda name: f"#/$defs/{name}")
    body = messages.body(event.descriptor)
    return {
        "$schema": DIALECT,
        "$id": f"/api/v1/schemas/{event.type}",
        "title": event.name,
        **body,
        "examples": [example(event)],
        "$defs": dict(sorted(messages.found.items())),
    }


def example(event: Event) -> dict[str, Any]:
    """An event of this type, as it may come."""
    found: dict[str, Any] = sample(event.descriptor, Use.ANSWER)
    resource: Any = event.snapshot.message_type
    record = found[event.snapshot.json_name]
    for name in personal_fields(resource):
        field = resource.fields_by_name[name]
        if field.has_presence:
            record.pop(field.json_name, None)
        else:
            record[field.json_name] = [] if field.is_repeated else ""
    if CHANGES_FIELD in found:
        found[CHANGES_FIELD] = [_change(resource, record)]
    return found


def _change(resource: Any, record: dict[str, Any]) -> dict[str, Any]:
    state = resource.fields_by_name.get("state")
    if state is not None and state.enum_type is not None:
        names = [value.name for value in state.enum_type.values]
        return {"field": "state", "old": names[-1], "new": record["state"]}
    plain = next((field for field in resource.fields if field.name not in ("id", "etag") and _is_text(field)), None)
    label = plain.json_name if plain is not None else "etag"
    return {"field": label, "old": "text before", "new": record.get(label)}


def _is_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
