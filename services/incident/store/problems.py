"""Problems."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.priority import Impact, Priority, Urgency
from services.incident.domain.problem import ClosingCode, Problem, ProblemState
from services.incident.store.fields import enum_field, time_field
from services.incident.store.incidents import INCIDENTS

KINDS = (Kind(Problem, pb.Problem, "problems"),)
PROBLEMS = KINDS[0].collection

# What is asked of known errors alone has indexes that hold known errors alone; incidents refer to their problem.
_KNOWN = {"known_error": True}
INDEXES = (
    Index(PROBLEMS, [("tenant", 1), ("number", 1)]),
    Index(PROBLEMS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(PROBLEMS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    *(
        Index(PROBLEMS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("assignee_id", "team_id")
    ),
    *(
        Index(PROBLEMS, [("tenant", 1), (shared, 1), ("update_time", -1)], partial=_KNOWN)
        for shared in ("asset_ids", "service_id", "category", "words")
    ),
    Index(INCIDENTS, [("tenant", 1), ("links.target", 1), ("create_time", -1)], partial={"links.target": {"$gt": ""}}),
)

PROBLEM_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", ProblemState),
    "closingCode": enum_field("closing_code", ClosingCode),
    "impact": enum_field("impact", Impact),
    "urgency": enum_field("urgency", Urgency),
    "priority": enum_field("priority", Priority),
    "serviceId": Field(path="service_id"),
    "assetIds": Field(path="asset_ids", many=True),
    "category": Field(path="category"),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "knownError": Field(path="known_error", kind=Of.BOOL),
    "reopenCount": Field(path="reopen_count", kind=Of.NUMBER),
    "links.target": Field(path="links.target", many=True),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "knownTime": time_field("known_time"),
    "resolveTime": time_field("resolve_time"),
    "closeTime": time_field("close_time"),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The list; `key` signs its tokens."""
    return {"problems": Listing("problems", PROBLEM_FIELDS, "createTime desc", key, clock)}
