"""What follows by itself: the policies. The timers are fields of the incidents."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.follow_up import FollowUpPolicy, Stage
from services.incident.domain.states import HoldReason
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.cupboard import REMOVED_KEPT

FOLLOW_UPS = "follow_up_policies"

KINDS = (Kind(FollowUpPolicy, pb.FollowUpPolicy, FOLLOW_UPS),)
INDEXES = (
    Index(FOLLOW_UPS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(FOLLOW_UPS, [("delete_time", 1)], expire_after=REMOVED_KEPT),
)
FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "stage": enum_field("stage", Stage),
    "holdReason": enum_field("hold_reason", HoldReason),
    "calendarId": Field(path="calendar_id"),
    "active": Field(path="active", kind=Of.BOOL),
    "createTime": time_field("create_time", sortable=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The list; `key` signs its tokens."""
    return {"followUpPolicies": Listing("followUpPolicies", FIELDS, "createTime desc", key, clock)}
