"""Changes that people propose, plan and make."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.change import Change
from services.incident.domain.change_states import ApprovalStanding, ChangeKind, ChangeState, Outcome
from services.incident.domain.risk import Risk
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.changes import CHANGES

KINDS = (Kind(Change, pb.Change, CHANGES),)

DUE_FIELD = "next_due_time"

INDEXES = (
    Index(CHANGES, [("tenant", 1), ("number", 1)]),
    Index(CHANGES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    # What a calendar, a conflict check and an agenda ask for: what is in a state, by when it begins.
    Index(CHANGES, [("tenant", 1), ("state", 1), ("start_time", 1), ("_id", 1)]),
    Index(CHANGES, [("tenant", 1), ("requester_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(CHANGES, [("tenant", 1), ("service_ids", 1), ("create_time", -1)]),
    due_index(CHANGES, DUE_FIELD),
)

CHANGE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", ChangeState),
    "kind": enum_field("kind", ChangeKind),
    "risk": enum_field("risk", Risk),
    "riskScore": Field(path="risk_score", kind=Of.NUMBER),
    "assetIds": Field(path="asset_ids", many=True),
    "serviceIds": Field(path="service_ids", many=True),
    "category": Field(path="category"),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "implementerId": Field(path="implementer_id"),
    "templateId": Field(path="template_id"),
    "approvalId": Field(path="approval_id"),
    "approval": enum_field("approval", ApprovalStanding),
    "retrospective": enum_field("retrospective", ApprovalStanding),
    "outcome": enum_field("outcome", Outcome),
    "startTime": time_field("start_time", sortable=True),
    "endTime": time_field("end_time"),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "closeTime": time_field("close_time"),
    "links.target": Field(path="links.target", many=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {"changes": Listing("changes", CHANGE_FIELDS, "createTime desc", key, clock)}
