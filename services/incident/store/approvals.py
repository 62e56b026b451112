"""Approval policies, approvals, delegations; templates of standard changes and meetings of the board that talks of changes."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import ApprovalPolicy, Purpose
from services.incident.domain.cab import CabMeeting, MeetingState
from services.incident.domain.change_template import ChangeTemplate, TemplateState
from services.incident.domain.delegation import ApprovalDelegation
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.approving import APPROVALS, DELEGATIONS, POLICIES
from services.incident.usecases.cab import MEETINGS
from services.incident.usecases.change_templates import TEMPLATES

KINDS = (
    Kind(ApprovalPolicy, pb.ApprovalPolicy, POLICIES),
    Kind(Approval, pb.Approval, APPROVALS, about="subject"),
    Kind(ApprovalDelegation, pb.ApprovalDelegation, DELEGATIONS),
    Kind(ChangeTemplate, pb.ChangeTemplate, TEMPLATES),
    Kind(CabMeeting, pb.CabMeeting, MEETINGS),
)

DUE_FIELD = "next_due_time"

INDEXES = (
    Index(APPROVALS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(APPROVALS, [("tenant", 1), ("subject", 1), ("create_time", -1), ("_id", 1)]),
    # Whoever opens the page of what waits for them asks for this.
    Index(APPROVALS, [("tenant", 1), ("voter_ids", 1), ("create_time", -1), ("_id", 1)]),
    due_index(APPROVALS, DUE_FIELD),
    Index(DELEGATIONS, [("tenant", 1), ("to_id", 1), ("end_time", 1)]),
    Index(DELEGATIONS, [("tenant", 1), ("from_id", 1), ("end_time", 1)]),
    Index(MEETINGS, [("tenant", 1), ("start_time", -1), ("_id", 1)]),
)

_ID: Fields = {"id": Field(path="_id", sortable=True)}
_NAME: Fields = {"name": Field(path="name", kind=Of.TEXT, sortable=True)}
_CREATED: Fields = {"createTime": time_field("create_time", sortable=True)}

# A tenant has a handful of policies, templates and delegations, which any order may sort without an index.
POLICY_FIELDS: Fields = {
    **_ID,
    **_NAME,
    "number": Field(path="number", kind=Of.NUMBER, sortable=True),
    "resource": Field(path="resource"),
    "active": Field(path="active", kind=Of.BOOL),
}
APPROVAL_FIELDS: Fields = {
    **_ID,
    **_CREATED,
    "subject": Field(path="subject"),
    "state": enum_field("state", ApprovalState),
    "purpose": enum_field("purpose", Purpose),
    "policyId": Field(path="policy_id"),
    "requesterId": Field(path="requester_id"),
    "voterIds": Field(path="voter_ids", many=True),
    "expireTime": time_field("expire_time"),
    "decideTime": time_field("decide_time"),
}
DELEGATION_FIELDS: Fields = {
    **_ID,
    **_CREATED,
    "fromId": Field(path="from_id"),
    "toId": Field(path="to_id"),
    "startTime": time_field("start_time"),
    "endTime": time_field("end_time"),
}
TEMPLATE_FIELDS: Fields = {
    **_ID,
    **_NAME,
    "state": enum_field("state", TemplateState),
    "category": Field(path="category"),
    "teamId": Field(path="team_id"),
    "serviceIds": Field(path="service_ids", many=True),
}
MEETING_FIELDS: Fields = {
    **_ID,
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", MeetingState),
    "startTime": time_field("start_time", sortable=True),
    "items.changeId": Field(path="items.change_id", many=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "approvalPolicies": Listing("approvalPolicies", POLICY_FIELDS, "name", key, clock),
        "approvals": Listing("approvals", APPROVAL_FIELDS, "createTime desc", key, clock),
        "approvalDelegations": Listing("approvalDelegations", DELEGATION_FIELDS, "createTime desc", key, clock),
        "changeTemplates": Listing("changeTemplates", TEMPLATE_FIELDS, "name", key, clock),
        "cabMeetings": Listing("cabMeetings", MEETING_FIELDS, "startTime desc", key, clock),
    }
