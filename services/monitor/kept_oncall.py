"""What is kept of schedules, escalation policies and pages, and what their lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta

from itsm.monitor import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.monitor.domain.escalation import EscalationPolicy
from services.monitor.domain.page import Cause, Page, PageState
from services.monitor.domain.schedule import Schedule
from services.monitor.domain.signal import Severity
from services.monitor.usecases.escalation import POLICIES
from services.monitor.usecases.paging import DUE_FIELD, PAGES
from services.monitor.usecases.schedules import SCHEDULES

KINDS = (
    Kind(Schedule, pb.Schedule, SCHEDULES),
    Kind(EscalationPolicy, pb.EscalationPolicy, POLICIES),
    Kind(Page, pb.Page, PAGES),
)
_REMOVED_KEPT = timedelta(days=30)

INDEXES = (
    *(Index(each, [("tenant", 1), ("name", 1), ("_id", 1)]) for each in (SCHEDULES, POLICIES)),
    *(Index(each, [("remove_time", 1)], expire_after=_REMOVED_KEPT) for each in (SCHEDULES, POLICIES)),
    Index(PAGES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(PAGES, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    Index(PAGES, [("tenant", 1), ("calls.user_id", 1), ("create_time", -1), ("_id", 1)]),
    due_index(PAGES, DUE_FIELD),
)


def _time(path: str, *, sortable: bool = False) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable)


# A tenant has some dozens of both, which any order may sort without an index.
SCHEDULE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "teamId": Field(path="team_id"),
    "layers.userIds": Field(path="layers.user_ids", many=True),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time"),
}
POLICY_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "teamIds": Field(path="team_ids", many=True),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "order": Field(path="order", kind=Of.NUMBER, sortable=True),
    "createTime": _time("create_time", sortable=True),
}
PAGE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": Field(path="state", kind=Of.ENUM, values=tuple(each.value for each in PageState)),
    "cause": Field(path="cause", kind=Of.ENUM, values=tuple(each.value for each in Cause)),
    "severity": Field(path="severity", kind=Of.ENUM, values=tuple(each.value for each in Severity)),
    "alertId": Field(path="alert_id"),
    "teamId": Field(path="team_id"),
    "policyId": Field(path="policy_id"),
    "calls.userId": Field(path="calls.user_id", many=True),
    "acknowledgedBy": Field(path="acknowledged_by"),
    "createTime": _time("create_time", sortable=True),
    "endTime": _time("end_time"),
}


def listings(key: bytes, clock: Clock) -> tuple[Listing, Listing, Listing]:
    """The lists of schedules, of escalation policies and of pages; `key` signs their tokens."""
    return (
        Listing("schedules", SCHEDULE_FIELDS, "name", key, clock),
        Listing("escalationPolicies", POLICY_FIELDS, "name", key, clock),
        Listing("pages", PAGE_FIELDS, "createTime desc", key, clock),
    )
