"""`itsm.monitor.v1.PageService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import paging
from services.monitor.domain.page import Page
from services.monitor.usecases.paging import Calling


class PageApi(pb.PageServiceServicer):
    """Calling people."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling

    async def CreatePage(self, request: pb.CreatePageRequest, context: Any) -> pb.Page:
        return to_message(await self._calling.create(given(request.page, Page)), pb.Page)

    async def TestPage(self, request: pb.TestPageRequest, context: Any) -> pb.Page:
        return to_message(await self._calling.test(), pb.Page)

    async def GetPage(self, request: pb.GetPageRequest, context: Any) -> pb.Page:
        return document_to_message(await self._calling.get(request.id), pb.Page)

    async def ListPages(self, request: pb.ListPagesRequest, context: Any) -> pb.ListPagesResponse:
        rows, token = await self._calling.page(request.filter, request.order_by, paging(request))
        return pb.ListPagesResponse(pages=[document_to_message(row, pb.Page) for row in rows], next_page_token=token)

    async def AcknowledgePage(self, request: pb.AcknowledgePageRequest, context: Any) -> pb.Page:
        return to_message(await self._calling.acknowledge(request.id, etag=request.etag), pb.Page)

    async def HelpPage(self, request: pb.HelpPageRequest, context: Any) -> pb.Page:
        asked = await self._calling.ask(request.id, request.user_id, request.text, etag=request.etag)
        return to_message(asked, pb.Page)

    async def NotePage(self, request: pb.NotePageRequest, context: Any) -> pb.Page:
        return to_message(await self._calling.note(request.id, request.text, etag=request.etag), pb.Page)

    async def ResolvePage(self, request: pb.ResolvePageRequest, context: Any) -> pb.Page:
        return to_message(await self._calling.resolve(request.id, etag=request.etag), pb.Page)
