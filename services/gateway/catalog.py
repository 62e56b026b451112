"""Every event that there is, and what may be asked of the record that it holds: read from the descriptors."""

from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from google.protobuf import descriptor_pool
from itsm.type.v1 import annotations_pb2

from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.listing import Fields
from chassis.listing.compiled import Predicate, compile_predicate
from chassis.listing.filter import parse
from chassis.listing.messages import fields_of, with_instants
from chassis.peers import SERVICES
from chassis.store.changes import SNAPSHOT_FIELD
from services.gateway.domain.webhook import covers
from services.gateway.ports import Told

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
        return isinstance(record, dict) and predicate(with_instants(record, snapshot.message_type))

    def _fields(self, name: str) -> Fields:
        return fields_of(_messages()[name].fields_by_number[SNAPSHOT_FIELD].message_type)

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
