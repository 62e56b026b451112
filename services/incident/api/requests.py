"""Requests."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from chassis.timeline import timeline_entry
from services.incident.api.catalog import Answered
from services.incident.api.shared import asked, named
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.request import Request
from services.incident.domain.states import HoldReason
from services.incident.usecases.progress import Progress
from services.incident.usecases.reading import Reading
from services.incident.usecases.requests import Requests


class RequestApi(pb.RequestServiceServicer):
    """`itsm.incident.v1.RequestService`."""

    def __init__(self, requests: Requests, reading: Reading, progress: Progress) -> None:
        self._requests = requests
        self._reading = reading
        self._progress = progress

    async def CreateRequest(self, request: pb.CreateRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.create(given(request.request, Request)), pb.Request)

    async def GetRequest(self, request: pb.GetRequestRequest, context: Any) -> pb.Request:
        return document_to_message(await self._reading.get(Request, request.id), pb.Request)

    async def ListRequests(self, request: pb.ListRequestsRequest, context: Any) -> pb.ListRequestsResponse:
        rows, token = await self._reading.page(Request, asked(request))
        requests = [document_to_message(row, pb.Request) for row in rows]
        return pb.ListRequestsResponse(requests=requests, next_page_token=token)

    async def CountRequests(self, request: pb.CountRequestsRequest, context: Any) -> pb.CountRequestsResponse:
        value, capped = await self._reading.count(Request, request.filter)
        return pb.CountRequestsResponse(value=value, capped=capped)

    async def UpdateRequest(self, request: pb.UpdateRequestRequest, context: Any) -> pb.Request:
        fields = named(request, request.request, Request)
        return to_message(await self._requests.update(request.id, fields, etag=request.etag), pb.Request)

    async def SubmitRequest(self, request: pb.SubmitRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.submit(request.id, etag=request.etag), pb.Request)

    async def ReviseRequest(self, request: pb.ReviseRequestRequest, context: Any) -> pb.Request:
        answers = given(request, Answered).get("answers") if request.HasField("answers") else None
        revised = await self._requests.revise(request.id, answers, request.description, etag=request.etag)
        return to_message(revised, pb.Request)

    async def WithdrawRequest(self, request: pb.WithdrawRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.withdraw(request.id, request.reason, etag=request.etag), pb.Request)

    async def AssignRequest(self, request: pb.AssignRequestRequest, context: Any) -> pb.Request:
        assigned = await self._requests.assign(request.id, request.team_id, request.assignee_id, etag=request.etag)
        return to_message(assigned, pb.Request)

    async def StartRequest(self, request: pb.StartRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.start(request.id, etag=request.etag), pb.Request)

    async def HoldRequest(self, request: pb.HoldRequestRequest, context: Any) -> pb.Request:
        reason = HoldReason(pb.Incident.HoldReason.Name(request.reason))
        return to_message(await self._requests.hold(request.id, reason, request.note, etag=request.etag), pb.Request)

    async def ResumeRequest(self, request: pb.ResumeRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.resume(request.id, etag=request.etag), pb.Request)

    async def ResolveRequest(self, request: pb.ResolveRequestRequest, context: Any) -> pb.Request:
        resolved = await self._requests.resolve(request.id, request.resolution_code, request.resolution, etag=request.etag)
        return to_message(resolved, pb.Request)

    async def ReopenRequest(self, request: pb.ReopenRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.reopen(request.id, request.reason, etag=request.etag), pb.Request)

    async def CloseRequest(self, request: pb.CloseRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.close(request.id, etag=request.etag), pb.Request)

    async def CancelRequest(self, request: pb.CancelRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.cancel(request.id, request.reason, etag=request.etag), pb.Request)

    async def LinkRequest(self, request: pb.LinkRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.link(request.id, _link(request.link), etag=request.etag), pb.Request)

    async def UnlinkRequest(self, request: pb.UnlinkRequestRequest, context: Any) -> pb.Request:
        return to_message(await self._requests.unlink(request.id, _link(request.link), etag=request.etag), pb.Request)

    async def AddRequestNote(self, request: pb.AddRequestNoteRequest, context: Any) -> pb.Note:
        said = await self._requests.note(request.id, request.text, request.public, list(request.mentioned_ids))
        return to_message(said, pb.Note)

    async def ListRequestNotes(self, request: pb.ListRequestNotesRequest, context: Any) -> pb.ListRequestNotesResponse:
        rows, token = await self._reading.notes(Request, request.id, asked(request))
        return pb.ListRequestNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListRequestTimeline(self, request: pb.ListRequestTimelineRequest, context: Any) -> pb.ListRequestTimelineResponse:
        rows, token = await self._reading.timeline(Request, request.id, asked(request))
        entries = [timeline_entry(row, "request") for row in rows]
        return pb.ListRequestTimelineResponse(entries=entries, next_page_token=token)

    async def GetRequestProgress(self, request: pb.GetRequestProgressRequest, context: Any) -> pb.GetRequestProgressResponse:
        found = await self._progress.of(request.id)
        return pb.GetRequestProgressResponse(
            summary=found.summary,
            steps=[part(step, pb.ProgressStep) for step in found.steps],
            done=found.done,
            total=len(found.steps),
            due_time=found.due_time,
        )


def _link(link: pb.Link) -> Link:
    return Link(kind=LinkKind(pb.Link.Kind.Name(link.kind)), target=link.target)
