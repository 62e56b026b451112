"""`itsm.gateway.v1.InboxService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.reading import Asked


class InboxApi(pb.InboxServiceServicer):
    """What the caller was told of."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def ListInbox(self, request: pb.ListInboxRequest, context: Any) -> pb.ListInboxResponse:
        size = request.page_size if request.HasField("page_size") else None
        rows, token = await self._inbox.page(Asked(size=size, token=request.page_token), unread=request.unread)
        found = [document_to_message(row, pb.InboxItem) for row in rows]
        return pb.ListInboxResponse(items=found, next_page_token=token, unread_count=await self._inbox.unread())

    async def ReadInbox(self, request: pb.ReadInboxRequest, context: Any) -> pb.ReadInboxResponse:
        left = await self._inbox.read(list(request.ids), everything=request.all)
        return pb.ReadInboxResponse(unread_count=left)
