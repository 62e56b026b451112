"""The catalog, and requests for what it offers."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.catalog import CatalogItem, ItemState
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.request import Request, RequestState
from services.incident.domain.states import HoldReason
from services.incident.store.fields import enum_field, time_field

ITEMS, REQUESTS, DUE_FIELD = "catalog_items", "requests", "next_due_time"

KINDS = (Kind(CatalogItem, pb.CatalogItem, ITEMS), Kind(Request, pb.Request, REQUESTS))

INDEXES = (
    # A catalog has hundreds of items, which any order may sort.
    Index(ITEMS, [("tenant", 1), ("state", 1)]),
    Index(REQUESTS, [("tenant", 1), ("number", 1)]),
    Index(REQUESTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(REQUESTS, [("tenant", 1), ("update_time", -1), ("_id", 1)]),
    Index(REQUESTS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(REQUESTS, [("tenant", 1), ("requester_id", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(REQUESTS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("assignee_id", "team_id")
    ),
    due_index(REQUESTS, DUE_FIELD, "tenant", "_id"),
)

ITEM_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "title": Field(path="title", kind=Of.TEXT, sortable=True),
    "category": Field(path="category", sortable=True),
    "state": enum_field("state", ItemState),
    "teamId": Field(path="team_id"),
    "serviceId": Field(path="service_id"),
    "approvalPolicyId": Field(path="approval_policy_id"),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
}

REQUEST_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", RequestState),
    "holdReason": enum_field("hold_reason", HoldReason),
    "catalogItemId": Field(path="catalog_item_id"),
    "impact": enum_field("impact", Impact),
    "urgency": enum_field("urgency", Urgency),
    "priority": enum_field("priority", Priority),
    "serviceId": Field(path="service_id"),
    "assetIds": Field(path="asset_ids", many=True),
    "requesterId": Field(path="requester_id"),
    "receiverId": Field(path="receiver_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "category": Field(path="category"),
    "clocks.kind": enum_field("clocks.kind", ClockKind, many=True),
    "clocks.state": enum_field("clocks.state", ClockState, many=True),
    "clocks.dueTime": time_field("clocks.due_time", many=True),
    "clocks.breached": Field(path="clocks.breached", kind=Of.BOOL, many=True),
    "approvalPolicyId": Field(path="approval_policy_id"),
    "resolutionCode": Field(path="resolution_code"),
    "reopenCount": Field(path="reopen_count", kind=Of.NUMBER),
    "links.target": Field(path="links.target", many=True),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "approveTime": time_field("approve_time"),
    "resolveTime": time_field("resolve_time"),
    "closeTime": time_field("close_time"),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "catalogItems": Listing("catalogItems", ITEM_FIELDS, "title", key, clock),
        "requests": Listing("requests", REQUEST_FIELDS, "createTime desc", key, clock),
    }
