"""Incidents."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.history import Imported
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.states import HoldReason
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.reading import Reading


class IncidentApi(pb.IncidentServiceServicer):
    """`itsm.incident.v1.IncidentService`."""

    def __init__(self, incidents: Incidents, reading: Reading, explaining: Explaining, imports: Imports) -> None:
        self._incidents = incidents
        self._reading = reading
        self._explaining = explaining
        self._imports = imports

    async def OpenIncident(self, request: pb.OpenIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.open(given(request.incident, Incident)), pb.Incident)

    async def GetIncident(self, request: pb.GetIncidentRequest, context: Any) -> pb.Incident:
        return document_to_message(await self._incidents.shown(request.id, as_is=request.as_is), pb.Incident)

    async def ListIncidents(self, request: pb.ListIncidentsRequest, context: Any) -> pb.ListIncidentsResponse:
        rows, token = await self._reading.page(Incident, asked(request))
        incidents = [document_to_message(row, pb.Incident) for row in rows]
        return pb.ListIncidentsResponse(incidents=incidents, next_page_token=token)

    async def CountIncidents(self, request: pb.CountIncidentsRequest, context: Any) -> pb.CountIncidentsResponse:
        value, capped = await self._reading.count(Incident, request.filter)
        return pb.CountIncidentsResponse(value=value, capped=capped)

    async def UpdateIncident(self, request: pb.UpdateIncidentRequest, context: Any) -> pb.Incident:
        fields = named(request, request.incident, Incident)
        return to_message(await self._incidents.update(request.id, fields, etag=request.etag), pb.Incident)

    async def AssignIncident(self, request: pb.AssignIncidentRequest, context: Any) -> pb.Incident:
        return to_message(
            await self._incidents.assign(request.id, request.team_id, request.assignee_id, etag=request.etag), pb.Incident
        )

    async def StartIncident(self, request: pb.StartIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.start(request.id, etag=request.etag), pb.Incident)

    async def HoldIncident(self, request: pb.HoldIncidentRequest, context: Any) -> pb.Incident:
        reason = HoldReason(pb.Incident.HoldReason.Name(request.reason))
        return to_message(await self._incidents.hold(request.id, reason, request.note, etag=request.etag), pb.Incident)

    async def ResumeIncident(self, request: pb.ResumeIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.resume(request.id, etag=request.etag), pb.Incident)

    async def ResolveIncident(self, request: pb.ResolveIncidentRequest, context: Any) -> pb.Incident:
        resolved = await self._incidents.resolve(
            request.id,
            request.resolution_code,
            request.resolution,
            etag=request.etag,
            resolve_children=request.resolve_children,
        )
        return to_message(resolved, pb.Incident)

    async def ReopenIncident(self, request: pb.ReopenIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.reopen(request.id, request.reason, etag=request.etag), pb.Incident)

    async def CloseIncident(self, request: pb.CloseIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.close(request.id, etag=request.etag), pb.Incident)

    async def CancelIncident(self, request: pb.CancelIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.cancel(request.id, request.reason, etag=request.etag), pb.Incident)

    async def LinkIncident(self, request: pb.LinkIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.link(request.id, _link(request.link), etag=request.etag), pb.Incident)

    async def UnlinkIncident(self, request: pb.UnlinkIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._incidents.unlink(request.id, _link(request.link), etag=request.etag), pb.Incident)

    async def WatchIncident(self, request: pb.WatchIncidentRequest, context: Any) -> pb.Incident:
        watched = await self._incidents.watch(request.id, list(request.user_ids), etag=request.etag)
        return to_message(watched, pb.Incident)

    async def UnwatchIncident(self, request: pb.UnwatchIncidentRequest, context: Any) -> pb.Incident:
        watched = await self._incidents.unwatch(request.id, list(request.user_ids), etag=request.etag)
        return to_message(watched, pb.Incident)

    async def AddNote(self, request: pb.AddNoteRequest, context: Any) -> pb.Note:
        note = await self._incidents.note(
            request.id, request.text, request.public, list(request.mentioned_ids), to_children=request.to_children
        )
        return to_message(note, pb.Note)

    async def ListNotes(self, request: pb.ListNotesRequest, context: Any) -> pb.ListNotesResponse:
        rows, token = await self._reading.notes(Incident, request.id, asked(request))
        return pb.ListNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListTimeline(self, request: pb.ListTimelineRequest, context: Any) -> pb.ListTimelineResponse:
        rows, token = await self._reading.timeline(Incident, request.id, asked(request))
        return pb.ListTimelineResponse(entries=[timeline_entry(row, "incident") for row in rows], next_page_token=token)

    async def ExplainClocks(self, request: pb.ExplainClocksRequest, context: Any) -> pb.ExplainClocksResponse:
        accounts = [
            pb.ClockAccount(clock=part(clock, pb.Clock), policy_reason=clock.policy_reason, steps=steps)
            for clock, steps in await self._explaining.clocks(request.id)
        ]
        return pb.ExplainClocksResponse(accounts=accounts)

    async def ImportIncidents(self, request: pb.ImportIncidentsRequest, context: Any) -> pb.ImportIncidentsResponse:
        told = [Imported(**given(each, Imported)) for each in request.incidents]
        results = await self._imports.run(request.source, told)
        return pb.ImportIncidentsResponse(results=[part(result, pb.ImportResult) for result in results])


def _link(message: pb.Link) -> Link:
    return Link(kind=LinkKind(pb.Link.Kind.Name(message.kind)), target=message.target)
