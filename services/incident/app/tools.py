"""What people set up for daily work, and the timer of what recurs."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from chassis.teams import AskedTeams
from services.incident.api.macros import MacroApi
from services.incident.api.recurring_tickets import RecurringTicketApi
from services.incident.api.replies import ReplyApi
from services.incident.api.time_entries import TimeEntryApi
from services.incident.api.views import ViewApi
from services.incident.app.parts import Parts
from services.incident.domain.reply import CannedReply
from services.incident.store.tools import NEXT_FIELD, RECURRING
from services.incident.usecases.macros import Macros
from services.incident.usecases.recurring_tickets import RecurringTickets
from services.incident.usecases.replies import CannedReplies, TicketTemplates
from services.incident.usecases.time_entries import TimeEntries
from services.incident.usecases.views import Views

_ROOM = "itsm.incident.v1"
VIEWS, MACROS, REPLIES = f"{_ROOM}.ViewService", f"{_ROOM}.MacroService", f"{_ROOM}.ReplyService"
TIME_ENTRIES, RECURRING_TICKETS = f"{_ROOM}.TimeEntryService", f"{_ROOM}.RecurringTicketService"
SERVICES = (VIEWS, MACROS, REPLIES, TIME_ENTRIES, RECURRING_TICKETS)


def wire(parts: Parts) -> None:
    """Serves them."""
    assembly, store, lists, settings = parts.assembly, parts.store, parts.listings, parts.settings
    teams = AskedTeams(assembly.channels, settings.auth_target)
    incidents = parts.incidents()
    templates = TicketTemplates(store, lists["ticketTemplates"], incidents)
    replies = CannedReplies(store, CannedReply, lists["cannedReplies"], "crp", teams)
    recurring = RecurringTickets(store, lists["recurringTickets"], templates)
    assembly.serve(VIEWS, pb.add_ViewServiceServicer_to_server, ViewApi(Views(store, lists, parts.reading, teams)))
    macros = Macros(store, lists["macros"], teams, incidents)
    assembly.serve(MACROS, pb.add_MacroServiceServicer_to_server, MacroApi(macros))
    assembly.serve(REPLIES, pb.add_ReplyServiceServicer_to_server, ReplyApi(templates, replies))
    entries = TimeEntries(store, lists["timeEntries"])
    assembly.serve(TIME_ENTRIES, pb.add_TimeEntryServiceServicer_to_server, TimeEntryApi(entries))
    assembly.serve(RECURRING_TICKETS, pb.add_RecurringTicketServiceServicer_to_server, RecurringTicketApi(recurring))
    DueWorker(store, "incident", RECURRING, NEXT_FIELD, recurring.occur, assembly.service.metrics).attach(assembly.service)
