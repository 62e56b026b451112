"""`itsm.gateway.v1.PresenceService`."""

from collections.abc import Sequence
from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import part
from services.gateway.domain.presence import Attendee, Mode
from services.gateway.usecases.presence import Presences


class PresenceApi(pb.PresenceServiceServicer):
    """Who is at a record."""

    def __init__(self, presences: Presences) -> None:
        self._presences = presences

    async def SetPresence(self, request: pb.SetPresenceRequest, context: Any) -> pb.RecordPresence:
        mode = Mode(pb.Attendee.Mode.Name(request.mode))
        return _answer(*await self._presences.say(request.resources, request.id, mode))

    async def GetPresence(self, request: pb.GetPresenceRequest, context: Any) -> pb.RecordPresence:
        return _answer(*await self._presences.there(request.resources, request.id))


def _answer(subject: str, people: Sequence[Attendee]) -> pb.RecordPresence:
    return pb.RecordPresence(subject=subject, people=[part(each, pb.Attendee) for each in people])
