"""What is kept where, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.errors import Busy
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Backend, Index, Kind, Update
from chassis.store.migrations import Migration
from chassis.store.transaction import CLAIMS
from services.incident.domain.calendar import Calendar
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident, Source
from services.incident.domain.note import Note
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.sla import SlaPolicy
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.alerts import FIRING_CLAIM
from services.incident.usecases.incidents import LATEST_CLAIM
from services.incident.usecases.policies import VERSIONS
from services.incident.usecases.reading import Listings

KINDS = (
    Kind(Incident, pb.Incident, "incidents"),
    Kind(Note, pb.Note, "notes", about="about"),
    Kind(SlaPolicy, pb.SlaPolicy, "sla_policies"),
    Kind(Calendar, pb.Calendar, "calendars"),
)
INCIDENTS, NOTES = (kind.collection for kind in KINDS[:2])

DUE_FIELD = "next_due_time"

# Each is written with every insert, and again when one of its fields changes: only what a list or the timer asks for. Who is
# bounded to their own incidents always asks by requester; nobody owns an incident yet when it is opened, so the indexes by
# owner hold what has one.
INDEXES = (
    Index(INCIDENTS, [("tenant", 1), ("number", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("update_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("requester_id", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(INCIDENTS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("assignee_id", "team_id")
    ),
    due_index(INCIDENTS, DUE_FIELD),
    Index(NOTES, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
    Index(VERSIONS, [("tenant", 1)]),
    Index(CLAIMS, [("expire_time", 1)], expire_after=timedelta(0)),
)


async def _count_firing_alerts(backend: Backend) -> None:
    """Which alerts an incident waits for was a list in it; it is a claim of each alert now, and a number in the incident."""
    while rows := await backend.find(INCIDENTS, {"firing_alert_ids.0": {"$exists": True}}, limit=100):
        for row in rows:
            tenant, firing = row["tenant"], row["firing_alert_ids"]
            claims = [{"_id": f"{tenant}|{FIRING_CLAIM}|{each}", "tenant": tenant} for each in firing]
            query = {"_id": row["_id"], "tenant": tenant, "firing_alert_ids": firing}
            counted = {"$set": {"firing_alert_count": len(firing)}, "$unset": {"firing_alert_ids": ""}}
            with suppress(Busy):  # changed since it was read, or counted by another process: the next look tells
                await backend.write(
                    [
                        Update(INCIDENTS, query, counted),
                        *(
                            Update(CLAIMS, claim, {"$set": {"holder": row["_id"]}}, strict=False, upsert=True)
                            for claim in claims
                        ),
                    ]
                )


async def _end_pointers(backend: Backend) -> None:
    """Where the last incident of a key is was kept for ever; it is of use for the grace period alone."""
    eternal = {"_id": {"$regex": rf"^[^|]*\|{LATEST_CLAIM}\|"}, "expire_time": {"$exists": False}}
    while rows := await backend.find(CLAIMS, eternal, limit=500, projection={"_id": 1, "tenant": 1}):
        ends = {"$set": {"expire_time": datetime.now(UTC) + timedelta(days=1)}}
        await backend.write([Update(CLAIMS, {"_id": row["_id"], "tenant": row["tenant"]}, ends, strict=False) for row in rows])


MIGRATIONS = (
    Migration(1, "firing alerts are counted", _count_firing_alerts),
    Migration(2, "pointers to the last incident of a key end", _end_pointers),
)


def _enum(path: str, kind: type[StrEnum], *, many: bool = False) -> Field:
    return Field(path=path, kind=Of.ENUM, values=tuple(value.value for value in kind), many=many)


def _time(path: str, *, sortable: bool = False, many: bool = False) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable, many=many)


INCIDENT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": _enum("state", State),
    "holdReason": _enum("hold_reason", HoldReason),
    "impact": _enum("impact", Impact),
    "urgency": _enum("urgency", Urgency),
    "priority": _enum("priority", Priority),
    "source": _enum("source", Source),
    "serviceId": Field(path="service_id"),
    "assetIds": Field(path="asset_ids", many=True),
    "alertIds": Field(path="alert_ids", many=True),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "category": Field(path="category"),
    "dedupKey": Field(path="dedup_key"),
    "clocks.kind": _enum("clocks.kind", ClockKind, many=True),
    "clocks.state": _enum("clocks.state", ClockState, many=True),
    "clocks.dueTime": _time("clocks.due_time", many=True),
    "clocks.breached": Field(path="clocks.breached", kind=Of.BOOL, many=True),
    "clocks.policyId": Field(path="clocks.policy_id", many=True),
    "resolutionCode": Field(path="resolution_code"),
    "reopenCount": Field(path="reopen_count", kind=Of.NUMBER),
    "reassignmentCount": Field(path="reassignment_count", kind=Of.NUMBER),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time", sortable=True),
    "acknowledgeTime": _time("acknowledge_time"),
    "resolveTime": _time("resolve_time"),
    "closeTime": _time("close_time"),
    "externalNumber": Field(path="external_number"),
    "importedMadeSla": Field(path="imported_made_sla", kind=Of.BOOL),
    "links.target": Field(path="links.target", many=True),
}
INCIDENT_ORDER = "createTime desc"

# Notes and timelines are only ever asked for by what they are about, newest first; the filter binds a token to it.
NOTE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "public": Field(path="public", kind=Of.BOOL),
    "createTime": _time("create_time", sortable=True),
}
NOTE_ORDER = "createTime desc"
TIMELINE_FIELDS: Fields = {"id": Field(path="_id", sortable=True), "about": Field(path="about")}
TIMELINE_ORDER = "id desc"

# A tenant has a handful of policies and calendars, which any order may sort without an index.
POLICY_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "number": Field(path="number", kind=Of.NUMBER, sortable=True),
    "calendarId": Field(path="calendar_id"),
    "active": Field(path="active", kind=Of.BOOL),
}
CALENDAR_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "zone": Field(path="zone"),
}


def listings(key: bytes, clock: Clock) -> Listings:
    """The lists of this service; `key` signs their tokens."""
    return Listings(
        incidents=Listing("incidents", INCIDENT_FIELDS, INCIDENT_ORDER, key, clock),
        notes=Listing("notes", NOTE_FIELDS, NOTE_ORDER, key, clock),
        timeline=Listing("timeline", TIMELINE_FIELDS, TIMELINE_ORDER, key, clock),
        sla_policies=Listing("slaPolicies", POLICY_FIELDS, "name", key, clock),
        calendars=Listing("calendars", CALENDAR_FIELDS, "name", key, clock),
    )
