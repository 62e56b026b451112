"""Records as they wait in the database: parked ones for an earlier version, dead ones for a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from chassis.events.wire import Envelope, Headers
from chassis.store.backend import Document, Index

PARKED = "parked"
DEAD_LETTERS = "dead_letters"
DEAD_KEPT = timedelta(days=90)

INDEXES = (
    Index(PARKED, [("group", 1), ("key", 1), ("epoch", 1), ("version", 1)]),
    Index(DEAD_LETTERS, [("tenant", 1), ("_id", 1)]),
    Index(DEAD_LETTERS, [("pending", 1)], partial={"pending": True}),
    Index(DEAD_LETTERS, [("state", 1), ("group", 1)], partial={"state": "REQUEUED"}),
    Index(DEAD_LETTERS, [("expire_time", 1)], expire_after=timedelta(0)),
)


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record, whether it comes from the broker or was kept."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Headers

    @classmethod
    def of(cls, received: Any) -> "Record":
        """From what aiokafka hands out."""
        return cls(
            received.topic,
            received.partition,
            received.offset,
            received.key or b"",
            received.value or b"",
            list(received.headers),
        )

    @classmethod
    def kept(cls, document: Document) -> "Record":
        """From a parked or dead one."""
        headers = [(name, bytes(value)) for name, value in document["headers"]]
        where = document["topic"], document["partition"], document["offset"]
        return cls(*where, bytes(document["record_key"]), bytes(document["value"]), headers)

    def document(self, group: str) -> Document:
        """How it is kept."""
        return {
            "group": group,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "record_key": self.key,
            "value": self.value,
            "headers": [[name, value] for name, value in self.headers],
        }


def parked(record: Record, envelope: Envelope, group: str, now: datetime) -> Document:
    """A record that came before its predecessor."""
    return {
        "_id": parked_id(envelope, group),
        "tenant": envelope.tenant,
        "key": envelope.key,
        "version": envelope.version,
        "epoch": envelope.epoch,
        "time": now,
        **record.document(group),
    }


def parked_id(envelope: Envelope, group: str) -> str:
    """The same version of a record is parked once."""
    return f"{group}|{envelope.key}|{envelope.epoch}|{envelope.version}"


def dead(record: Record, group: str, reason: str, detail: str, attempts: int, now: datetime) -> Document:
    """A record that is given up on. Its id follows from where it was, so that it is there once however often it is met."""
    given = dict(record.headers)
    tenant = given.get("ce_itsmtenant", b"").decode(errors="replace")
    honest = bool(tenant) and record.key.startswith(f"{tenant}/".encode())
    place = f"{group}|{record.topic}|{record.partition}|{record.offset}"
    return {
        "_id": f"dl_{sha256(place.encode()).hexdigest()[:26]}",
        # Whose it is must not be decided by a header that may be the very lie it is here for.
        "tenant": tenant if honest else "-",
        "type": given.get("ce_type", b"").decode(errors="replace"),
        "subject": given.get("ce_subject", b"").decode(errors="replace"),
        "reason": reason,
        "detail": detail[:1000],
        "attempts": attempts,
        "state": "OPEN",
        "pending": True,
        "time": now,
        "expire_time": now + DEAD_KEPT,
        "version": 0,  # no change row tells of it yet: the first one is that of an operator's verb
        **record.document(group),
    }
