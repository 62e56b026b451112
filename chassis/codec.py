"""Dataclass ⇄ document ⇄ message, derived once per type from the dataclass and the message descriptor.

A document holds proto field names, dates as dates, durations as ISO 8601 text, enums by name. Loading validates.
Fails with `msgspec.ValidationError` (naming the path) on a drifted document, with `Invalid` on input that does not fit.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from keyword import iskeyword
from typing import Any, TypeVar, get_type_hints

import msgspec
from google.api import field_behavior_pb2
from google.protobuf.message import Message
from itsm.type.v1 import annotations_pb2

from chassis.domain import Aggregate
from chassis.errors import Invalid
from chassis.values import EXACT, from_value, to_value

A = TypeVar("A", bound=Aggregate)
M = TypeVar("M", bound=Message)

Document = dict[str, Any]
# Descriptors of the two protobuf runtimes share no base class; their common shape is all that is used here.
Descriptor = Any
FieldDescriptor = Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - for instants that came without their zone


def to_document(aggregate: Aggregate) -> Document:
    """What the store keeps of an aggregate, without the tenant."""
    document: Document = msgspec.to_builtins(aggregate, builtin_types=(datetime,), enc_hook=_plain)
    document["_id"] = document.pop("id")
    kind: Any = type(aggregate)
    for own, stored in _renamed(kind):
        document[stored] = document.pop(own)
    return document


def _plain(value: Any) -> int:
    """Whole numbers come from the database as a class of its own, which free values of an aggregate keep."""
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(type(value).__name__)


def from_document(document: Mapping[str, Any], kind: type[A]) -> A:
    """The aggregate that a document holds. Fields that it does not know are left to newer processes."""
    named: Any = kind
    renamed = {own: document[stored] for own, stored in _renamed(named) if stored in document}
    return msgspec.convert({**document, **renamed, "id": document["_id"]}, kind)


def to_message(aggregate: Aggregate, kind: type[M]) -> M:
    """What the world sees of an aggregate."""
    return document_to_message(to_document(aggregate), kind)


def document_to_message(document: Mapping[str, Any], kind: type[M]) -> M:
    """The same straight from a stored document, as lists do. Fields that the message lacks stay inside."""
    convert, tagged = _stored(kind.DESCRIPTOR)
    values = convert(document)
    if tagged:
        values["etag"] = str(document["version"])
    if "_id" in document:
        values["id"] = document["_id"]
    return kind(**values)


@cache
def _stored(descriptor: Descriptor) -> tuple[Callable[[Mapping[str, Any]], dict[str, Any]], bool]:
    return _message_values(descriptor), "etag" in descriptor.fields_by_name


def part(value: Any, kind: type[M]) -> M:
    """What the world sees of a dataclass inside an aggregate."""
    return kind(**_message_values(kind.DESCRIPTOR)(msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_plain)))


def given(message: Message, kind: type[Any]) -> dict[str, Any]:
    """The fields that a caller set, as keyword arguments for the aggregate or a part of it. Output-only ones are dropped."""
    names = [field.name for field, _ in message.ListFields() if not has_behavior(field, field_behavior_pb2.OUTPUT_ONLY)]
    return _arguments(message, names, kind)


def changes(message: Message, paths: Iterable[str], kind: type[Aggregate], *, fixed: bool = False) -> dict[str, Any]:
    """The fields that an update names, as keyword arguments. Raises `Invalid` for one that is unknown or may not change.

    With `fixed` those that are chosen once come along: the use case refuses another value, so that a record may be sent back
    as it was read.
    """
    names, violations = [], {}
    ours = {field_behavior_pb2.OUTPUT_ONLY} if fixed else {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IMMUTABLE}
    for path in paths:
        field = message.DESCRIPTOR.fields_by_name.get(path)
        if field is None:
            violations[f"update_mask.{path}"] = f"is no field of {message.DESCRIPTOR.name}"
        elif any(has_behavior(field, behavior) for behavior in ours):
            violations[f"update_mask.{path}"] = "cannot be changed"
        else:
            names.append(path)
    if violations:
        raise Invalid(violations)
    return _arguments(message, names, kind)


@cache
def has_behavior(field: FieldDescriptor, behavior: int) -> bool:
    """Whether the proto marks the field so (`google.api.field_behavior`)."""
    found: bool = behavior in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return found


@cache
def personal_fields(descriptor: Descriptor) -> frozenset[str]:
    """Fields of a message that hold personal data and therefore leave the service in no event."""
    return frozenset(field.name for field in descriptor.fields if field.GetOptions().Extensions[annotations_pb2.personal])


def _arguments(message: Message, names: Iterable[str], kind: Any) -> dict[str, Any]:
    hints = _hints(kind)
    arguments, violations = {}, {}
    for name in names:
        try:
            value = _value(message, message.DESCRIPTOR.fields_by_name[name])
            arguments[own_name(name)] = msgspec.convert(value, hints[own_name(name)])
        except (msgspec.ValidationError, ValueError, OverflowError) as error:  # the latter two of instants and durations
            violations[name] = str(error)
    if violations:
        raise Invalid(violations)
    return arguments


def own_name(name: str) -> str:
    """What a dataclass calls a field of the proto: the same, with an underscore behind a word that Python keeps to itself."""
    return f"{name}_" if iskeyword(name) else name


@cache
def _renamed(kind: Any) -> tuple[tuple[str, str], ...]:
    """The fields of an aggregate that are called otherwise in documents and messages, with that name."""
    return tuple((name, name[:-1]) for name in _hints(kind) if name.endswith("_") and iskeyword(name[:-1]))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if is_map(field):
        inner = field.message_type.fields_by_name["value"]
        return {key: _single(item, inner) for key, item in value.items()}
    if field.is_repeated:
        return [_single(item, field) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _single(value, field)


def _single(value: Any, field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name if value in field.enum_type.values_by_number else str(value)
    if field.message_type is None:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        instant = value.ToDatetime(tzinfo=UTC)
        # No finer than the store keeps it, else the first answer would differ from all later ones.
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    if field.message_type.full_name == "google.protobuf.Duration":
        return value.ToTimedelta()
    if field.message_type.full_name == "itsm.type.v1.Value":
        return from_value(value)
    if field.message_type.full_name == "google.protobuf.Struct":
        return {name: _free(item) for name, item in value.fields.items()}
    return {inner.name: _value(value, inner) for inner, _ in value.ListFields()}


def _free(value: Any) -> Any:
    """What a free value says; JSON knows one kind of number, and whole ones are kept as such where they are exact."""
    kind = value.WhichOneof("kind")
    match kind:
        case None | "null_value":
            return None
        case "struct_value":
            return {name: _free(item) for name, item in value.struct_value.fields.items()}
        case "list_value":
            return [_free(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= EXACT else number
    return getattr(value, kind)


@cache
def _message_values(descriptor: Descriptor) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A converter for one message type: stored names and values → constructor arguments. Compiled once, since lists run it."""
    plain = [field.name for field in descriptor.fields if _converter(field) is None and not _told_when_empty(field)]
    always = [field.name for field in descriptor.fields if _converter(field) is None and _told_when_empty(field)]
    single = [(field.name, each) for field in descriptor.fields if (each := _converter(field)) and not _is_list(field)]
    repeated = [(field.name, each) for field in descriptor.fields if (each := _converter(field)) and _is_list(field)]

    def values(document: Mapping[str, Any]) -> dict[str, Any]:
        get = document.get
        # What is empty is what the message holds anyway.
        result = {name: value for name in plain if (value := get(name))}
        for name in always:
            if (value := get(name)) is not None:
                result[name] = value
        for name, convert in single:
            if (value := get(name)) is not None:
                result[name] = convert(value)
        for name, convert in repeated:
            if value := get(name):
                result[name] = [convert(item) for item in value]
        return result

    return values


def is_map(field: FieldDescriptor) -> bool:
    """Whether it maps keys to values, which descriptors tell as a list of entries."""
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _is_list(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated) and not is_map(field)


def _told_when_empty(field: FieldDescriptor) -> bool:
    """Whether nothing and an empty value are two things to a field."""
    return bool(field.has_presence and not field.is_repeated) or field.message_type is not None


def _converter(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    if field.enum_type is not None:
        return _enum_number(field)
    if field.message_type is None:
        return None
    if is_map(field):
        convert = _converter(field.message_type.fields_by_name["value"])
        return convert and (lambda value: {key: convert(item) for key, item in value.items()})
    match field.message_type.full_name:
        case "google.protobuf.Timestamp":
            return _timestamp
        case "google.protobuf.Duration":
            return _duration
        case "google.protobuf.Struct" | "google.protobuf.Value" | "google.protobuf.ListValue":
            return None
        case "itsm.type.v1.Value":
            return to_value
    return _message_values(field.message_type)


def _enum_number(field: FieldDescriptor) -> Callable[[str], int]:
    numbers = {value.name: value.number for value in field.enum_type.values}
    return numbers.__getitem__


def _timestamp(value: datetime) -> dict[str, int]:
    since = value - (_EPOCH if value.tzinfo is not None else _EPOCH_NAIVE)
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1_000}


def _duration(value: str | timedelta) -> Mapping[str, int]:
    return _seconds(value) if isinstance(value, timedelta) else _seconds_of(value)


@lru_cache(maxsize=4096)
def _seconds_of(text: str) -> Mapping[str, int]:
    return _seconds(msgspec.convert(text, timedelta))


def _seconds(value: timedelta) -> Mapping[str, int]:
    # Both parts of a protobuf duration have one sign.
    micros = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(micros), 1_000_000)
    sign = -1 if micros < 0 else 1
    return {"seconds": sign * seconds, "nanos": sign * rest * 1_000}
