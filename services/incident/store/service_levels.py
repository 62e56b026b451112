"""Service-level policies and the calendars that they count in."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.calendar import Calendar
from services.incident.domain.sla import SlaPolicy
from services.incident.usecases.policies import VERSIONS

KINDS = (Kind(SlaPolicy, pb.SlaPolicy, "sla_policies"), Kind(Calendar, pb.Calendar, "calendars"))

INDEXES = (Index(VERSIONS, [("tenant", 1)]),)

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


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "slaPolicies": Listing("slaPolicies", POLICY_FIELDS, "name", key, clock),
        "calendars": Listing("calendars", CALENDAR_FIELDS, "name", key, clock),
    }
