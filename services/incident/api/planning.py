"""When what may be changed: blackouts, conflicts, and the calendar."""

from datetime import UTC, datetime
from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from services.incident.api.shared import asked, named
from services.incident.domain.blackout import Blackout
from services.incident.usecases.blackouts import Blackouts
from services.incident.usecases.planning import Planning
from services.incident.usecases.reading import Reading


class PlanningApi(pb.PlanningServiceServicer):
    """`itsm.incident.v1.PlanningService`."""

    def __init__(self, blackouts: Blackouts, planning: Planning, reading: Reading) -> None:
        self._blackouts, self._planning, self._reading = blackouts, planning, reading

    async def CreateBlackout(self, request: pb.CreateBlackoutRequest, context: Any) -> pb.Blackout:
        return to_message(await self._blackouts.create(given(request.blackout, Blackout)), pb.Blackout)

    async def GetBlackout(self, request: pb.GetBlackoutRequest, context: Any) -> pb.Blackout:
        return document_to_message(await self._reading.get(Blackout, request.id), pb.Blackout)

    async def ListBlackouts(self, request: pb.ListBlackoutsRequest, context: Any) -> pb.ListBlackoutsResponse:
        rows, token = await self._blackouts.page(asked(request))
        blackouts = [document_to_message(row, pb.Blackout) for row in rows]
        return pb.ListBlackoutsResponse(blackouts=blackouts, next_page_token=token)

    async def UpdateBlackout(self, request: pb.UpdateBlackoutRequest, context: Any) -> pb.Blackout:
        fields = named(request, request.blackout, Blackout)
        return to_message(await self._blackouts.update(request.id, fields, etag=request.etag), pb.Blackout)

    async def DeleteBlackout(self, request: pb.DeleteBlackoutRequest, context: Any) -> pb.Blackout:
        return to_message(await self._blackouts.delete(request.id, etag=request.etag), pb.Blackout)

    async def ListConflicts(self, request: pb.ListConflictsRequest, context: Any) -> pb.ListConflictsResponse:
        found = await self._planning.look(request.id)
        conflicts = [part(each, pb.Conflict) for each in found]
        return pb.ListConflictsResponse(conflicts=conflicts, free=not any(each.blocks for each in found))

    async def AcceptMargin(self, request: pb.AcceptMarginRequest, context: Any) -> pb.MarginAcceptance:
        return to_message(await self._planning.accept(request.id, request.reason), pb.MarginAcceptance)

    async def GetCalendarOfChanges(self, request: pb.GetCalendarOfChangesRequest, context: Any) -> pb.CalendarOfChanges:
        planned = await self._planning.calendar(_instant(request, "start_time"), _instant(request, "end_time"))
        return pb.CalendarOfChanges(
            changes=[document_to_message(row, pb.Change) for row in planned.changes],
            releases=[document_to_message(row, pb.Release) for row in planned.releases],
            blackouts=[
                pb.BlackoutTime(blackout_id=each.id, title=each.title, start_time=span.start, end_time=span.end)
                for each, span in planned.blackouts
            ],
            cut=planned.cut,
        )


def _instant(request: Any, name: str) -> datetime | None:
    return getattr(request, name).ToDatetime(UTC) if request.HasField(name) else None
