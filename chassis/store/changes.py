"""One change row per save: outbox entry, timeline entry and audit intent at once (docs/architecture.md, "Changes").

Building a row fails with `Invalid` when it would pass 512 KiB, the most that is ever published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zlib import crc32

from google.protobuf.message import Message
from itsm.type.v1 import annotations_pb2

from chassis import protojson
from chassis.codec import Descriptor, document_to_message, personal_fields
from chassis.context import Context
from chassis.domain import Aggregate, uuid7
from chassis.errors import Invalid
from chassis.store.backend import Index

CHANGES = "changes"
SHARDS = 16
LARGEST = 512 * 1024
SNAPSHOT_FIELD = 15  # of each event message: the resource as it is after the change
CHANGES_FIELD = "changes"

INDEXES = (
    # The relay's only index, small because published rows leave it; its keys let a shard be read in order.
    Index(CHANGES, [("shard", 1), ("_id", 1)], partial={"pending": True}),
    Index(CHANGES, [("tenant", 1), ("subject", 1), ("version", 1)]),
    Index(CHANGES, [("tenant", 1), ("about", 1), ("_id", 1)], partial={"about": {"$exists": True}}),
    Index(CHANGES, [("expire_time", 1)], expire_after=timedelta(0), partial={"expire_time": {"$exists": True}}),
)

Document = dict[str, Any]

# Said by the row itself or derived from it: a change of these alone tells nobody anything.
_BOOKKEEPING = frozenset({"version", "update_time", "etag"})


@dataclass(frozen=True, slots=True)
class Kind:
    """An aggregate, the message that the world sees of it, and its collection.

    `about` names the field that holds the subject on whose timeline the record appears (a note's incident).
    """

    aggregate: type[Aggregate]
    message: type[Message]
    collection: str
    about: str = ""

    @property
    def plural(self) -> str:
        """The resource's name in subjects and paths."""
        options: Any = self.message.DESCRIPTOR.GetOptions()
        resource = options.Extensions[annotations_pb2.resource]
        return str(resource.plural)

    @property
    def numbered(self) -> bool:
        """Whether records of this kind have a human number beside their id."""
        return "number" in self.message.DESCRIPTOR.fields_by_name

    def subject(self, id: str) -> str:  # noqa: A002 - the field's name everywhere
        """How events and timelines name a record of this kind."""
        return f"{self.plural}/{id}"


def shard_of(tenant: str, id: str) -> int:  # noqa: A002 - as above
    """Which relay shard tells of a record: all changes of one record share one."""
    return crc32(f"{tenant}/{id}".encode()) % SHARDS


def change_row(
    kind: Kind, context: Context, event: Message, before: Mapping[str, Any] | None, after: Mapping[str, Any], time: datetime
) -> Document:
    """The row that tells of one save. `before` is absent on a create, whose snapshot says it all."""
    differences = difference(before, after) if before is not None else []
    fill(kind, event, differences, after)
    data = protojson.encode(event)
    if len(data) > LARGEST:
        raise Invalid({"": f"the record would take {len(data)} bytes in an event; {LARGEST} is the most"})
    row: Document = {
        "_id": uuid7(),
        "tenant": context.tenant,
        "kind": kind.plural,
        "subject": kind.subject(after["_id"]),
        "key": after["_id"],
        "version": after["version"],
        "type": event.DESCRIPTOR.full_name,
        "time": time,
        "actor": {"id": context.actor.id, "kind": context.actor.kind},
        "request_id": context.request_id,
        "causation_id": context.causation_id,
        "correlation_id": context.correlation_id,
        "trace": context.trace,
        "data": data.decode(),
        "shard": shard_of(context.tenant, after["_id"]),
        "pending": True,
    }
    if context.act:
        row["act"] = context.act
    if kind.about:
        row["about"] = after[kind.about]
    if before is not None:
        row["diff"] = _without_personal(kind.message.DESCRIPTOR, differences)
    return row


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Document]:
    """Each top-level field whose value differs, with both values; bookkeeping left out."""
    names = [name for name in after if name not in _BOOKKEEPING and before.get(name) != after[name]]
    return [{"field": name, "old": before.get(name), "new": after[name]} for name in names]


def fill(kind: Kind, event: Message, differences: list[Document], after: Mapping[str, Any]) -> None:
    """Completes a recorded event: the public fields that changed, and the record's public representation."""
    descriptor: Descriptor = kind.message.DESCRIPTOR
    snapshot = document_to_message(after, kind.message)
    for name in personal_fields(descriptor):
        snapshot.ClearField(name)
    getattr(event, _snapshot_name(event.DESCRIPTOR)).CopyFrom(snapshot)
    if differences and CHANGES_FIELD in event.DESCRIPTOR.fields_by_name:
        hidden = personal_fields(descriptor)
        public = [
            entry for entry in differences if entry["field"] in descriptor.fields_by_name and entry["field"] not in hidden
        ]
        names = {entry["field"] for entry in public}
        old = protojson.to_dict(document_to_message({"version": 0, **_picked(public, "old")}, kind.message))
        new = protojson.to_dict(snapshot)
        for name in sorted(names):
            label = descriptor.fields_by_name[name].json_name
            change = getattr(event, CHANGES_FIELD).add(field=label)
            _set(change.old, old.get(label))
            _set(change.new, new.get(label))


def _picked(entries: list[Document], side: str) -> Document:
    return {entry["field"]: entry[side] for entry in entries}


@cache
def _snapshot_name(event: Descriptor) -> str:
    return str(event.fields_by_number[SNAPSHOT_FIELD].name)


def _without_personal(descriptor: Descriptor, differences: list[Document]) -> list[Document]:
    hidden = personal_fields(descriptor)
    return [{"field": entry["field"], "personal": True} if entry["field"] in hidden else entry for entry in differences]


def _set(target: Any, value: Any) -> None:
    match value:
        case None:
            target.null_value = 0
        case bool():
            target.bool_value = value
        case str():
            target.string_value = value
        case int() | float():
            target.number_value = value
        case list():
            target.list_value.SetInParent()
            for item in value:
                _set(target.list_value.values.add(), item)
        case dict():
            target.struct_value.SetInParent()
            for name, item in value.items():
                _set(target.struct_value.fields[name], item)
