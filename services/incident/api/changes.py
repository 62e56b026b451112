"""Changes."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.api.times import instant
from services.incident.domain.change import Change
from services.incident.domain.change_states import Outcome
from services.incident.domain.link import Link, LinkKind
from services.incident.usecases.changes import Changes
from services.incident.usecases.gating import Gating
from services.incident.usecases.reading import Reading


class ChangeApi(pb.ChangeServiceServicer):
    """`itsm.incident.v1.ChangeService`."""

    def __init__(self, changes: Changes, gating: Gating, reading: Reading) -> None:
        self._changes = changes
        self._gating = gating
        self._reading = reading

    async def OpenChange(self, request: pb.OpenChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.open(given(request.change, Change)), pb.Change)

    async def GetChange(self, request: pb.GetChangeRequest, context: Any) -> pb.Change:
        return document_to_message(await self._reading.get(Change, request.id), pb.Change)

    async def ListChanges(self, request: pb.ListChangesRequest, context: Any) -> pb.ListChangesResponse:
        rows, token = await self._reading.page(Change, asked(request))
        return pb.ListChangesResponse(changes=[document_to_message(row, pb.Change) for row in rows], next_page_token=token)

    async def CountChanges(self, request: pb.CountChangesRequest, context: Any) -> pb.CountChangesResponse:
        value, capped = await self._reading.count(Change, request.filter)
        return pb.CountChangesResponse(value=value, capped=capped)

    async def UpdateChange(self, request: pb.UpdateChangeRequest, context: Any) -> pb.Change:
        fields = named(request, request.change, Change)
        return to_message(await self._changes.update(request.id, fields, etag=request.etag), pb.Change)

    async def AssignChange(self, request: pb.AssignChangeRequest, context: Any) -> pb.Change:
        assigned = await self._changes.assign(request.id, request.team_id, request.assignee_id, etag=request.etag)
        return to_message(assigned, pb.Change)

    async def AssessChange(self, request: pb.AssessChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.assess(request.id, etag=request.etag), pb.Change)

    async def SubmitChange(self, request: pb.SubmitChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.submit(request.id, etag=request.etag), pb.Change)

    async def ReviseChange(self, request: pb.ReviseChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.revise(request.id, request.reason, etag=request.etag), pb.Change)

    async def ScheduleChange(self, request: pb.ScheduleChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.schedule(request.id, etag=request.etag), pb.Change)

    async def ExpediteChange(self, request: pb.ExpediteChangeRequest, context: Any) -> pb.Change:
        expedited = await self._changes.expedite(request.id, request.approver_id, request.words, etag=request.etag)
        return to_message(expedited, pb.Change)

    async def StartChange(self, request: pb.StartChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.start(request.id, etag=request.etag), pb.Change)

    async def FinishChange(self, request: pb.FinishChangeRequest, context: Any) -> pb.Change:
        outcome = Outcome(pb.Change.Outcome.Name(request.outcome))
        return to_message(await self._changes.finish(request.id, outcome, request.outcome_note, etag=request.etag), pb.Change)

    async def CloseChange(self, request: pb.CloseChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.close(request.id, request.review, etag=request.etag), pb.Change)

    async def CancelChange(self, request: pb.CancelChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.cancel(request.id, request.reason, etag=request.etag), pb.Change)

    async def LinkChange(self, request: pb.LinkChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.link(request.id, _link(request.link), etag=request.etag), pb.Change)

    async def UnlinkChange(self, request: pb.UnlinkChangeRequest, context: Any) -> pb.Change:
        return to_message(await self._changes.unlink(request.id, _link(request.link), etag=request.etag), pb.Change)

    async def AddChangeNote(self, request: pb.AddChangeNoteRequest, context: Any) -> pb.Note:
        said = await self._changes.note(request.id, request.text, request.public, list(request.mentioned_ids))
        return to_message(said, pb.Note)

    async def ListChangeNotes(self, request: pb.ListChangeNotesRequest, context: Any) -> pb.ListChangeNotesResponse:
        rows, token = await self._reading.notes(Change, request.id, asked(request))
        return pb.ListChangeNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListChangeTimeline(self, request: pb.ListChangeTimelineRequest, context: Any) -> pb.ListChangeTimelineResponse:
        rows, token = await self._reading.timeline(Change, request.id, asked(request))
        entries = [timeline_entry(row, "approval" if row["kind"] == "approvals" else "change") for row in rows]
        return pb.ListChangeTimelineResponse(entries=entries, next_page_token=token)

    async def GateChange(self, request: pb.GateChangeRequest, context: Any) -> pb.ChangeGate:
        gate = await self._gating.gate(request.id)
        change = to_message(gate.change, pb.Change)
        answer = pb.ChangeGate(id=change.id, number=change.number, state=change.state, reasons=gate.reasons)
        answer.open, answer.pending = gate.open, gate.pending
        for name in ("start_time", "end_time"):
            if change.HasField(name):
                getattr(answer, name).CopyFrom(getattr(change, name))
        return answer

    async def ListChangeAgenda(self, request: pb.ListChangeAgendaRequest, context: Any) -> pb.ListChangeAgendaResponse:
        rows = await self._gating.agenda(instant(request, "start_time"), instant(request, "end_time"))
        return pb.ListChangeAgendaResponse(changes=[document_to_message(row, pb.Change) for row in rows])


def _link(message: pb.Link) -> Link:
    return Link(kind=LinkKind(pb.Link.Kind.Name(message.kind)), target=message.target)
