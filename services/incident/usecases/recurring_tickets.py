"""Recurring tickets: kept, looked ahead, and opened when due, each occurrence in one transaction with its incident."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.recurring_ticket import RecurringTicket, recurrence
from services.incident.usecases.acting import act
from services.incident.usecases.cupboard import Cupboard
from services.incident.usecases.replies import TicketTemplates

MOST_SHOWN = 100


class RecurringTickets(Cupboard[RecurringTicket]):
    """See above."""

    def __init__(self, store: Store, listing: Listing, templates: TicketTemplates) -> None:
        super().__init__(store, RecurringTicket, listing, "rec")
        self._templates = templates

    async def create(self, fields: Mapping[str, Any]) -> RecurringTicket:
        """A new one. Raises `Invalid` for a rule, time or template that is none."""
        await self._check(fields.get("template_id", ""))
        await self._occurs(fields)
        return await super().create(fields)

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> RecurringTicket:  # noqa: A002 - as its field
        """Changes named fields."""
        if "template_id" in fields:
            await self._store.document(RecurringTicket, id)
            await self._check(fields["template_id"])
        if "rule" in fields or "start" in fields:
            await self._occurs({**await self.get(id), **fields})
        return await super().update(id, fields, etag=etag)

    async def preview(self, rule: str, start: str, zone: str, except_dates: Sequence[str], count: int) -> list[datetime]:
        """The next instants at which it would open incidents. Raises `Invalid`."""
        if not 1 <= count <= MOST_SHOWN:
            raise Invalid({"count": f"must be 1 to {MOST_SHOWN}"})
        when, now = recurrence(rule, start, zone, except_dates), self._store.clock()

        def ahead() -> list[datetime]:
            when.check()
            return list(islice(when.after(now), count))

        return await asyncio.to_thread(ahead)

    async def occur(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """Opens the incident of the occurrence that is due, and plans the next: both or neither. Raises `Busy`."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        now = act(self._store)
        async with self._store.transaction() as tx:
            try:
                ticket = await tx.get(RecurringTicket, id)
            except NotFound:
                return
            if ticket.next_time is None or ticket.next_time > now.at:
                return
            incident_id, fault = "", ""
            try:
                incident_id = (await self._templates.use(ticket.template_id)).id
            except (NotFound, Invalid) as error:  # told with the ticket; what comes next may open something again
                fault = str(error)
            ticket.opened(now, incident_id, fault)
            tx.save(ticket)

    async def _occurs(self, said: Mapping[str, Any]) -> None:
        """Asked beside the event loop: of a rule that never occurs this takes long enough to hold others up."""
        when = recurrence(said.get("rule", ""), said.get("start", ""), said.get("zone", ""), said.get("except_dates", ()))
        await asyncio.to_thread(when.check)

    async def _check(self, template_id: str) -> None:
        try:
            await self._templates.there(template_id)
        except NotFound:
            raise Invalid({"template_id": "there is no such template"}) from None
