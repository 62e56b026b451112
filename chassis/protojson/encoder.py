"""Message → proto3 JSON. Fields without presence are always written, fields with presence when they are set."""

import math
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.internal import type_checkers
from google.protobuf.message import Message

from chassis.values import to_json

_Convert = Callable[[Any], Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DURATION = 315_576_000_000
_AS_TEXT = {
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT64,
}  # JavaScript keeps integers exact up to 2^53 only, so proto3 JSON writes these as strings


def encode(message: Message) -> bytes:
    """The message as UTF-8 JSON."""
    return orjson.dumps(_encoder(cast(Descriptor, message.DESCRIPTOR))(message))


def to_dict(message: Message) -> Any:
    """The same as plain Python values: a dictionary, or what a well-known type is in JSON."""
    return _encoder(cast(Descriptor, message.DESCRIPTOR))(message)


_encoders: dict[Descriptor, _Convert] = {}


def _encoder(descriptor: Descriptor) -> _Convert:
    known = _encoders.get(descriptor)
    return known if known is not None else _compile(descriptor)


def _compile(descriptor: Descriptor) -> _Convert:
    if descriptor.full_name in _WELL_KNOWN:
        return _encoders.setdefault(descriptor, _WELL_KNOWN[descriptor.full_name])
    if descriptor.full_name == "google.protobuf.Any" or descriptor.is_extendable:
        raise TypeError(f"{descriptor.full_name} has no JSON form here")
    table: dict[FieldDescriptor, tuple[str, _Convert | None]] = {}
    always: dict[str, Any] = {}
    empties: list[tuple[str, Callable[[], Any]]] = []

    def convert(message: Message) -> dict[str, Any]:
        out = always.copy()
        for key, empty in empties:
            out[key] = empty()
        for field, value in message.ListFields():
            key, change = table[field]
            out[key] = value if change is None else change(value)
        return out

    _encoders[descriptor] = convert  # before its fields, one of which may be of this very type
    for field in descriptor.fields:
        table[field] = (field.json_name, _field(field))
        if field.is_repeated:
            always[field.json_name] = None  # keeps its place in the order of the proto
            empties.append((field.json_name, dict if _is_map(field) else list))
        elif not field.has_presence:
            change = table[field][1]
            always[field.json_name] = field.default_value if change is None else change(field.default_value)
    return convert


def _field(field: FieldDescriptor) -> _Convert | None:
    if _is_map(field):
        return _map(field)
    return _list(_value(field)) if field.is_repeated else _value(field)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _list(change: _Convert | None) -> _Convert:
    if change is None:
        return list
    return lambda values: [change(value) for value in values]


def _map(field: FieldDescriptor) -> _Convert:
    entry = cast(Descriptor, field.message_type).fields_by_name
    change = _value(entry["value"])
    key: _Convert = (lambda flag: "true" if flag else "false") if entry["key"].cpp_type == FieldDescriptor.CPPTYPE_BOOL else str
    if change is None:
        return lambda values: {key(name): value for name, value in values.items()}
    return lambda values: {key(name): change(value) for name, value in values.items()}


def _value(field: FieldDescriptor) -> _Convert | None:
    """How one value of the field is changed; `None` where it goes as it is."""
    if field.message_type is not None:
        return _encoder(field.message_type)
    if field.enum_type is not None:
        if field.enum_type.full_name == "google.protobuf.NullValue":
            return lambda _: None
        return _Names({value.number: value.name for value in reversed(field.enum_type.values)}).__getitem__
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: b64encode(value).decode()
    if field.cpp_type in _AS_TEXT:
        return str
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return lambda value: _number(type_checkers.ToShortestFloat(value))
    return _number if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE else None


class _Names(dict[int, str]):
    """A number that a newer writer knows and we do not stays a number."""

    def __missing__(self, number: int) -> Any:
        return number


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


# A page of records holds hundreds of instants, of a few days and of any second: both halves are worth keeping.
@lru_cache(maxsize=8192)
def _day(days: int) -> str:
    try:
        return (_EPOCH + timedelta(days=days)).date().isoformat()
    except OverflowError as error:
        raise ValueError(f"a Timestamp of {days} days lies outside of the years 1 to 9999") from error


@lru_cache(maxsize=86_400)
def _time_of_day(second: int) -> str:
    minutes, seconds = divmod(second, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


@lru_cache(maxsize=2048)
def _fraction(nanos: int) -> str:
    """With 0, 3, 6 or 9 digits, as proto3 JSON has it."""
    if not nanos:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}"
    return f".{nanos // 1000:06d}" if nanos % 1000 == 0 else f".{nanos:09d}"


def _timestamp(value: Any) -> str:
    nanos = value.nanos
    if not 0 <= nanos < 1_000_000_000:
        raise ValueError(f"a Timestamp has {nanos} nanoseconds")
    days, second = divmod(value.seconds, 86_400)
    return f"{_day(days)}T{_time_of_day(second)}{_fraction(nanos)}Z"


def _duration(value: Any) -> str:
    return _seconds(value.seconds, value.nanos)


@lru_cache(maxsize=4096)
def _seconds(seconds: int, nanos: int) -> str:
    if abs(seconds) > _MAX_DURATION or abs(nanos) >= 1_000_000_000 or (seconds < 0 < nanos) or (nanos < 0 < seconds):
        raise ValueError(f"no Duration: {seconds} seconds and {nanos} nanoseconds")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _field_mask(value: Any) -> str:
    return ",".join(camel(path) for path in value.paths)


@lru_cache(maxsize=4096)
def camel(path: str) -> str:
    """`asset_ids` → `assetIds`, as in a field mask."""
    head, *rest = path.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _struct(value: Any) -> dict[str, Any]:
    return {key: _any_value(item) for key, item in value.fields.items()}


def _list_value(value: Any) -> list[Any]:
    return [_any_value(item) for item in value.values]


def _any_value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise ValueError("a Value holds a number that is not finite")
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _struct(value.struct_value)
        case "list_value":
            return _list_value(value.list_value)
        case _:
            return None


def _wrapped(message: Any) -> Any:
    return message.value


def _wrapped_text(message: Any) -> str:
    return str(message.value)


_WELL_KNOWN: dict[str, _Convert] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list_value,
    "google.protobuf.Value": _any_value,
    "google.protobuf.StringValue": _wrapped,
    "google.protobuf.BoolValue": _wrapped,
    "google.protobuf.Int32Value": _wrapped,
    "google.protobuf.UInt32Value": _wrapped,
    "google.protobuf.Int64Value": _wrapped_text,
    "google.protobuf.UInt64Value": _wrapped_text,
    "google.protobuf.DoubleValue": lambda message: _number(message.value),
    "google.protobuf.FloatValue": lambda message: _number(type_checkers.ToShortestFloat(message.value)),
    "google.protobuf.BytesValue": lambda message: b64encode(message.value).decode(),
    "itsm.type.v1.Value": to_json,
}
