"""Recurring tickets."""

from typing import Any

from itsm.incident import v1 as pb

from services.incident.api.cupboard import Calls
from services.incident.domain.recurring_ticket import RecurringTicket
from services.incident.usecases.recurring_tickets import RecurringTickets

SHOWN = 10


class RecurringTicketApi(pb.RecurringTicketServiceServicer):
    """`itsm.incident.v1.RecurringTicketService`."""

    def __init__(self, tickets: RecurringTickets) -> None:
        self._tickets = tickets
        self._calls = Calls(tickets, RecurringTicket, pb.RecurringTicket, "recurring_ticket")

    async def CreateRecurringTicket(self, request: pb.CreateRecurringTicketRequest, context: Any) -> pb.RecurringTicket:
        return await self._calls.create(request)

    async def GetRecurringTicket(self, request: pb.GetRecurringTicketRequest, context: Any) -> pb.RecurringTicket:
        return await self._calls.get(request)

    async def ListRecurringTickets(
        self, request: pb.ListRecurringTicketsRequest, context: Any
    ) -> pb.ListRecurringTicketsResponse:
        found, token = await self._calls.page(request)
        return pb.ListRecurringTicketsResponse(recurring_tickets=found, next_page_token=token)

    async def UpdateRecurringTicket(self, request: pb.UpdateRecurringTicketRequest, context: Any) -> pb.RecurringTicket:
        return await self._calls.update(request)

    async def DeleteRecurringTicket(self, request: pb.DeleteRecurringTicketRequest, context: Any) -> pb.RecurringTicket:
        return await self._calls.delete(request)

    async def PreviewRecurringTicket(
        self, request: pb.PreviewRecurringTicketRequest, context: Any
    ) -> pb.PreviewRecurringTicketResponse:
        count = request.count if request.HasField("count") else SHOWN
        times = await self._tickets.preview(request.rule, request.start, request.zone, list(request.except_dates), count)
        return pb.PreviewRecurringTicketResponse(times=times)
