"""The allow-list of a listing: which API names exist, where they are stored and what they hold.

How it can fail: a field that cannot order a list but is declared sortable raises `ValueError` at the start of the process,
never at a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

Document = Mapping[str, Any]
"""A stored document: snake_case keys, dates as `datetime` (naive means UTC), repeated fields as lists."""


class Kind(StrEnum):
    """What a field holds; it decides how a literal is read and which operators make sense."""

    TEXT = "text"
    """Prose: `:` finds a part of it, letter case aside."""
    KEYWORD = "keyword"
    """An id, a number of record, a category: compared whole."""
    ENUM = "enum"
    TIMESTAMP = "timestamp"
    NUMBER = "number"
    BOOL = "bool"
    DURATION = "duration"
    """Stored as ISO 8601 text, which has no useful order; written `90s` or `1h30m`, compared whole."""


BSON_TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "string",
    Kind.KEYWORD: "string",
    Kind.ENUM: "string",
    Kind.TIMESTAMP: "date",
    Kind.NUMBER: "number",
    Kind.BOOL: "bool",
    Kind.DURATION: "string",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One name that callers may filter or order by.

    `path` is the stored name, dotted for nested ones. `many` says that a path crosses or ends in a list: a comparison
    then holds when it holds for any element. `keyed` says that the path is a map whose keys are free, such as labels:
    callers write `labels.team`. Only short values should be `sortable`: they travel in page tokens.
    """

    path: str
    kind: Kind = Kind.KEYWORD
    values: tuple[str, ...] = ()
    sortable: bool = False
    many: bool = False
    keyed: bool = False

    def __post_init__(self) -> None:
        if self.sortable and (self.many or self.keyed or self.kind is Kind.DURATION):
            raise ValueError(f"{self.path} holds many values, or values without an order, and cannot order a list")
        if (self.kind is Kind.ENUM) != bool(self.values):
            raise ValueError(f"{self.path} needs the names of its enum, and only an enum has them")


Fields = Mapping[str, Field]
"""API name (lowerCamelCase, dotted for nested ones) to field."""


def normal(kind: Kind, value: object) -> Any:
    """The comparable form of a stored value, or None when it is null or not of this kind.

    Mongo compares only within a type and keeps milliseconds; this makes Python do the same.
    """
    if kind is Kind.TIMESTAMP:
        return utc(value) if isinstance(value, datetime) else None
    if kind is Kind.BOOL:
        return value if isinstance(value, bool) else None
    if kind is Kind.DURATION and isinstance(value, timedelta):
        return duration_text(value)
    if kind is Kind.NUMBER:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if isinstance(value, str) else None


def duration_text(span: timedelta) -> str:
    """The text that documents hold for a duration; each duration has exactly one."""
    text: str = msgspec.to_builtins(span)
    return text


def utc(moment: datetime) -> datetime:
    """`moment` as an aware time in UTC, cut to the millisecond that the store keeps; a naive one is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def values_at(document: Document, parts: tuple[str, ...]) -> list[Any]:
    """Every value that Mongo would look at for this path: lists are crossed, a missing field is one None."""
    found: list[Any] = [document]
    for part in parts:
        reached: list[Any] = []
        for item in found:
            if isinstance(item, Mapping):
                reached.append(item.get(part))
            elif isinstance(item, list | tuple):
                reached.extend(element.get(part) for element in item if isinstance(element, Mapping))
            else:
                reached.append(None)
        found = reached
    flat: list[Any] = []
    for item in found:
        if isinstance(item, list | tuple):
            flat.extend(item)
        else:
            flat.append(item)
    return flat
