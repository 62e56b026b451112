"""Believable examples of messages, made from their descriptors: what an id, a time or an address looks like goes by its name.

Everything is the same at each run. The schema of the same arguments takes what is made here (tests hold it against that).
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from google.api.field_behavior_pb2 import IMMUTABLE, OUTPUT_ONLY, REQUIRED
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from itsm.type.v1 import annotations_pb2

from chassis.codec import has_behavior
from services.gateway.openapi.schemas import GOOGLE, SCALARS, VALUE, WELL_KNOWN, Use, enum_names, is_required
from services.gateway.openapi.words import AHEAD, DURATIONS, ENUMS, MAPS, NUMBERS, PEOPLE, PREFIXES, SAID, TEXTS, TIMES

Descriptor = Any
_TAIL = "01hv6k3q8r5w7x9y2z4a6b8c0d"
_PERSON = "3f0c9d2e-5b1a-4c7d-9e8f-1a2b3c4d5e6f"
_SAID_OF_NEW = ("title", "name", "description", "impact", "urgency", "comment", "zone")
"""What somebody who makes a record says beside what must be said."""
_CHANGED = 2


def example(descriptor: Descriptor, use: Use, without: Iterable[str] = ()) -> Any:
    """A value that the schema of the same arguments takes, with something in each field that it asks for."""
    return _message(descriptor, use, frozenset(without), frozenset())


def parameter(field: FieldDescriptor, record: Descriptor | None) -> Any:
    """A value of one field; `record` is what an operation is about, so that its `id` is one of those."""
    if field.name == "id" and record is not None:
        return _of_record(field, record) or "1"
    if field.name == "filter":
        return filter_of(record)
    if field.name == "order_by":
        return order_of(record)
    return _field(field, Use.INPUT, frozenset())


def filter_of(record: Descriptor | None) -> str:
    """A filter that finds something among records of this kind."""
    fields = record.fields_by_name if record is not None else {}
    for name in ("state", "kind"):
        if name in fields and fields[name].enum_type is not None:
            return f"{fields[name].json_name} = {enum_names(fields[name].enum_type, Use.INPUT)[0]}"
    if "time" in fields:
        return 'time >= ago("24h")'
    return f'id = "{_of_record(fields["id"], record)}"' if "id" in fields else 'name = "main"'


def order_of(record: Descriptor | None) -> str:
    """An order that records of this kind can be given in."""
    fields = record.fields_by_name if record is not None else {}
    if "time" in fields:
        return "time desc"
    # What comes from the realm has an id of the realm's, which nobody asks to have things ordered by.
    plural = record.GetOptions().Extensions[annotations_pb2.resource].plural if record is not None else ""
    return {"users": "username", "teams": "name"}.get(plural, "id")


def _message(descriptor: Descriptor, use: Use, without: frozenset[str], above: frozenset[str]) -> Any:
    if descriptor.full_name.startswith(GOOGLE):
        return WELL_KNOWN[descriptor.full_name.removeprefix(GOOGLE)][1]
    if descriptor.full_name == VALUE:
        return "B12"
    above |= {descriptor.full_name}
    fields = [field for field in descriptor.fields if field.name not in without]
    return {field.json_name: _field(field, use, above) for field in _shown(fields, use, above)}


def _shown(fields: list[FieldDescriptor], use: Use, above: frozenset[str]) -> list[FieldDescriptor]:
    if use is Use.PATCH:
        must = [field for field in fields if has_behavior(field, REQUIRED) and not has_behavior(field, IMMUTABLE)]
        plain = [field for field in fields if _settable(field) and field not in must]
        return must or plain[:_CHANGED]
    if use is Use.INPUT:
        shown = [field for field in fields if is_required(field, use) or _said(field)]
    else:
        shown = [field for field in fields if field.message_type is None or field.message_type.full_name not in above]
    alone: dict[str, FieldDescriptor] = {}
    for field in shown:
        if field.containing_oneof is not None:
            alone.setdefault(field.containing_oneof.full_name, field)
    return [field for field in shown if field.containing_oneof is None or alone[field.containing_oneof.full_name] is field]


def _said(field: FieldDescriptor) -> bool:
    """Whether somebody who makes a record says it though it need not be said."""
    owner: Descriptor = field.containing_type
    return field.name in SAID.get(owner.name, ()) or (field.name in _SAID_OF_NEW and _settable(field))


def _settable(field: FieldDescriptor) -> bool:
    barred = has_behavior(field, OUTPUT_ONLY) or has_behavior(field, IMMUTABLE)
    return not barred and not field.is_repeated and field.message_type is None and field.name in {*_SAID_OF_NEW, *TEXTS}


def _field(field: FieldDescriptor, use: Use, above: frozenset[str]) -> Any:
    nested: Descriptor = field.message_type
    if nested is not None and nested.GetOptions().map_entry:
        return _map(field, nested.fields_by_name["value"], use, above)
    if field.is_repeated:
        return [] if nested is not None and nested.full_name in above else [_single(field, use, above)]
    return _single(field, use, above)


def _map(field: FieldDescriptor, value: FieldDescriptor, use: Use, above: frozenset[str]) -> Any:
    if field.name in MAPS and value.message_type is None and value.enum_type is None:
        return MAPS[field.name]
    if value.message_type is not None and value.message_type.full_name in above:
        return {}
    return {"rack": _single(value, use, above)}


def _single(field: FieldDescriptor, use: Use, above: frozenset[str]) -> Any:
    nested: Descriptor = field.message_type
    if nested is not None:
        kind = nested.full_name.removeprefix(GOOGLE)
        if kind == "Timestamp":
            ahead = AHEAD if use is Use.INPUT else {}
            return ahead.get(field.name) or TIMES.get(field.name, WELL_KNOWN[kind][1])
        if kind == "Duration":
            return DURATIONS.get(field.name, WELL_KNOWN[kind][1])
        # What is inside of a change is given whole.
        return _message(nested, Use.INPUT if use is Use.PATCH else use, frozenset(), above)
    if field.enum_type is not None:
        names = enum_names(field.enum_type, Use.INPUT)
        return ENUMS[field.name] if ENUMS.get(field.name) in names else names[0]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "AA=="
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text(field)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return field.name in ("enabled", "active", "public", "verify", "verify_tls")
    number = NUMBERS.get(field.name, 1)
    if SCALARS[field.cpp_type]["type"] == "string":
        return str(int(number))
    return int(number) if SCALARS[field.cpp_type]["type"] == "integer" else float(number)


def _text(field: FieldDescriptor) -> str:
    owner: Descriptor = field.containing_type
    if (known := TEXTS.get(f"{owner.name}.{field.name}")) is not None:
        return known
    if field.name in ("id", "number") and (own := _of_record(field, owner)):
        return own
    if field.name in TEXTS:
        return TEXTS[field.name]
    kind = field.name.removesuffix("s").removesuffix("_id")
    if field.name.endswith(("_id", "_ids")):
        if kind in PEOPLE:
            return _PERSON
        prefix = PREFIXES.get(kind) or next((told for name, told in _prefixes().items() if kind.endswith(name)), "")
        return f"{prefix}_{_TAIL}" if prefix else "main"
    if field.name in PEOPLE:
        return _PERSON
    return TEXTS.get(f"*_{field.name.rpartition('_')[2]}", "main")


def _of_record(field: FieldDescriptor, owner: Descriptor) -> str:
    about = owner.GetOptions().Extensions[annotations_pb2.resource]
    if field.name == "id" and about.id_prefix:
        return f"{about.id_prefix}_{_TAIL}"
    if field.name == "number" and about.number_prefix:
        return f"{about.number_prefix}0001042"
    if field.name == "id" and about.plural == "users":
        return _PERSON
    return ""


@cache
def _prefixes() -> dict[str, str]:
    """What ids start with, by the name of the record as fields have it: `alert_rule` → `rul`; longer names first."""
    # The import loads the protos that it knows, and belongs to those that ask for documents alone.
    from services.gateway.rest.routes import descriptors

    pool, found = descriptor_pool.Default(), {}
    for file in descriptors().file:
        for message in file.message_type:
            about: Any = pool.FindMessageTypeByName(f"{file.package}.{message.name}").GetOptions()
            if prefix := about.Extensions[annotations_pb2.resource].id_prefix:
                snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in message.name)
                found[snake.removeprefix("_")] = prefix
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))
