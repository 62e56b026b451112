"""Service-level policies and calendars."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.incident.api.shared import asked, named
from services.incident.api.times import instant
from services.incident.domain.calendar import Calendar
from services.incident.domain.sla import SlaPolicy
from services.incident.domain.what_if import KINDS
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading
from services.incident.usecases.what_if import WhatIf


class SlaApi(pb.SlaServiceServicer):
    """`itsm.incident.v1.SlaService`."""

    def __init__(self, policies: Policies, reading: Reading, what_if: WhatIf) -> None:
        self._policies = policies
        self._reading = reading
        self._what_if = what_if

    async def CreateSlaPolicy(self, request: pb.CreateSlaPolicyRequest, context: Any) -> pb.SlaPolicy:
        return to_message(await self._policies.create_policy(given(request.sla_policy, SlaPolicy)), pb.SlaPolicy)

    async def GetSlaPolicy(self, request: pb.GetSlaPolicyRequest, context: Any) -> pb.SlaPolicy:
        return to_message(await self._policies.policy(request.id), pb.SlaPolicy)

    async def ListSlaPolicies(self, request: pb.ListSlaPoliciesRequest, context: Any) -> pb.ListSlaPoliciesResponse:
        rows, token = await self._reading.page(SlaPolicy, asked(request))
        policies = [document_to_message(row, pb.SlaPolicy) for row in rows]
        return pb.ListSlaPoliciesResponse(sla_policies=policies, next_page_token=token)

    async def UpdateSlaPolicy(self, request: pb.UpdateSlaPolicyRequest, context: Any) -> pb.SlaPolicy:
        fields = named(request, request.sla_policy, SlaPolicy)
        return to_message(await self._policies.update_policy(request.id, fields, etag=request.etag), pb.SlaPolicy)

    async def ReplaySlaPolicy(self, request: pb.ReplaySlaPolicyRequest, context: Any) -> pb.ReplaySlaPolicyResponse:
        found = await self._what_if.rerun(request.id, instant(request, "start_time"), instant(request, "end_time"))
        answer = pb.ReplaySlaPolicyResponse(looked_at=found.looked_at, matched=found.matched)
        for kind in KINDS:
            count, missed, would_be = found.missed(kind)
            answer.sums.add(kind=kind.value, count=count, missed=missed, would_be_missed=would_be)
        for each in found.different:
            shown = answer.differences.add(
                incident_id=each.incident_id, number=each.number, kind=each.kind.value, missed=each.was_missed
            )
            if each.would_be_due is not None:
                shown.would_be_due_time.FromDatetime(each.would_be_due)
        return answer

    async def CreateCalendar(self, request: pb.CreateCalendarRequest, context: Any) -> pb.Calendar:
        return to_message(await self._policies.create_calendar(given(request.calendar, Calendar)), pb.Calendar)

    async def GetCalendar(self, request: pb.GetCalendarRequest, context: Any) -> pb.Calendar:
        return to_message(await self._policies.calendar(request.id), pb.Calendar)

    async def ListCalendars(self, request: pb.ListCalendarsRequest, context: Any) -> pb.ListCalendarsResponse:
        rows, token = await self._reading.page(Calendar, asked(request))
        return pb.ListCalendarsResponse(
            calendars=[document_to_message(row, pb.Calendar) for row in rows], next_page_token=token
        )

    async def UpdateCalendar(self, request: pb.UpdateCalendarRequest, context: Any) -> pb.Calendar:
        fields = named(request, request.calendar, Calendar)
        return to_message(await self._policies.update_calendar(request.id, fields, etag=request.etag), pb.Calendar)
