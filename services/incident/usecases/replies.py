"""Templates of incidents, and replies with their places filled."""

from dataclasses import replace

from chassis import context as ctx
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.incident import Incident
from services.incident.domain.placeholders import filled
from services.incident.domain.reply import CannedReply, TicketTemplate
from services.incident.domain.states import State
from services.incident.usecases.cupboard import Cupboard, SharedCupboard
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.reading import Document


class TicketTemplates(Cupboard[TicketTemplate]):
    """Templates, and incidents that are opened from them."""

    def __init__(self, store: Store, listing: Listing, incidents: Incidents) -> None:
        super().__init__(store, TicketTemplate, listing, "ttp")
        self._incidents = incidents

    async def use(self, id: str, **instead: str) -> Incident:  # noqa: A002 - as its field
        """Opens an incident from a template, with some texts `instead` of the template's, and gives it to its team."""
        with ctx.use(replace(ctx.current(), scope={})):  # it bounds the incidents that a requester sees, not what he asks with
            template = await self.there(id)
        fields = template.begins_with | {name: value for name, value in instead.items() if value}
        if template.team_id and not ctx.current().scope:
            fields |= {"team_id": template.team_id, "state": State.ASSIGNED}
        return await self._incidents.open(fields)


class CannedReplies(SharedCupboard[CannedReply]):
    """Replies, and what they say of an incident."""

    async def render(self, id: str, incident_id: str) -> str:  # noqa: A002 - as its field
        """The text for an incident that the caller sees."""
        reply = await self.there(id)
        return filled(reply.text, places(await self._store.document(Incident, incident_id)))


def places(document: Document) -> dict[str, str]:
    """What texts may say of an incident, and of whoever uses them."""
    stored = {
        "number": "number",
        "title": "title",
        "state": "state",
        "priority": "priority",
        "category": "category",
        "requesterId": "requester_id",
        "teamId": "team_id",
        "assigneeId": "assignee_id",
        "resolution": "resolution",
    }
    return {"me": ctx.current().actor.id, **{f"incident.{name}": str(document[kept]) for name, kept in stored.items()}}
