"""Incidents that are one trouble, that are two, and that belong below each other."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import given, to_message
from services.incident.domain.incident import Incident
from services.incident.usecases.joining import Joining
from services.incident.usecases.reading import COUNTED


class JoiningApi(pb.JoiningServiceServicer):
    """`itsm.incident.v1.JoiningService`."""

    def __init__(self, joining: Joining) -> None:
        self._joining = joining

    async def MergeIncident(self, request: pb.MergeIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._joining.merge(request.id, request.into_id, etag=request.etag), pb.Incident)

    async def UnmergeIncident(self, request: pb.UnmergeIncidentRequest, context: Any) -> pb.Incident:
        return to_message(await self._joining.unmerge(request.id, request.reason, etag=request.etag), pb.Incident)

    async def SplitIncident(self, request: pb.SplitIncidentRequest, context: Any) -> pb.Incident:
        fields = given(request.incident, Incident)
        return to_message(await self._joining.split(request.id, fields, request.note_ids, etag=request.etag), pb.Incident)

    async def GetChildren(self, request: pb.GetChildrenRequest, context: Any) -> pb.GetChildrenResponse:
        total, still_open, under_way = await self._joining.children(request.id, most=COUNTED)
        return pb.GetChildrenResponse(total=total, open=still_open, under_way=under_way)
