"""The usual calls about things that people set up, the same for each kind."""

from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from chassis.codec import document_to_message, given, to_message
from services.incident.api.shared import asked, named
from services.incident.domain.kept import Shared, Unnamed
from services.incident.usecases.cupboard import Cupboard, SharedCupboard

K = TypeVar("K", bound=Unnamed)
S = TypeVar("S", bound=Shared)
M = TypeVar("M", bound=Message)


class Calls(Generic[K, M]):
    """`field` is what requests call the thing."""

    def __init__(self, cupboard: Cupboard[K], kind: type[K], message: type[M], field: str) -> None:
        self._cupboard, self._kind, self._message, self._field = cupboard, kind, message, field

    async def create(self, request: Any) -> M:
        """Makes one."""
        return to_message(await self._cupboard.create(given(getattr(request, self._field), self._kind)), self._message)

    async def get(self, request: Any) -> M:
        """One."""
        return document_to_message(await self._cupboard.get(request.id), self._message)

    async def page(self, request: Any) -> tuple[list[M], str]:
        """A page, and the token of the next."""
        rows, token = await self._cupboard.page(asked(request))
        return [document_to_message(row, self._message) for row in rows], token

    async def update(self, request: Any) -> M:
        """Changes one."""
        fields = named(request, getattr(request, self._field), self._kind)
        return to_message(await self._cupboard.update(request.id, fields, etag=request.etag), self._message)

    async def delete(self, request: Any) -> M:
        """Removes one."""
        return to_message(await self._cupboard.delete(request.id, etag=request.etag), self._message)


class SharedCalls(Calls[S, M]):
    """The same of what is shared."""

    def __init__(self, cupboard: SharedCupboard[S], kind: type[S], message: type[M], field: str) -> None:
        super().__init__(cupboard, kind, message, field)
        self._shared = cupboard

    async def share(self, request: Any) -> M:
        """Lets a team see it."""
        return to_message(await self._shared.share(request.id, request.team_id, etag=request.etag), self._message)

    async def publish(self, request: Any) -> M:
        """Lets everybody see it."""
        return to_message(await self._shared.publish(request.id, etag=request.etag), self._message)
