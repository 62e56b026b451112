"""Dashboards."""

from typing import Any

from itsm.analytics import v1 as pb

from chassis.codec import changes, document_to_message, given, part, to_message
from services.analytics.api.kpis import figure_message, instant
from services.analytics.domain.dashboard import Content, Dashboard, Sharing
from services.analytics.usecases.dashboard_data import DashboardData, Data, TileData
from services.analytics.usecases.dashboards import Asked, Dashboards, Draft


class DashboardApi(pb.DashboardServiceServicer):
    """`itsm.analytics.v1.DashboardService`."""

    def __init__(self, dashboards: Dashboards, data: DashboardData) -> None:
        self._dashboards, self._data = dashboards, data

    async def CreateDashboard(self, request: pb.CreateDashboardRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.create(given(request.dashboard, Dashboard)), pb.Dashboard)

    async def GetDashboard(self, request: pb.GetDashboardRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.get(request.id), pb.Dashboard)

    async def ListDashboards(self, request: pb.ListDashboardsRequest, context: Any) -> pb.ListDashboardsResponse:
        size = request.page_size if request.HasField("page_size") else None
        rows, token = await self._dashboards.page(Asked(request.filter, request.order_by, size, request.page_token))
        found = [document_to_message(row, pb.Dashboard) for row in rows]
        return pb.ListDashboardsResponse(dashboards=found, next_page_token=token)

    async def UpdateDashboard(self, request: pb.UpdateDashboardRequest, context: Any) -> pb.Dashboard:
        said = request.dashboard
        masked = request.HasField("update_mask")
        fields = changes(said, request.update_mask.paths, Dashboard) if masked else given(said, Dashboard)
        return to_message(await self._dashboards.update(request.id, fields, etag=request.etag), pb.Dashboard)

    async def DeleteDashboard(self, request: pb.DeleteDashboardRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.delete(request.id, etag=request.etag), pb.Dashboard)

    async def ShareDashboard(self, request: pb.ShareDashboardRequest, context: Any) -> pb.Dashboard:
        sharing = Sharing.TEAM if request.team_id else Sharing.PRIVATE
        shared = await self._dashboards.share(request.id, sharing, request.team_id, etag=request.etag)
        return to_message(shared, pb.Dashboard)

    async def ShareDashboardWithAll(self, request: pb.ShareDashboardWithAllRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.share(request.id, Sharing.EVERYBODY, etag=request.etag), pb.Dashboard)

    async def KeepDashboardDraft(self, request: pb.KeepDashboardDraftRequest, context: Any) -> pb.DashboardDraft:
        content = Content(**given(request.draft, Content))
        return _draft(await self._dashboards.keep_draft(request.id, content, etag=request.etag))

    async def GetDashboardDraft(self, request: pb.GetDashboardDraftRequest, context: Any) -> pb.DashboardDraft:
        return _draft(await self._dashboards.draft(request.id))

    async def DiscardDashboardDraft(self, request: pb.DiscardDashboardDraftRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.discard(request.id), pb.Dashboard)

    async def PublishDashboard(self, request: pb.PublishDashboardRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.publish(request.id, request.note, etag=request.etag), pb.Dashboard)

    async def ListDashboardVersions(
        self, request: pb.ListDashboardVersionsRequest, context: Any
    ) -> pb.ListDashboardVersionsResponse:
        rows = await self._dashboards.versions(request.id)
        told = ("edition", "note", "publisher_id", "publish_time")
        versions = [
            document_to_message({**row["content"], **{name: row[name] for name in told}}, pb.DashboardVersion) for row in rows
        ]
        return pb.ListDashboardVersionsResponse(versions=versions)

    async def RestoreDashboard(self, request: pb.RestoreDashboardRequest, context: Any) -> pb.Dashboard:
        return to_message(await self._dashboards.restore(request.id, request.edition, etag=request.etag), pb.Dashboard)

    async def GetDashboardData(self, request: pb.GetDashboardDataRequest, context: Any) -> pb.DashboardData:
        found = await self._dashboards.get(request.id)
        start, end = instant(request, "from"), instant(request, "to")
        data = await self._data.of(found.tiles, found.days, start, end, edition=found.edition)
        return _data(data, found.edition)

    async def PreviewDashboard(self, request: pb.PreviewDashboardRequest, context: Any) -> pb.DashboardData:
        tiles = Content(**given(pb.DashboardDraft(tiles=request.tiles), Content)).tiles
        data = await self._data.of(tiles, request.days, instant(request, "from"), instant(request, "to"))
        return _data(data, 0)


def _draft(draft: Draft) -> pb.DashboardDraft:
    content = draft.content
    return pb.DashboardDraft(
        dashboard_id=draft.dashboard_id,
        name=content.name,
        description=content.description,
        days=content.days,
        tiles=[part(tile, pb.Tile) for tile in content.tiles],
        base_edition=draft.base_edition,
        update_time=draft.update_time,
        etag=draft.etag,
    )


def _data(data: Data, edition: int) -> pb.DashboardData:
    message = pb.DashboardData(
        tiles=[_tile(each) for each in data.tiles],
        to=data.end,
        as_of_time=data.at,
        question_count=data.questions,
        edition=edition,
        etag=data.etag,
    )
    getattr(message, "from").FromDatetime(data.start)
    return message


def _tile(data: TileData) -> pb.DashboardData.TileData:
    message = pb.DashboardData.TileData(tile_id=data.tile_id, fault=data.fault, groups_left_out=data.left_out)
    if data.figure is not None:
        message.kpi.CopyFrom(figure_message(data.figure))
    if data.previous is not None:
        message.previous.CopyFrom(figure_message(data.previous))
    if data.start is not None:
        getattr(message, "from").FromDatetime(data.start)
    return message
