"""Change rows as Kafka records and back: CloudEvents 1.0 in binary mode, the value proto3 JSON (docs/reference/events.md).

Fails: `parse` with `Unreadable` when a record lacks what every event carries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis import telemetry
from chassis.store.backend import Document

AUDIT_TOPIC = "itsm.audit.v1"
CONTENT_TYPE = b"application/json"
LARGEST_RECORD = 1_048_576  # `message.max.bytes` of the broker and `max_request_size` of the producer
_LARGEST_AUDIT = LARGEST_RECORD - 16 * 1024  # leaves room for key and headers
_JSON = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z

Headers = list[tuple[str, bytes]]


def topic_of(service: str) -> str:
    """Where a service tells of its changes."""
    return f"itsm.{service}.v1"


def dead_topic_of(service: str) -> str:
    """Where a service puts records that it gave up on."""
    return f"itsm.{service}.v1.dead"


class Unreadable(Exception):
    """A record that can never be processed; `reason` is one of a closed set of words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Source:
    """Who publishes: the service in its installation, and the installation's epoch."""

    installation: str
    service: str
    epoch: int

    @property
    def uri(self) -> str:
        """As in `ce_source`."""
        return f"/itsm/{self.installation}/{self.service}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an event says about itself, beside its message."""

    id: str
    type: str
    source: str
    subject: str
    tenant: str
    key: str
    version: int
    epoch: int
    time: datetime
    actor: str
    actor_kind: str
    correlation_id: str
    causation_id: str
    trace: str

    @property
    def service(self) -> str:
        """The service that published it."""
        return self.source.rpartition("/")[2]

    @property
    def plural(self) -> str:
        """The kind of record that it tells of."""
        return self.subject.partition("/")[0]

    @property
    def record_id(self) -> str:
        """The record that it tells of."""
        return self.subject.partition("/")[2]


def key_of(row: Document) -> str:
    """The record key: all changes of one record are in one partition."""
    return f"{row['tenant']}/{row['key']}"


def headers_of(row: Document, source: Source) -> Headers:
    """The CloudEvents attributes of a row."""
    actor = row["actor"]
    headers = [
        ("content-type", CONTENT_TYPE),
        ("ce_specversion", b"1.0"),
        ("ce_id", row["_id"].encode()),
        ("ce_time", _instant(row["time"])),
        ("ce_type", row["type"].encode()),
        ("ce_source", source.uri.encode()),
        ("ce_subject", row["subject"].encode()),
        ("ce_dataschema", f"/api/v1/schemas/{row['type']}".encode()),
        ("ce_partitionkey", key_of(row).encode()),
        ("ce_itsmtenant", row["tenant"].encode()),
        ("ce_itsmversion", b"%020d" % row["version"]),
        ("ce_itsmepoch", b"%d" % source.epoch),
        ("ce_authtype", actor["kind"].encode()),
        ("ce_authid", actor["id"].encode()),
    ]
    for header, name in (
        ("ce_correlationid", "correlation_id"),
        ("ce_causationid", "causation_id"),
        ("traceparent", "trace"),
    ):
        if value := row.get(name):
            headers.append((header, value.encode()))
    return headers


def audit_value(row: Document) -> bytes:
    """What the audit log is told of a row: who, what, before and after, as JSON.

    Where the whole would not fit into a record, values are left out, the longest first: the names of the changed fields
    always stay.
    """
    entry: dict[str, Any] = {
        "id": row["_id"],
        "type": row["type"],
        "tenant": row["tenant"],
        "subject": row["subject"],
        "version": row["version"],
        "time": row["time"],
        "actor": row["actor"],
        "act": row.get("act", ""),
        "requestId": row.get("request_id", ""),
        "correlationId": row.get("correlation_id", ""),
        "causationId": row.get("causation_id", ""),
        "diff": row.get("diff", []),
        "data": orjson.Fragment(row["data"]),
    }
    value = orjson.dumps(entry, default=_plain, option=_JSON)
    if len(value) > _LARGEST_AUDIT:
        entry["data"] = None  # the ordinary topic has it under the same id
        value = orjson.dumps(entry, default=_plain, option=_JSON)
    if len(value) > _LARGEST_AUDIT:
        entry["diff"] = [{"field": change["field"], "omitted": True} for change in entry["diff"]]
        value = orjson.dumps(entry, default=_plain, option=_JSON)
    return value


def parse(headers: Sequence[tuple[str, bytes]] | Mapping[str, bytes], key: bytes | None) -> Envelope:
    """The envelope of a record. Raises `Unreadable` where something that every event has is missing or contradicts itself."""
    given = dict(headers)
    try:
        subject = given["ce_subject"].decode()
        tenant = given["ce_itsmtenant"].decode()
        envelope = Envelope(
            id=given["ce_id"].decode(),
            type=given["ce_type"].decode(),
            source=given["ce_source"].decode(),
            subject=subject,
            tenant=tenant,
            key=key.decode() if key else "",
            version=int(given["ce_itsmversion"]),
            epoch=int(given["ce_itsmepoch"]),
            time=datetime.fromisoformat(given["ce_time"].decode()),
            actor=given["ce_authid"].decode(),
            actor_kind=given["ce_authtype"].decode(),
            correlation_id=given.get("ce_correlationid", b"").decode(),
            causation_id=given.get("ce_causationid", b"").decode(),
            trace=telemetry.extract(given),
        )
    except (KeyError, ValueError) as error:
        raise Unreadable("envelope", f"{type(error).__name__}: {error}") from error
    if given.get("ce_specversion") != b"1.0" or not (envelope.id and tenant and envelope.version > 0):
        raise Unreadable("envelope", "this is no event of ours")
    if envelope.key != f"{tenant}/{envelope.record_id}" or given.get("ce_partitionkey") != key:
        raise Unreadable("tenant", "key, tenant and subject contradict each other")
    return envelope


def header(headers: Iterable[tuple[str, bytes]], name: str) -> bytes:
    """One header, empty where it is missing."""
    for present, value in headers:
        if present == name:
            return value
    return b""


def _instant(time: datetime) -> bytes:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} in a difference")
