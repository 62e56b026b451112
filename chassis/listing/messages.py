"""What may be asked of a record as its events hold it: read from the descriptors.

Nothing that is personal can be asked for: events do not hold it. It cannot fail.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from chassis.codec import is_map, personal_fields
from chassis.listing.fields import Field, Fields, Kind

DEPTH = 2
"""How deep records inside of records are looked into."""


@cache
def fields_of(record: Any, prefix: str = "", path: str = "", depth: int = DEPTH, *, many: bool = False) -> Fields:
    """What may be asked of a record of this type (a message descriptor), by its JSON names."""
    found: dict[str, Field] = {}
    for field in record.fields:
        if field.name in personal_fields(record):
            continue
        name, at, several = f"{prefix}{field.json_name}", f"{path}{field.json_name}", many or field.is_repeated
        if is_map(field):
            if field.message_type.fields_by_name["value"].type == field.TYPE_STRING:
                found[name] = Field(path=at, keyed=True)
        elif field.enum_type is not None:
            found[name] = Field(path=at, kind=Kind.ENUM, values=tuple(field.enum_type.values_by_name), many=several)
        elif field.message_type is not None:
            if field.message_type.full_name == "google.protobuf.Timestamp":
                found[name] = Field(path=at, kind=Kind.TIMESTAMP, many=several)
            elif not field.message_type.full_name.startswith("google.protobuf.") and depth > 1:
                found |= fields_of(field.message_type, f"{name}.", f"{at}.", depth - 1, many=several)
        elif (kind := _kind(field)) is not None:
            found[name] = Field(path=at, kind=kind, many=several)
    return found


def with_instants(record: Mapping[str, Any], kind: Any, depth: int = DEPTH) -> dict[str, Any]:
    """The JSON of a record with its instants as such, as filters compare them; `kind` is its descriptor."""
    found = dict(record)
    for field in kind.fields:
        value = found.get(field.json_name)
        if value is None or field.message_type is None or is_map(field):
            continue
        if field.message_type.full_name == "google.protobuf.Timestamp" and isinstance(value, str):
            found[field.json_name] = datetime.fromisoformat(value)
        elif depth > 1 and isinstance(value, dict):
            found[field.json_name] = with_instants(value, field.message_type, depth - 1)
        elif depth > 1 and isinstance(value, list):
            parts = (with_instants(each, field.message_type, depth - 1) if isinstance(each, dict) else each for each in value)
            found[field.json_name] = list(parts)
    return found


def _kind(field: Any) -> Kind | None:
    if field.type == field.TYPE_STRING:
        return Kind.TEXT
    if field.type == field.TYPE_BOOL:
        return Kind.BOOL
    return Kind.NUMBER if field.type in (field.TYPE_INT32, field.TYPE_UINT32, field.TYPE_DOUBLE, field.TYPE_FLOAT) else None
