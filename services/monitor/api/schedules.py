"""`itsm.monitor.v1.ScheduleService`."""

from datetime import UTC, datetime
from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from chassis.errors import Invalid
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.rotation import Shift
from services.monitor.domain.schedule import Schedule
from services.monitor.usecases.schedules import Schedules


class ScheduleApi(pb.ScheduleServiceServicer):
    """Schedules, and who is on call by them."""

    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules

    async def CreateSchedule(self, request: pb.CreateScheduleRequest, context: Any) -> pb.Schedule:
        return to_message(await self._schedules.create(given(request.schedule, Schedule)), pb.Schedule)

    async def GetSchedule(self, request: pb.GetScheduleRequest, context: Any) -> pb.Schedule:
        return document_to_message(await self._schedules.get(request.id), pb.Schedule)

    async def ListSchedules(self, request: pb.ListSchedulesRequest, context: Any) -> pb.ListSchedulesResponse:
        rows, token = await self._schedules.page(request.filter, request.order_by, paging(request))
        found = [document_to_message(row, pb.Schedule) for row in rows]
        return pb.ListSchedulesResponse(schedules=found, next_page_token=token)

    async def UpdateSchedule(self, request: pb.UpdateScheduleRequest, context: Any) -> pb.Schedule:
        fields = named_fields(request, request.schedule, Schedule)
        return to_message(await self._schedules.update(request.id, fields, etag=request.etag), pb.Schedule)

    async def DeleteSchedule(self, request: pb.DeleteScheduleRequest, context: Any) -> pb.Schedule:
        return to_message(await self._schedules.remove(request.id, etag=request.etag), pb.Schedule)

    async def AddScheduleOverride(self, request: pb.AddScheduleOverrideRequest, context: Any) -> pb.Schedule:
        start, end = _instant(request, "start_time"), _instant(request, "end_time")
        made = await self._schedules.add_override(request.id, request.user_id, start, end, request.comment, etag=request.etag)
        return to_message(made, pb.Schedule)

    async def RemoveScheduleOverride(self, request: pb.RemoveScheduleOverrideRequest, context: Any) -> pb.Schedule:
        left = await self._schedules.remove_override(request.id, request.override_id, etag=request.etag)
        return to_message(left, pb.Schedule)

    async def HandOverSchedule(self, request: pb.HandOverScheduleRequest, context: Any) -> pb.Schedule:
        return to_message(await self._schedules.hand_over(request.id, request.text, etag=request.etag), pb.Schedule)

    async def GetScheduleOnCall(self, request: pb.GetScheduleOnCallRequest, context: Any) -> pb.Duty:
        return _duty(*await self._schedules.duty(request.id, _instant(request, "time")))

    async def ListScheduleShifts(self, request: pb.ListScheduleShiftsRequest, context: Any) -> pb.ListScheduleShiftsResponse:
        start, end = _instant(request, "start_time"), _instant(request, "end_time")
        found = await self._schedules.shifts(request.id, start, end)
        return pb.ListScheduleShiftsResponse(shifts=[_shift(schedule, shift) for schedule, shift in found])

    async def PreviewSchedule(self, request: pb.PreviewScheduleRequest, context: Any) -> pb.PreviewScheduleResponse:
        start, end = _instant(request, "start_time"), _instant(request, "end_time")
        found = await self._schedules.preview(given(request.schedule, Schedule), start, end, request.id)
        return pb.PreviewScheduleResponse(shifts=[_shift(schedule, shift) for schedule, shift in found])

    async def ListOnCall(self, request: pb.ListOnCallRequest, context: Any) -> pb.ListOnCallResponse:
        found = await self._schedules.duties(_instant(request, "time"), request.team_id)
        return pb.ListOnCallResponse(duties=[_duty(*each) for each in found])

    async def ListMyShifts(self, request: pb.ListMyShiftsRequest, context: Any) -> pb.ListMyShiftsResponse:
        found = await self._schedules.mine(_instant(request, "start_time"), _instant(request, "end_time"))
        return pb.ListMyShiftsResponse(shifts=[_shift(schedule, shift) for schedule, shift in found])


def _instant(request: Any, name: str) -> datetime | None:
    if not request.HasField(name):
        return None
    at: datetime = getattr(request, name).ToDatetime(tzinfo=UTC)
    if not 1970 <= at.year <= 2200:
        raise Invalid({name: "must lie between 1970 and 2200"})
    # No finer than the store keeps it.
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _shift(schedule: Schedule, shift: Shift) -> pb.Shift:
    found = part(shift, pb.Shift)
    found.schedule_id, found.schedule_name, found.team_id = schedule.id, schedule.name, schedule.team_id
    return found


def _duty(schedule: Schedule, current: Shift | None, following: Shift | None) -> pb.Duty:
    return pb.Duty(
        schedule_id=schedule.id,
        schedule_name=schedule.name,
        team_id=schedule.team_id,
        current=_shift(schedule, current) if current else None,
        next=_shift(schedule, following) if following else None,
    )
