"""`itsm.monitor.v1.SilenceService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.maintenance import MaintenanceWindow
from services.monitor.domain.silence import Silence
from services.monitor.usecases.quiet import Quiet


class SilenceApi(pb.SilenceServiceServicer):
    """Silences and maintenance windows."""

    def __init__(self, quiet: Quiet) -> None:
        self._quiet = quiet

    async def CreateSilence(self, request: pb.CreateSilenceRequest, context: Any) -> pb.Silence:
        return to_message(await self._quiet.create_silence(given(request.silence, Silence)), pb.Silence)

    async def GetSilence(self, request: pb.GetSilenceRequest, context: Any) -> pb.Silence:
        return document_to_message(await self._quiet.silence(request.id), pb.Silence)

    async def ListSilences(self, request: pb.ListSilencesRequest, context: Any) -> pb.ListSilencesResponse:
        rows, token = await self._quiet.silences(request.filter, request.order_by, paging(request))
        return pb.ListSilencesResponse(silences=[document_to_message(row, pb.Silence) for row in rows], next_page_token=token)

    async def UpdateSilence(self, request: pb.UpdateSilenceRequest, context: Any) -> pb.Silence:
        fields = named_fields(request, request.silence, Silence)
        return to_message(await self._quiet.update_silence(request.id, fields, etag=request.etag), pb.Silence)

    async def ExpireSilence(self, request: pb.ExpireSilenceRequest, context: Any) -> pb.Silence:
        return to_message(await self._quiet.expire_silence(request.id, etag=request.etag), pb.Silence)

    async def CreateMaintenanceWindow(self, request: pb.CreateMaintenanceWindowRequest, context: Any) -> pb.MaintenanceWindow:
        fields = given(request.maintenance_window, MaintenanceWindow)
        return to_message(await self._quiet.create_window(fields), pb.MaintenanceWindow)

    async def GetMaintenanceWindow(self, request: pb.GetMaintenanceWindowRequest, context: Any) -> pb.MaintenanceWindow:
        return document_to_message(await self._quiet.window(request.id), pb.MaintenanceWindow)

    async def ListMaintenanceWindows(
        self, request: pb.ListMaintenanceWindowsRequest, context: Any
    ) -> pb.ListMaintenanceWindowsResponse:
        rows, token = await self._quiet.windows(request.filter, request.order_by, paging(request))
        windows = [document_to_message(row, pb.MaintenanceWindow) for row in rows]
        return pb.ListMaintenanceWindowsResponse(maintenance_windows=windows, next_page_token=token)

    async def UpdateMaintenanceWindow(self, request: pb.UpdateMaintenanceWindowRequest, context: Any) -> pb.MaintenanceWindow:
        fields = named_fields(request, request.maintenance_window, MaintenanceWindow)
        return to_message(await self._quiet.update_window(request.id, fields, etag=request.etag), pb.MaintenanceWindow)

    async def ExpireMaintenanceWindow(self, request: pb.ExpireMaintenanceWindowRequest, context: Any) -> pb.MaintenanceWindow:
        return to_message(await self._quiet.expire_window(request.id, etag=request.etag), pb.MaintenanceWindow)
