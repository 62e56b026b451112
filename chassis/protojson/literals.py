"""What one JSON value may be for a field of each kind: readers that give the value or raise `Fault`."""

import binascii
import math
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.values import to_value

Read = Callable[[Any], Any]
Step = str | int
Found = tuple[tuple[Step, ...], str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MAX_DURATION = 315_576_000_000
_MAX_FLOAT = 3.4028234663852886e38
_EXACT = 2**53
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,19})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MASK_PATH = re.compile(r"[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*", re.ASCII)
_MAX_MASK_PATHS = 100


class Fault(Exception):
    """What is wrong with a value, and where below it: pairs of path and text."""

    def __init__(self, *found: str | Found) -> None:
        super().__init__()
        self.found: list[Found] = [((), item) if isinstance(item, str) else item for item in found]

    def under(self, step: Step, faults: list[Found]) -> None:
        """Adds its finds to `faults`, seen from one level higher."""
        faults += (((step, *path), text) for path, text in self.found)


def text(value: Any) -> str:
    """NUL and lone surrogates are refused: neither stores nor logs keep them as they are."""
    if value.__class__ is not str:
        raise Fault("should be a string")
    if not value.isprintable():  # the quick answer for most texts; line breaks and tabs come here too
        if "\0" in value:
            raise Fault("must not contain the character NUL")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Fault("holds half of a surrogate pair") from None
    return value


def boolean(value: Any) -> bool:
    """`true` or `false`, nothing that merely counts as such."""
    if value.__class__ is not bool:
        raise Fault("should be true or false")
    return value


def integer(low: int, high: int, *, as_text: bool) -> Read:
    """Whole numbers in a range; `as_text` also takes them as strings, which is how 64-bit ones are written."""

    def read(value: Any) -> int:
        written = value.__class__ is str and as_text and _INTEGER.fullmatch(value)
        if written or (value.__class__ is float and value.is_integer() and abs(value) <= _EXACT):
            value = int(value)
        if value.__class__ is not int:
            raise Fault("should be a whole number")
        if not low <= value <= high:
            raise Fault(f"should lie between {low} and {high}")
        return value

    return read


def real(largest: float) -> Read:
    """Finite numbers up to `largest`."""

    def read(value: Any) -> float:
        if value.__class__ is not float and value.__class__ is not int:
            raise Fault("should be a number")
        if not -largest <= value <= largest:  # NaN and the infinities are not between either
            raise Fault("should be a finite number that fits")
        return float(value)

    return read


def octets(value: Any) -> bytes:
    """Base64, the usual alphabet or the one for addresses."""
    if value.__class__ is not str:
        raise Fault("should be base64 text")
    padded = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Fault("should be base64 text") from None


def enumeration(descriptor: EnumDescriptor) -> Read:
    """The name of a value, never its number: numbers are nobody's business outside of the wire."""
    if descriptor.full_name == "google.protobuf.NullValue":
        return _null
    numbers = {value.name: value.number for value in descriptor.values}
    names = ", ".join(value.name for value in descriptor.values if value.number or not value.name.endswith("_UNSPECIFIED"))

    def read(value: Any) -> int:
        number = numbers.get(value) if value.__class__ is str else None
        if number is None:
            raise Fault(f"should be one of {names}")
        return number

    return read


def _null(value: Any) -> int:
    if value is not None:
        raise Fault("should be null")
    return 0


_NO_INSTANT = "should be an instant such as 2026-01-31T12:00:00Z"
_NO_DURATION = "should be seconds such as 90s or 1.5s"


def timestamp(value: Any) -> Timestamp:
    """RFC 3339 with a zone, up to nanoseconds, years 1 to 9999."""
    if value.__class__ is not str:
        raise Fault(_NO_INSTANT)
    seconds, nanos = _instant(value)
    return Timestamp(seconds=seconds, nanos=nanos)


# A record says the same instant several times, and its next event says it again.
@lru_cache(maxsize=8192)
def _instant(value: str) -> tuple[int, int]:
    match = _TIMESTAMP.fullmatch(value)
    if match is None:
        raise Fault(_NO_INSTANT)
    instant, fraction, zone = match.groups()
    try:
        seconds = (datetime.fromisoformat(instant + ("+00:00" if zone == "Z" else zone)) - _EPOCH) // _SECOND
    except ValueError:
        raise Fault("is no instant of the calendar") from None
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise Fault("should lie in the years 1 to 9999")
    return seconds, int(fraction.ljust(9, "0")) if fraction else 0


_FIRST_SECOND = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _SECOND
_LAST_SECOND = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // _SECOND


def duration(value: Any) -> Duration:
    """Seconds with the letter s, `90s` or `-1.5s`, up to 10,000 years."""
    if value.__class__ is not str:
        raise Fault(_NO_DURATION)
    seconds, nanos = _seconds(value)
    return Duration(seconds=seconds, nanos=nanos)


@lru_cache(maxsize=4096)
def _seconds(value: str) -> tuple[int, int]:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise Fault(_NO_DURATION)
    sign, whole, fraction = match.groups()
    seconds, nanos = int(whole), int(fraction.ljust(9, "0")) if fraction else 0
    if seconds > _MAX_DURATION or (seconds == _MAX_DURATION and nanos):
        raise Fault(f"should be at most {_MAX_DURATION} seconds")
    return (-seconds, -nanos) if sign else (seconds, nanos)


def field_mask(value: Any) -> FieldMask:
    """Paths in lowerCamelCase with commas between; at most 100."""
    if value.__class__ is not str:
        raise Fault("should be names of fields with commas between them")
    paths = value.split(",") if value else []
    if len(paths) > _MAX_MASK_PATHS:
        raise Fault(f"names more than {_MAX_MASK_PATHS} fields")
    for path in paths:
        if not _MASK_PATH.fullmatch(path):
            raise Fault("should be names of fields in lowerCamelCase with commas between them")
    return FieldMask(paths=[snake(path) for path in paths])


@lru_cache(maxsize=4096)
def snake(path: str) -> str:
    """`assetIds` → `asset_ids`, as field masks have it."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", path)


def struct(value: Any) -> Struct:
    """Any object."""
    if value.__class__ is not dict:
        raise Fault("should be an object")
    return Struct(fields=_each(value.items()))


def list_value(value: Any) -> ListValue:
    """Any array."""
    if value.__class__ is not list:
        raise Fault("should be an array")
    return ListValue(values=_each(enumerate(value)).values())


def _each(items: Any) -> dict[Any, Value]:
    out, faults = {}, list[Found]()
    for step, item in items:
        try:
            out[text(step) if step.__class__ is str else step] = any_value(item)
        except Fault as fault:
            fault.under(step, faults)
    if faults:
        raise Fault(*faults)
    return out


def any_value(value: Any) -> Value:
    """Any JSON value."""
    match value:
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=text(value))
        case int() | float():
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                raise Fault("should be a finite number")
            return Value(number_value=number)
        case dict():
            return Value(struct_value=struct(value))
        case list():
            return Value(list_value=list_value(value))
        case _:
            raise Fault("is no JSON value")


def plain_value(value: Any) -> Any:
    """A string, number, boolean or array of them; `null` says that there is none. Whole numbers stay exact."""
    _check_plain(value)
    return to_value(value)


def _check_plain(value: Any) -> None:
    match value:
        case None | bool():
            return
        case str():
            text(value)
        case int():
            _WHOLE(value)
        case float():
            _REAL(value)
        case list():
            faults: list[Found] = []
            for step, item in enumerate(value):
                try:
                    _check_plain(item)
                except Fault as fault:
                    fault.under(step, faults)
            if faults:
                raise Fault(*faults)
        case _:
            raise Fault("should be a string, a number, true, false or an array of them")


_WHOLE = integer(-(2**63), 2**63 - 1, as_text=False)
_REAL = real(1.7976931348623157e308)

WELL_KNOWN: dict[str, Read] = {
    "google.protobuf.Timestamp": timestamp,
    "google.protobuf.Duration": duration,
    "google.protobuf.FieldMask": field_mask,
    "google.protobuf.Struct": struct,
    "google.protobuf.ListValue": list_value,
    "google.protobuf.Value": any_value,
    "itsm.type.v1.Value": plain_value,
}

SCALARS: dict[int, Read] = {
    FieldDescriptor.CPPTYPE_STRING: text,
    FieldDescriptor.CPPTYPE_BOOL: boolean,
    FieldDescriptor.CPPTYPE_INT32: integer(-(2**31), 2**31 - 1, as_text=False),
    FieldDescriptor.CPPTYPE_UINT32: integer(0, 2**32 - 1, as_text=False),
    FieldDescriptor.CPPTYPE_INT64: integer(-(2**63), 2**63 - 1, as_text=True),
    FieldDescriptor.CPPTYPE_UINT64: integer(0, 2**64 - 1, as_text=True),
    FieldDescriptor.CPPTYPE_FLOAT: real(_MAX_FLOAT),
    FieldDescriptor.CPPTYPE_DOUBLE: real(1.7976931348623157e308),
}


def _whole(value: str) -> Any:
    return int(value) if _INTEGER.fullmatch(value) else value


def _decimal(value: str) -> Any:
    return float(value) if _DECIMAL.fullmatch(value) else value


def _flag(value: str) -> Any:
    return {"true": True, "false": False}.get(value, value)


FROM_TEXT: dict[int, Callable[[str], Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: _flag,
    FieldDescriptor.CPPTYPE_INT32: _whole,
    FieldDescriptor.CPPTYPE_UINT32: _whole,
    FieldDescriptor.CPPTYPE_INT64: _whole,
    FieldDescriptor.CPPTYPE_UINT64: _whole,
    FieldDescriptor.CPPTYPE_FLOAT: _decimal,
    FieldDescriptor.CPPTYPE_DOUBLE: _decimal,
}
"""What a text of a query or a path stands for, by the kind of its field; a text that says no such thing stays one."""
