"""Major incidents and what is told of them, and what is under way for families of incidents."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.major import Major, MajorState
from services.incident.domain.status_update import Audience, StatusUpdate
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.families import DUE_FIELD as FAMILY_DUE
from services.incident.usecases.families import FAMILY_WORK
from services.incident.usecases.majors import DUE_FIELD, MAJORS, STATUS_UPDATES

KINDS = (
    Kind(Major, pb.Major, MAJORS),
    Kind(StatusUpdate, pb.StatusUpdate, STATUS_UPDATES, about="about"),
)

# There are few of them: what a list sorts and finds by state is enough.
INDEXES = (
    Index(MAJORS, [("tenant", 1), ("number", 1)]),
    Index(MAJORS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(MAJORS, [("tenant", 1), ("state", 1), ("create_time", -1), ("_id", 1)]),
    due_index(MAJORS, DUE_FIELD),
    Index(STATUS_UPDATES, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
    Index(FAMILY_WORK, [("tenant", 1), ("incident_id", 1)]),
    due_index(FAMILY_WORK, FAMILY_DUE),
    Index("incidents", [("tenant", 1), ("links.target", 1), ("_id", 1)], partial={"links.target": {"$gt": ""}}),
)

MAJOR_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "number": Field(path="number", sortable=True),
    "title": Field(path="title", kind=Of.TEXT),
    "state": enum_field("state", MajorState),
    "incidentId": Field(path="incident_id"),
    "requesterId": Field(path="requester_id"),
    "teamId": Field(path="team_id"),
    "assigneeId": Field(path="assignee_id"),
    "roles.personId": Field(path="roles.person_id", many=True),
    "serviceIds": Field(path="service_ids", many=True),
    "impactedServiceIds": Field(path="impacted_service_ids", many=True),
    "missedUpdateCount": Field(path="missed_update_count", kind=Of.NUMBER),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
    "declareTime": time_field("declare_time"),
    "resolveTime": time_field("resolve_time"),
    "closeTime": time_field("close_time"),
    "nextUpdateTime": time_field("next_update_time"),
}

# Only ever asked for by the major incident, newest first; the filter binds a token to it.
STATUS_UPDATE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "about": Field(path="about"),
    "audience": enum_field("audience", Audience),
    "createTime": time_field("create_time", sortable=True),
}
_NEWEST = "createTime desc"


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "majors": Listing("majors", MAJOR_FIELDS, _NEWEST, key, clock),
        "statusUpdates": Listing("statusUpdates", STATUS_UPDATE_FIELDS, _NEWEST, key, clock),
    }
