"""What people set up for daily work: views, macros, templates, replies, recurring tickets; and time that was spent."""

from collections.abc import Mapping

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.kept import Sharing
from services.incident.domain.macro import Macro, MacroRun
from services.incident.domain.recurring_ticket import RecurringTicket
from services.incident.domain.reply import CannedReply, TicketTemplate
from services.incident.domain.time_entry import TimeEntry
from services.incident.domain.view import View
from services.incident.store.fields import enum_field, time_field
from services.incident.usecases.cupboard import REMOVED_KEPT
from services.incident.usecases.time_entries import COLLECTION as TIME_ENTRIES

VIEWS, MACROS, MACRO_RUNS, TEMPLATES = "views", "macros", "macro_runs", "ticket_templates"
REPLIES, RECURRING = "canned_replies", "recurring_tickets"
NEXT_FIELD = "next_time"

KINDS = (
    Kind(View, pb.View, VIEWS),
    Kind(Macro, pb.Macro, MACROS),
    Kind(MacroRun, pb.MacroRun, MACRO_RUNS),
    Kind(TicketTemplate, pb.TicketTemplate, TEMPLATES),
    Kind(CannedReply, pb.CannedReply, REPLIES),
    Kind(RecurringTicket, pb.RecurringTicket, RECURRING),
    Kind(TimeEntry, pb.TimeEntry, TIME_ENTRIES),
)

INDEXES = (
    *(Index(shared, [("tenant", 1), ("owner_id", 1)]) for shared in (VIEWS, MACROS, REPLIES)),
    Index(VIEWS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(VIEWS, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(MACROS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(MACROS, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(MACRO_RUNS, [("create_time", 1)], expire_after=REMOVED_KEPT),
    Index(TEMPLATES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(TEMPLATES, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(REPLIES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(REPLIES, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    Index(RECURRING, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(RECURRING, [("delete_time", 1)], expire_after=REMOVED_KEPT),
    due_index(RECURRING, NEXT_FIELD),
    Index(TIME_ENTRIES, [("tenant", 1), ("about", 1), ("create_time", -1), ("_id", 1)]),
    Index(TIME_ENTRIES, [("tenant", 1), ("user_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(TIME_ENTRIES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(TIME_ENTRIES, [("delete_time", 1)], expire_after=REMOVED_KEPT),
)

_KEPT: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time"),
}
_SHARED: Fields = {
    **_KEPT,
    "sharing": enum_field("sharing", Sharing),
    "teamId": Field(path="team_id"),
    "ownerId": Field(path="owner_id"),
}
FIELDS: Mapping[str, Fields] = {
    "views": {**_SHARED, "resource": Field(path="resource")},
    "macros": _SHARED,
    "cannedReplies": _SHARED,
    "ticketTemplates": {**_KEPT, "category": Field(path="category"), "teamId": Field(path="team_id")},
    "recurringTickets": {
        **_KEPT,
        "active": Field(path="active", kind=Of.BOOL),
        "templateId": Field(path="template_id"),
        "nextTime": time_field("next_time"),
    },
    "timeEntries": {
        "id": Field(path="_id", sortable=True),
        "about": Field(path="about"),
        "userId": Field(path="user_id"),
        "startTime": time_field("start_time"),
        "createTime": time_field("create_time", sortable=True),
    },
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {plural: Listing(plural, fields, "createTime desc", key, clock) for plural, fields in FIELDS.items()}
