"""Problems, known errors, and incidents that come again and again."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.problem import Problem
from services.incident.usecases.notes import Notes
from services.incident.usecases.problems import Problems
from services.incident.usecases.reading import Reading
from services.incident.usecases.recurring import Recurring


class ProblemApi(pb.ProblemServiceServicer):
    """`itsm.incident.v1.ProblemService`."""

    def __init__(self, problems: Problems, recurring: Recurring, reading: Reading, notes: Notes) -> None:
        self._problems = problems
        self._recurring = recurring
        self._reading = reading
        self._notes = notes

    async def OpenProblem(self, request: pb.OpenProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.open(given(request.problem, Problem)))

    async def GetProblem(self, request: pb.GetProblemRequest, context: Any) -> pb.Problem:
        return document_to_message(await self._reading.get(Problem, request.id), pb.Problem)

    async def ListProblems(self, request: pb.ListProblemsRequest, context: Any) -> pb.ListProblemsResponse:
        rows, token = await self._reading.page(Problem, asked(request))
        return pb.ListProblemsResponse(problems=[document_to_message(row, pb.Problem) for row in rows], next_page_token=token)

    async def CountProblems(self, request: pb.CountProblemsRequest, context: Any) -> pb.CountProblemsResponse:
        value, capped = await self._reading.count(Problem, request.filter)
        return pb.CountProblemsResponse(value=value, capped=capped)

    async def UpdateProblem(self, request: pb.UpdateProblemRequest, context: Any) -> pb.Problem:
        fields = named(request, request.problem, Problem)
        return _told(await self._problems.update(request.id, fields, etag=request.etag))

    async def AssignProblem(self, request: pb.AssignProblemRequest, context: Any) -> pb.Problem:
        team, person = request.team_id, request.assignee_id
        return _told(await self._problems.assign(request.id, team, person, etag=request.etag))

    async def AssessProblem(self, request: pb.AssessProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.assess(request.id, etag=request.etag))

    async def AnalyzeProblem(self, request: pb.AnalyzeProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.analyze(request.id, etag=request.etag))

    async def DiagnoseProblem(self, request: pb.DiagnoseProblemRequest, context: Any) -> pb.Problem:
        cause = request.cause if request.HasField("cause") else None
        workaround = request.workaround if request.HasField("workaround") else None
        return _told(await self._problems.diagnose(request.id, cause=cause, workaround=workaround, etag=request.etag))

    async def FixProblem(self, request: pb.FixProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.fix(request.id, etag=request.etag))

    async def ResolveProblem(self, request: pb.ResolveProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.resolve(request.id, request.resolution, etag=request.etag))

    async def ReopenProblem(self, request: pb.ReopenProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.reopen(request.id, request.reason, etag=request.etag))

    async def CloseProblem(self, request: pb.CloseProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.close(request.id, etag=request.etag))

    async def AcceptRiskProblem(self, request: pb.AcceptRiskProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.accept_risk(request.id, request.reason, etag=request.etag))

    async def MarkDuplicateProblem(self, request: pb.MarkDuplicateProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.mark_duplicate(request.id, request.original, etag=request.etag))

    async def CancelProblem(self, request: pb.CancelProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.cancel(request.id, request.reason, etag=request.etag))

    async def LinkProblem(self, request: pb.LinkProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.link(request.id, _link(request.link), etag=request.etag))

    async def UnlinkProblem(self, request: pb.UnlinkProblemRequest, context: Any) -> pb.Problem:
        return _told(await self._problems.unlink(request.id, _link(request.link), etag=request.etag))

    async def AttachIncidents(self, request: pb.AttachIncidentsRequest, context: Any) -> pb.AttachIncidentsResponse:
        return pb.AttachIncidentsResponse(attached=await self._problems.attach(request.id, request.incident_ids))

    async def TellWorkaround(self, request: pb.TellWorkaroundRequest, context: Any) -> pb.TellWorkaroundResponse:
        told, more = await self._problems.tell_workaround(request.id, request.public)
        return pb.TellWorkaroundResponse(told=told, more=more)

    async def ListKnownErrors(self, request: pb.ListKnownErrorsRequest, context: Any) -> pb.ListKnownErrorsResponse:
        matches = [
            pb.KnownErrorMatch(problem=document_to_message(row, pb.Problem), score=fit.score, reasons=fit.reasons)
            for row, fit in await self._recurring.known_errors(request.id)
        ]
        return pb.ListKnownErrorsResponse(matches=matches)

    async def ListCandidates(self, request: pb.ListCandidatesRequest, context: Any) -> pb.ListCandidatesResponse:
        days = request.days if request.HasField("days") else None
        least = request.least if request.HasField("least") else None
        found, looked_at, capped = await self._recurring.candidates(days, least)
        told = [part(each, pb.ProblemCandidate) for each in found]
        return pb.ListCandidatesResponse(candidates=told, looked_at=looked_at, capped=capped)

    async def AddProblemNote(self, request: pb.AddProblemNoteRequest, context: Any) -> pb.Note:
        said = await self._notes.say(Problem, request.id, request.text, request.public, list(request.mentioned_ids))
        return to_message(said, pb.Note)

    async def ListProblemNotes(self, request: pb.ListProblemNotesRequest, context: Any) -> pb.ListProblemNotesResponse:
        rows, token = await self._reading.notes(Problem, request.id, asked(request))
        return pb.ListProblemNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListProblemTimeline(self, request: pb.ListProblemTimelineRequest, context: Any) -> pb.ListProblemTimelineResponse:
        rows, token = await self._reading.timeline(Problem, request.id, asked(request))
        return pb.ListProblemTimelineResponse(entries=[timeline_entry(row, "problem") for row in rows], next_page_token=token)


def _told(problem: Problem) -> pb.Problem:
    return to_message(problem, pb.Problem)


def _link(message: pb.Link) -> Link:
    return Link(kind=LinkKind(pb.Link.Kind.Name(message.kind)), target=message.target)
