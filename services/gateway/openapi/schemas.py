"""JSON Schemas of messages, for the OpenAPI document.

A message has up to three: as it is answered (`Incident`: everything without presence is always there), as it is sent
(`IncidentInput`: only what must be said is required) and as it is changed (`IncidentPatch`: nothing is). An enum has one as it
is answered, with the word for what nobody said, and one as it is sent.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from google.api.field_behavior_pb2 import IMMUTABLE, INPUT_ONLY, OUTPUT_ONLY, REQUIRED
from google.protobuf.descriptor import FieldDescriptor
from itsm.type.v1 import annotations_pb2

from chassis.codec import has_behavior

Schema = dict[str, Any]
Descriptor = Any


class Use(StrEnum):
    """What a schema describes; its value is what follows the name of the message."""

    ANSWER = ""
    INPUT = "Input"
    PATCH = "Patch"


_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32 = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_INT64 = {"type": "string", "format": "int64", "pattern": r"^-?(0|[1-9]\d{0,18})$"}
_UINT64 = {"type": "string", "format": "uint64", "pattern": r"^(0|[1-9]\d{0,19})$"}
SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT64: _UINT64,
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
}
_BYTES = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/_-]*={0,2}$"}
WELL_KNOWN: dict[str, tuple[Schema, Any]] = {
    "Timestamp": ({"type": "string", "format": "date-time"}, "2026-01-31T12:00:00Z"),
    "Duration": ({"type": "string", "format": "google-duration", "pattern": r"^-?\d{1,11}(\.\d{1,9})?s$"}, "90s"),
    "FieldMask": ({"type": "string", "format": "google-fieldmask"}, "title"),
    "Struct": ({"type": "object", "additionalProperties": True}, {"attempts": 3.0}),
    "Value": ({}, "NEW"),
    "ListValue": ({"type": "array", "items": {}}, []),
    "Empty": ({"type": "object", "additionalProperties": False}, {}),
    "StringValue": ({"type": "string"}, "text"),
    "BoolValue": ({"type": "boolean"}, True),
    "Int32Value": (_INT32, 1),
    "UInt32Value": (_UINT32, 1),
    "Int64Value": (_INT64, "1"),
    "UInt64Value": (_UINT64, "1"),
    "DoubleValue": ({"type": "number", "format": "double"}, 0.5),
    "FloatValue": ({"type": "number", "format": "float"}, 0.5),
    "BytesValue": (_BYTES, "AA=="),
}
PLAIN_VALUE: Schema = {
    "description": "A string, a number, a boolean or an array of them. Whole numbers beyond ±(2^53-1) are strings.",
    "examples": ["B12"],
    "oneOf": [
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
        {"type": "null"},
    ],
}
GOOGLE = "google.protobuf."
VALUE = "itsm.type.v1.Value"
"""A value of one of several kinds, written plainly."""

TAKEN = ("Problem", "ProblemError")
"""What refusals are called: a record of that name is called by its service too."""


class Schemas:
    """The schemas that a document has asked for, by name, in `components`."""

    def __init__(self, comments: dict[str, str]) -> None:
        self._comments = comments
        self._owners = dict.fromkeys(TAKEN, "")
        self.components: dict[str, Schema] = {}

    def message(self, descriptor: Descriptor, use: Use, without: Iterable[str] = ()) -> Schema:
        """A reference to the message's schema, which is made when it is new; `without` leaves fields out."""
        if descriptor.full_name.startswith(GOOGLE):
            return WELL_KNOWN[descriptor.full_name.removeprefix(GOOGLE)][0]
        if descriptor.full_name == VALUE:
            self.components.setdefault("PlainValue", PLAIN_VALUE)
            return {"$ref": "#/components/schemas/PlainValue"}
        name = self._name(descriptor, use)
        if name not in self.components:
            self.components[name] = {}  # before its fields, one of which may be of this very type
            self.components[name] |= self._object(descriptor, use, frozenset(without))
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor, use: Use) -> Schema:
        """The schema of a field with what its comment and its behavior say."""
        schema = dict(self._shape(field, use))
        text = self._comments.get(field.full_name, "")
        if has_behavior(field, IMMUTABLE):
            text = f"{text} Cannot be changed later.".strip()
        if has_behavior(field, INPUT_ONLY) and use is Use.ANSWER:
            text = f"{text} Never told: always empty here.".strip()
        if text:
            schema["description"] = text
        if has_behavior(field, OUTPUT_ONLY):
            schema["readOnly"] = True
        # An answer has its name all the same, which what is `writeOnly` must not have.
        if has_behavior(field, INPUT_ONLY) and use is not Use.ANSWER:
            schema["writeOnly"] = True
        options: Any = field.GetOptions()
        if options.Extensions[annotations_pb2.personal]:
            schema["x-personal"] = True
        return schema

    def _name(self, descriptor: Descriptor, use: Use) -> str:
        short = descriptor.full_name.removeprefix(f"{descriptor.file.package}.").replace(".", "")
        name = short if short.endswith("Request") and short != "Request" else f"{short}{use}"  # which is a record
        owner = self._owners.setdefault(name, descriptor.full_name)
        if owner != descriptor.full_name:
            # The first keeps the plain name: documents are made in the order of the packages, so this is stable.
            name = f"{descriptor.file.package.split('.')[1].title()}{name}"
            self._owners[name] = descriptor.full_name
        return name

    def _object(self, descriptor: Descriptor, use: Use, without: frozenset[str]) -> Schema:
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Schema = {"type": "object"}
        if text := self._comments.get(descriptor.full_name):
            schema["description"] = text
        schema["properties"] = {field.json_name: self.field(field, use) for field in fields}
        required = [field.json_name for field in fields if is_required(field, use)]
        if required:
            schema["required"] = required
        if use is not Use.ANSWER:
            schema["additionalProperties"] = False
        return schema

    def _shape(self, field: FieldDescriptor, use: Use) -> Schema:
        nested: Descriptor = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._one(nested.fields_by_name["value"], use)}
        if field.is_repeated:
            return {"type": "array", "items": self._one(field, use)}
        return self._one(field, use)

    def _one(self, field: FieldDescriptor, use: Use) -> Schema:
        if field.message_type is not None:
            # What is inside of a change is given whole.
            return self.message(field.message_type, Use.INPUT if use is Use.PATCH else use)
        if field.enum_type is not None:
            return self._enum(field.enum_type, use)
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else SCALARS[field.cpp_type]

    def _enum(self, enum: Descriptor, use: Use) -> Schema:
        names = enum_names(enum, use)
        name = self._name(enum, Use.ANSWER if len(names) == len(enum.values) else Use.INPUT)
        if name not in self.components:
            said = {each: self._comments.get(f"{enum.full_name}.{each}", "") for each in names}
            listed = "\n".join(f"- `{each}`: {text}" for each, text in said.items() if text)
            about = "\n\n".join(text for text in (self._comments.get(enum.full_name, ""), listed) if text)
            self.components[name] = {"type": "string", **({"description": about} if about else {}), "enum": names}
        return {"$ref": f"#/components/schemas/{name}"}


def is_required(field: FieldDescriptor, use: Use) -> bool:
    """Whether it must be there: in an answer what has no presence, in what is sent what says so."""
    if use is Use.ANSWER:
        return not field.has_presence
    return use is Use.INPUT and has_behavior(field, REQUIRED)


def enum_names(enum: Descriptor, use: Use) -> list[str]:
    """The words of an enum; the one for what nobody said is answered and never sent."""
    names = [value.name for value in enum.values]
    return names if use is Use.ANSWER or not names[0].endswith("_UNSPECIFIED") else names[1:]
