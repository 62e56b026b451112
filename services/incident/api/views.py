"""Views."""

from typing import Any

from itsm.incident import v1 as pb

from services.incident.api.cupboard import SharedCalls
from services.incident.domain.view import View
from services.incident.usecases.views import Views


class ViewApi(pb.ViewServiceServicer):
    """`itsm.incident.v1.ViewService`."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._calls = SharedCalls(views, View, pb.View, "view")

    async def CreateView(self, request: pb.CreateViewRequest, context: Any) -> pb.View:
        return await self._calls.create(request)

    async def GetView(self, request: pb.GetViewRequest, context: Any) -> pb.View:
        return await self._calls.get(request)

    async def ListViews(self, request: pb.ListViewsRequest, context: Any) -> pb.ListViewsResponse:
        found, token = await self._calls.page(request)
        return pb.ListViewsResponse(views=found, next_page_token=token)

    async def UpdateView(self, request: pb.UpdateViewRequest, context: Any) -> pb.View:
        return await self._calls.update(request)

    async def DeleteView(self, request: pb.DeleteViewRequest, context: Any) -> pb.View:
        return await self._calls.delete(request)

    async def ShareView(self, request: pb.ShareViewRequest, context: Any) -> pb.View:
        return await self._calls.share(request)

    async def PublishView(self, request: pb.PublishViewRequest, context: Any) -> pb.View:
        return await self._calls.publish(request)

    async def CountView(self, request: pb.CountViewRequest, context: Any) -> pb.ViewCount:
        key, value, capped = await self._views.count(request.id)
        return pb.ViewCount(id=key, value=value, capped=capped)

    async def CountViews(self, request: pb.CountViewsRequest, context: Any) -> pb.CountViewsResponse:
        counts = await self._views.counts(list(request.ids))
        found = [pb.ViewCount(id=key, value=value, capped=capped) for key, value, capped in counts]
        return pb.CountViewsResponse(counts=found)
