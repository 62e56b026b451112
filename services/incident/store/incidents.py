"""Incidents and what is said about them."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.errors import Busy
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Backend, Index, Kind, Update
from chassis.store.migrations import Migration
from chassis.store.transaction import CLAIMS
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident
from services.incident.domain.link import LinkKind
from services.incident.domain.note import Note
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.states import OPEN, HoldReason, Source, State
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.alerts import FIRING_CLAIM
from services.incident.usecases.incidents import LATEST_CLAIM

KINDS = (
    Kind(Incident, pb.Incident, "incidents"),
    Kind(Note, pb.Note, "notes", about="about"),
)
INCIDENTS, NOTES = (kind.collection for kind in KINDS)

DUE_FIELD, FOLLOW_UP_FIELD = "next_due_time", "follow_up_time"

# Each is written with every insert, and again when one of its fields changes: only what a list or the timer asks for. Who is
# bounded to their own incidents always asks by requester; nobody owns an incident yet when it is opened, and many concern no
# asset, so the indexes by owner, service and asset hold what names one. Without them a page of an asset is a walk over all.
# What is open is a few of a hundred: the index of those holds all that a queue is filtered and counted by, so that the counts
# beside it are told without reading a record, and a record leaves it when it ends.
INDEXES = (
    Index(INCIDENTS, [("tenant", 1), ("number", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("moved_from", 1)], partial={"moved_from": {"$gt": ""}}),
    Index(INCIDENTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("update_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(INCIDENTS, [("tenant", 1), ("requester_id", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(INCIDENTS, [("tenant", 1), (named, 1), ("create_time", -1), ("_id", 1)], partial={named: {"$gt": ""}})
        for named in ("assignee_id", "team_id", "service_id", "asset_ids")
    ),
    Index(
        INCIDENTS,
        [("tenant", 1), ("category", 1), ("priority", 1), ("create_time", -1), ("_id", 1)],
        partial={"category": {"$gt": ""}},
    ),
    Index(
        INCIDENTS,
        [
            *(("tenant", 1), ("team_id", 1), ("state", 1), ("create_time", -1), ("_id", 1)),
            *((counted, 1) for counted in ("assignee_id", "priority", "category")),
        ],
        partial={"state": {"$in": sorted(OPEN)}},
    ),
    due_index(INCIDENTS, DUE_FIELD, "tenant", "_id"),
    due_index(INCIDENTS, FOLLOW_UP_FIELD),
    Index(NOTES, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
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


INCIDENT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", State),
    "holdReason": enum_field("hold_reason", HoldReason),
    "impact": enum_field("impact", Impact),
    "urgency": enum_field("urgency", Urgency),
    "priority": enum_field("priority", Priority),
    "source": enum_field("source", Source),
    "serviceId": Field(path="service_id"),
    "assetIds": Field(path="asset_ids", many=True),
    "alertIds": Field(path="alert_ids", many=True),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "category": Field(path="category"),
    "dedupKey": Field(path="dedup_key"),
    "clocks.kind": enum_field("clocks.kind", ClockKind, many=True),
    "clocks.state": enum_field("clocks.state", ClockState, many=True),
    "clocks.dueTime": time_field("clocks.due_time", many=True),
    "clocks.breached": Field(path="clocks.breached", kind=Of.BOOL, many=True),
    "clocks.policyId": Field(path="clocks.policy_id", many=True),
    "resolutionCode": Field(path="resolution_code"),
    "reopenCount": Field(path="reopen_count", kind=Of.NUMBER),
    "reassignmentCount": Field(path="reassignment_count", kind=Of.NUMBER),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "acknowledgeTime": time_field("acknowledge_time"),
    "resolveTime": time_field("resolve_time"),
    "closeTime": time_field("close_time"),
    "externalNumber": Field(path="external_number"),
    "importedMadeSla": Field(path="imported_made_sla", kind=Of.BOOL),
    "links.target": Field(path="links.target", many=True),
    "links.kind": enum_field("links.kind", LinkKind, many=True),
    "mergedIntoId": Field(path="merged_into_id"),
    "watcherIds": Field(path="watcher_ids", many=True),
}
INCIDENT_ORDER = "createTime desc"

# Notes and timelines are only ever asked for by what they are about, newest first; the filter binds a token to it.
NOTE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "public": Field(path="public", kind=Of.BOOL),
    "createTime": time_field("create_time", sortable=True),
}
NOTE_ORDER = "createTime desc"
TIMELINE_FIELDS: Fields = {"id": Field(path="_id", sortable=True), "about": Field(path="about")}
TIMELINE_ORDER = "id desc"


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "incidents": Listing("incidents", INCIDENT_FIELDS, INCIDENT_ORDER, key, clock),
        "notes": Listing("notes", NOTE_FIELDS, NOTE_ORDER, key, clock),
        "timeline": Listing("timeline", TIMELINE_FIELDS, TIMELINE_ORDER, key, clock),
    }
