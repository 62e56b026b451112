"""What the gateway keeps where, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta
from enum import StrEnum

from itsm.gateway import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.gateway import kept_mail, kept_notices
from services.gateway.domain.delivery import KEPT, Channel, DeliveryState
from services.gateway.domain.job import Format, ItemState, Job
from services.gateway.domain.job import Kind as JobKind
from services.gateway.domain.job import State as JobState
from services.gateway.domain.webhook import State, Webhook
from services.gateway.sync import kept as connections
from services.gateway.usecases.files import PIECES
from services.gateway.usecases.jobs import JOBS, NAMED
from services.gateway.usecases.log import DELIVERIES, DUE_FIELD
from services.gateway.usecases.presence import FORGOTTEN, PRESENCES
from services.gateway.usecases.reports import ITEMS
from services.gateway.usecases.webhooks import WEBHOOKS

KINDS = (
    Kind(Webhook, pb.Webhook, WEBHOOKS),
    *connections.KINDS,
    *kept_notices.KINDS,
    *kept_mail.KINDS,
    Kind(Job, pb.Job, JOBS),
)

INDEXES = (
    Index(WEBHOOKS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(WEBHOOKS, [("delete_time", 1)], expire_after=KEPT),
    Index(DELIVERIES, [("tenant", 1), ("target_id", 1), ("create_time", -1), ("_id", 1)]),
    due_index(DELIVERIES, DUE_FIELD, "target_id", "tenant"),
    Index(DELIVERIES, [("expire_time", 1)], expire_after=timedelta(0)),
    Index(JOBS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(JOBS, [("tenant", 1), ("creator_id", 1), ("state", 1)]),
    Index(JOBS, [("state", 1), ("create_time", 1)]),
    Index(PIECES, [("tenant", 1), ("creator_id", 1), ("expire_time", 1)]),
    Index(ITEMS, [("tenant", 1), ("creator_id", 1), ("expire_time", 1)]),
    Index(ITEMS, [("tenant", 1), ("job_id", 1), ("place", 1)]),
    Index(ITEMS, [("tenant", 1), ("job_id", 1), ("state", 1), ("place", 1)]),
    *(Index(each, [("expire_time", 1)], expire_after=timedelta(0)) for each in (JOBS, ITEMS, NAMED, PIECES)),
    Index(PRESENCES, [("tenant", 1), ("about", 1), ("seen_time", -1)]),
    Index(PRESENCES, [("tenant", 1), ("seen_time", 1)]),
    Index(PRESENCES, [("seen_time", 1)], expire_after=FORGOTTEN),
    *connections.INDEXES,
    *kept_notices.INDEXES,
    *kept_mail.INDEXES,
)


def _enum(path: str, kind: type[StrEnum]) -> Field:
    return Field(path=path, kind=Of.ENUM, values=tuple(value.value for value in kind))


def _time(path: str, *, sortable: bool = False) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable)


WEBHOOK_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "url": Field(path="url", kind=Of.TEXT),
    "description": Field(path="description", kind=Of.TEXT),
    "eventTypes": Field(path="event_types", many=True),
    "state": _enum("state", State),
    "ownerId": Field(path="owner_id"),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time", sortable=True),
}
DELIVERY_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "channel": _enum("channel", Channel),
    "targetId": Field(path="target_id"),
    "eventId": Field(path="event_id"),
    "eventType": Field(path="event_type"),
    "subject": Field(path="subject"),
    "state": _enum("state", DeliveryState),
    "createTime": _time("create_time", sortable=True),
    "nextDueTime": _time("next_due_time"),
}
JOB_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "kind": _enum("kind", JobKind),
    "resource": Field(path="resource"),
    "action": Field(path="action"),
    "format": _enum("format", Format),
    "state": _enum("state", JobState),
    "undoOf": Field(path="undo_of"),
    "creatorId": Field(path="creator_id"),
    "createTime": _time("create_time", sortable=True),
    "endTime": _time("end_time", sortable=True),
}
ITEM_FIELDS: Fields = {
    "place": Field(path="place", kind=Of.NUMBER, sortable=True),
    "id": Field(path="record_id"),
    "state": _enum("state", ItemState),
}


def webhook_listing(key: bytes, clock: Clock) -> Listing:
    """The list of webhooks."""
    return Listing("webhooks", WEBHOOK_FIELDS, "createTime desc", key, clock)


def delivery_listing(key: bytes, clock: Clock) -> Listing:
    """The list of deliveries of a target."""
    return Listing("deliveries", DELIVERY_FIELDS, "createTime desc", key, clock)


def job_listing(key: bytes, clock: Clock) -> Listing:
    """The list of jobs."""
    return Listing("jobs", JOB_FIELDS, "createTime desc", key, clock)


def item_listing(key: bytes, clock: Clock) -> Listing:
    """The report of a job."""
    return Listing("items", ITEM_FIELDS, "place", key, clock)
