"""proto3 JSON → message, strictly. Every fault is told with its path: `clocks[2].kind`, `labels["a b"]`."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import Invalid
from chassis.protojson import literals
from chassis.protojson.literals import Fault, Found, Read, Step

M = TypeVar("M", bound=Message)

MAX_DEPTH = 32
"""Objects and arrays inside of each other, the outermost counted."""

_MAX_FAULTS = 50  # enough to mend an import; more would make the answer larger than the question
_KEY = re.compile(rb'"[ \t\r\n]*:')
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WRAPPERS = {
    f"google.protobuf.{name}Value"
    for name in ("String", "Bool", "Int32", "UInt32", "Int64", "UInt64", "Double", "Float", "Bytes")
}


def decode(source: bytes | Mapping[str, Any], message_type: type[M]) -> M:
    """The message that the JSON text, or the already parsed object, says.

    Names are accepted in lowerCamelCase and as in the proto; `null` is the same as absent. Raises `Invalid` with a
    violation for each fault, and with the reason `MALFORMED` when it cannot be read as JSON or is nested too deeply.
    """
    value = parse(source) if isinstance(source, bytes) else source
    if not isinstance(source, bytes):
        _measure(value, 1)
    try:
        message: M = _reader(cast(Descriptor, message_type.DESCRIPTOR))(value)
    except Fault as fault:
        raise Invalid({_path(path): text for path, text in fault.found[:_MAX_FAULTS]}) from None
    return message


def parse(source: bytes) -> Any:
    """The JSON value that the text says. Raises `Invalid` as `decode` does, for what needs no message type to be wrong."""
    try:
        value = orjson.loads(source)
    except orjson.JSONDecodeError as error:
        raise Invalid({"": f"this is no JSON: {error.msg} at character {error.pos}"}, reason="MALFORMED") from None
    keys = _measure(value, 1)
    # A parser keeps the last of two equal keys and says nothing. Counting finds that out for the price of one search;
    # only where texts hold something like a key does the slow parser have to look.
    if len(_KEY.findall(source)) != keys or b"\\u0000" in source:
        json.loads(source, object_pairs_hook=_checked)
    return value


def parameter(field: FieldDescriptor, texts: list[str]) -> Any:
    """What a field of a request gets from a query or a path, where numbers and truth values are text.

    Raises `Invalid` with the field's JSON name.
    """
    read, convert = _element(field), literals.FROM_TEXT.get(field.cpp_type)
    try:
        values = [read(convert(text) if convert else text) for text in texts]
    except Fault as fault:
        raise Invalid({field.json_name: fault.found[0][1]}) from None
    return values if field.is_repeated else values[0]


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if "\0" in key:
            raise Invalid({"": "a name contains the character NUL"}, reason="MALFORMED")
        if key in found:
            raise Invalid({_path((key,)): "is said twice in one object"})
        found[key] = value
    return found


def _measure(value: Any, depth: int) -> int:
    """Counts the keys. Raises `Invalid` where it goes too deep."""
    if value.__class__ is not dict and value.__class__ is not list:
        return 0
    if depth > MAX_DEPTH:
        raise Invalid({"": f"this is nested more than {MAX_DEPTH} levels deep"}, reason="MALFORMED")
    keys, items = (len(value), value.values()) if value.__class__ is dict else (0, value)
    for item in items:
        if item.__class__ is dict or item.__class__ is list:
            keys += _measure(item, depth + 1)
    return keys


def _path(steps: tuple[Step, ...]) -> str:
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


_readers: dict[Descriptor, Read] = {}


def _reader(descriptor: Descriptor) -> Read:
    known = _readers.get(descriptor)
    return known if known is not None else _compile(descriptor)


def _compile(descriptor: Descriptor) -> Read:
    if descriptor.full_name in literals.WELL_KNOWN:
        return _readers.setdefault(descriptor, literals.WELL_KNOWN[descriptor.full_name])
    if descriptor.full_name == "google.protobuf.Any" or descriptor.is_extendable:
        raise TypeError(f"{descriptor.full_name} has no JSON form here")
    if descriptor.full_name in _WRAPPERS:
        make, inner = GetMessageClass(descriptor), _element(descriptor.fields_by_name["value"])
        return _readers.setdefault(descriptor, lambda value: make(value=inner(value)))
    table: dict[str, _Row] = {}
    _readers[descriptor] = _object(descriptor, table)  # before its fields, one of which may be of this very type
    for field in descriptor.fields:
        table[field.json_name] = table[field.name] = _row(field)
    return _readers[descriptor]


class _Row(NamedTuple):
    """What the name of a field stands for. `oneof` names the others that it excludes, empty for none."""

    name: str
    read: Read
    oneof: str
    nullable: bool


def _row(field: FieldDescriptor) -> _Row:
    read = _element(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        read = _map(field)
    elif field.is_repeated:
        read = _list(read)
    oneof = field.containing_oneof
    group = oneof.name if oneof is not None and len(oneof.fields) > 1 else ""
    return _Row(field.name, read, group, not field.is_repeated and _nullable(field))


def _object(descriptor: Descriptor, table: dict[str, _Row]) -> Read:
    make = GetMessageClass(descriptor)

    def read_object(value: Any) -> Message:
        if value.__class__ is not dict:
            raise Fault("should be an object")
        values: dict[str, Any] = {}
        faults: list[Found] = []
        for key, item in value.items():
            row = table.get(key)
            if row is None:
                faults.append(((key,), "is not known here"))
                continue
            name, read, oneof, nullable = row
            if name in values:
                faults.append(((key,), "is said twice in one object"))
            elif item is None and not nullable:
                values[name] = None
            elif oneof and any(table[other].oneof == oneof for other in values if values[other] is not None):
                faults.append(((key,), f"excludes another field of {oneof}"))
            else:
                try:
                    values[name] = read(item)
                except Fault as fault:
                    fault.under(key, faults)
                    values[name] = None
        if faults:
            raise Fault(*faults[:_MAX_FAULTS])
        return make(**values)

    return read_object


def _nullable(field: FieldDescriptor) -> bool:
    """Whether `null` is a value of the field and not its absence."""
    if field.message_type is not None:
        return field.message_type.full_name == "google.protobuf.Value"
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"


def _element(field: FieldDescriptor) -> Read:
    if field.message_type is not None:
        return _reader(field.message_type)
    if field.enum_type is not None:
        return literals.enumeration(field.enum_type)
    return literals.octets if field.type == FieldDescriptor.TYPE_BYTES else literals.SCALARS[field.cpp_type]


def _list(read: Read) -> Read:
    def read_all(value: Any) -> list[Any]:
        if value.__class__ is not list:
            raise Fault("should be an array")
        try:
            return [read(item) for item in value]
        except Fault:
            raise Fault(*_faults(read, enumerate(value))) from None

    return read_all


def _map(field: FieldDescriptor) -> Read:
    entry = cast(Descriptor, field.message_type).fields_by_name
    read_key, convert = _element(entry["key"]), literals.FROM_TEXT.get(entry["key"].cpp_type)
    read = _element(entry["value"])

    def read_all(value: Any) -> dict[Any, Any]:
        if value.__class__ is not dict:
            raise Fault("should be an object")
        try:
            return {read_key(convert(key) if convert else key): read(item) for key, item in value.items()}
        except Fault:
            found = _faults(lambda key: read_key(convert(key) if convert else key), ((key, key) for key in value))
            raise Fault(*found, *_faults(read, value.items())) from None

    return read_all


def _faults(read: Read, items: Any) -> list[Found]:
    """All faults of a list or map, once it is known to have one."""
    faults: list[Found] = []
    for step, item in items:
        try:
            read(item)
        except Fault as fault:
            fault.under(step, faults)
            if len(faults) >= _MAX_FAULTS:
                break
    return faults
