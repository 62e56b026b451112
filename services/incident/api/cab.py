"""Meetings of the change advisory board."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.incident.api.shared import asked, named
from services.incident.api.times import instant
from services.incident.domain.cab import CabMeeting
from services.incident.usecases.cab import Meetings
from services.incident.usecases.reading import Reading


class CabApi(pb.CabServiceServicer):
    """`itsm.incident.v1.CabService`."""

    def __init__(self, meetings: Meetings, reading: Reading) -> None:
        self._meetings = meetings
        self._reading = reading

    async def CreateCabMeeting(self, request: pb.CreateCabMeetingRequest, context: Any) -> pb.CabMeeting:
        return to_message(await self._meetings.plan(given(request.cab_meeting, CabMeeting)), pb.CabMeeting)

    async def GetCabMeeting(self, request: pb.GetCabMeetingRequest, context: Any) -> pb.CabMeeting:
        return document_to_message(await self._reading.get(CabMeeting, request.id), pb.CabMeeting)

    async def ListCabMeetings(self, request: pb.ListCabMeetingsRequest, context: Any) -> pb.ListCabMeetingsResponse:
        rows, token = await self._reading.page(CabMeeting, asked(request))
        meetings = [document_to_message(row, pb.CabMeeting) for row in rows]
        return pb.ListCabMeetingsResponse(cab_meetings=meetings, next_page_token=token)

    async def UpdateCabMeeting(self, request: pb.UpdateCabMeetingRequest, context: Any) -> pb.CabMeeting:
        fields = named(request, request.cab_meeting, CabMeeting)
        return to_message(await self._meetings.update(request.id, fields, etag=request.etag), pb.CabMeeting)

    async def CollectCabMeeting(self, request: pb.CollectCabMeetingRequest, context: Any) -> pb.CabMeeting:
        before = instant(request, "before_time")
        return to_message(await self._meetings.collect(request.id, before, etag=request.etag), pb.CabMeeting)

    async def HoldCabMeeting(self, request: pb.HoldCabMeetingRequest, context: Any) -> pb.CabMeeting:
        return to_message(await self._meetings.hold(request.id, etag=request.etag), pb.CabMeeting)

    async def CancelCabMeeting(self, request: pb.CancelCabMeetingRequest, context: Any) -> pb.CabMeeting:
        return to_message(await self._meetings.cancel(request.id, etag=request.etag), pb.CabMeeting)
