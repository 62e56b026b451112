"""Every event that there is, and what may be asked of the record that it holds: read from the descriptors."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from google.protobuf import descriptor_pool
from itsm.type.v1 import annotations_pb2

from chassis.codec import is_map, personal_fields
from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.listing import Field, Fields
from chassis.listing import Kind as Of
from chassis.listing.compiled import Predicate, compile_predicate
from chassis.listing.filter import parse
from chassis.peers import SERVICES
from chassis.store.changes import SNAPSHOT_FIELD
from services.gateway.domain.webhook import covers
from services.gateway.ports import Told

_DEPTH = 2
_KEPT = 1000


class Catalog:
    """See `services.gateway.ports.Catalog`. `clock` is what filters mean by now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._predicates: dict[tuple[str, str], Predicate | None] = {}

    @property
    def types(self) -> Collection[str]:
        """All event types."""
        return types()

    def check(self, patterns: Collection[str], filter_text: str) -> None:
        """See `ports.Catalog`."""
        if not filter_text:
            return
        meant = [name for name in _messages() if any(covers(pattern, name) for pattern in patterns)]
        wrong = None
        for name in meant:
            try:
                parse(filter_text, self._fields(name))
            except Invalid as error:
                wrong = wrong or error
            else:
                return
        if wrong is not None:
            raise wrong

    def holds(self, patterns: Collection[str], member: str) -> bool:
        """See `ports.Catalog`. A part, such as a note, is taken for a record of any kind: nobody knows what it is about."""
        records = {name: message.fields_by_number[SNAPSHOT_FIELD].message_type for name, message in _messages().items()}
        meant = [record for name, record in records.items() if any(covers(pattern, name) for pattern in patterns)]
        if any("about" in record.fields_by_name for record in meant):
            meant = list(records.values())
        return any(member in record.fields_by_camelcase_name for record in meant)

    def fits(self, filter_text: str, event: Told) -> bool:
        """See `ports.Catalog`."""
        if not filter_text:
            return True
        message = _messages().get(event.type)
        predicate = self._predicate(filter_text, event.type) if message is not None else None
        if message is None or predicate is None:
            return False
        snapshot = message.fields_by_number[SNAPSHOT_FIELD]
        record = event.data.get(snapshot.json_name)
        return isinstance(record, dict) and predicate(_instants(record, snapshot.message_type, _DEPTH))

    def _fields(self, name: str) -> Fields:
        return _fields(_messages()[name].fields_by_number[SNAPSHOT_FIELD].message_type)

    def _predicate(self, filter_text: str, name: str) -> Predicate | None:
        key = (filter_text, name)
        if key not in self._predicates:
            if len(self._predicates) >= _KEPT:
                self._predicates.clear()
            try:
                self._predicates[key] = compile_predicate(parse(filter_text, self._fields(name)), self._clock)
            except Invalid:  # the filter is about records of another kind
                self._predicates[key] = None
        return self._predicates[key]


def types() -> Collection[str]:
    """All event types that services tell on topics of their own."""
    return _messages().keys()


@cache
def _messages() -> Mapping[str, Any]:
    return {found.full_name: found for service in SERVICES for found in _events(f"itsm.{service}.v1")}


def _events(package: str) -> list[Any]:
    pool: Any = descriptor_pool.Default()
    module = import_module(package)
    messages = (pool.FindMessageTypeByName(f"{package}.{name}") for name, kind in vars(module).items() if _is_message(kind))
    return [each for each in messages if _plural(each)]


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "DESCRIPTOR") and hasattr(kind, "SerializeToString")


def _plural(event: Any) -> str:
    snapshot = event.fields_by_number.get(SNAPSHOT_FIELD)
    if snapshot is None or snapshot.message_type is None:
        return ""
    return str(snapshot.message_type.GetOptions().Extensions[annotations_pb2.resource].plural)


@cache
def _fields(record: Any, prefix: str = "", path: str = "", depth: int = _DEPTH, *, many: bool = False) -> Fields:
    """What may be asked of a record of this type, by its JSON names; nothing that is personal, which events do not hold."""
    found: dict[str, Field] = {}
    for field in record.fields:
        if field.name in personal_fields(record):
            continue
        name, at, several = f"{prefix}{field.json_name}", f"{path}{field.json_name}", many or field.is_repeated
        if is_map(field):
            if field.message_type.fields_by_name["value"].type == field.TYPE_STRING:
                found[name] = Field(path=at, keyed=True)
        elif field.enum_type is not None:
            found[name] = Field(path=at, kind=Of.ENUM, values=tuple(field.enum_type.values_by_name), many=several)
        elif field.message_type is not None:
            if field.message_type.full_name == "google.protobuf.Timestamp":
                found[name] = Field(path=at, kind=Of.TIMESTAMP, many=several)
            elif not field.message_type.full_name.startswith("google.protobuf.") and depth > 1:
                found |= _fields(field.message_type, f"{name}.", f"{at}.", depth - 1, many=several)
        elif (kind := _kind(field)) is not None:
            found[name] = Field(path=at, kind=kind, many=several)
    return found


def _kind(field: Any) -> Of | None:
    if field.type == field.TYPE_STRING:
        return Of.TEXT
    if field.type == field.TYPE_BOOL:
        return Of.BOOL
    return Of.NUMBER if field.type in (field.TYPE_INT32, field.TYPE_UINT32, field.TYPE_DOUBLE, field.TYPE_FLOAT) else None


def _instants(record: Mapping[str, Any], kind: Any, depth: int) -> dict[str, Any]:
    """The record with its instants as such, as filters compare them."""
    found = dict(record)
    for field in kind.fields:
        value = found.get(field.json_name)
        if value is None or field.message_type is None or is_map(field):
            continue
        if field.message_type.full_name == "google.protobuf.Timestamp" and isinstance(value, str):
            found[field.json_name] = datetime.fromisoformat(value)
        elif depth > 1 and isinstance(value, dict):
            found[field.json_name] = _instants(value, field.message_type, depth - 1)
        elif depth > 1 and isinstance(value, list):
            parts = (_instants(each, field.message_type, depth - 1) if isinstance(each, dict) else each for each in value)
            found[field.json_name] = list(parts)
    return found
