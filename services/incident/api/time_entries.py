"""Time that was spent on records."""

from typing import Any

from itsm.incident import v1 as pb
from itsm.type import v1 as shared

from chassis.codec import part
from services.incident.api.cupboard import Calls
from services.incident.domain.time_entry import TimeEntry
from services.incident.usecases.time_entries import TimeEntries


class TimeEntryApi(pb.TimeEntryServiceServicer):
    """`itsm.incident.v1.TimeEntryService`."""

    def __init__(self, entries: TimeEntries) -> None:
        self._entries = entries
        self._calls = Calls(entries, TimeEntry, pb.TimeEntry, "time_entry")

    async def CreateTimeEntry(self, request: pb.CreateTimeEntryRequest, context: Any) -> pb.TimeEntry:
        return await self._calls.create(request)

    async def GetTimeEntry(self, request: pb.GetTimeEntryRequest, context: Any) -> pb.TimeEntry:
        return await self._calls.get(request)

    async def ListTimeEntries(self, request: pb.ListTimeEntriesRequest, context: Any) -> pb.ListTimeEntriesResponse:
        found, token = await self._calls.page(request)
        return pb.ListTimeEntriesResponse(time_entries=found, next_page_token=token)

    async def UpdateTimeEntry(self, request: pb.UpdateTimeEntryRequest, context: Any) -> pb.TimeEntry:
        return await self._calls.update(request)

    async def DeleteTimeEntry(self, request: pb.DeleteTimeEntryRequest, context: Any) -> pb.TimeEntry:
        return await self._calls.delete(request)

    async def SumTimeEntries(self, request: pb.SumTimeEntriesRequest, context: Any) -> pb.SumTimeEntriesResponse:
        found = await self._entries.sum(request.about)
        costs = [part(each, shared.Money) for each in found.costs]
        return pb.SumTimeEntriesResponse(duration=found.duration, costs=costs, count=found.count)
