"""`itsm.monitor.v1.IntegrationService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.integration import Integration
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.reading import Reading


class IntegrationApi(pb.IntegrationServiceServicer):
    """Integrations: who may send signals, and how they are read."""

    def __init__(self, integrations: Integrations, reading: Reading) -> None:
        self._integrations = integrations
        self._reading = reading

    async def CreateIntegration(self, request: pb.CreateIntegrationRequest, context: Any) -> pb.Integration:
        return to_message(await self._integrations.create(given(request.integration, Integration)), pb.Integration)

    async def GetIntegration(self, request: pb.GetIntegrationRequest, context: Any) -> pb.Integration:
        return document_to_message(await self._reading.integration(request.id), pb.Integration)

    async def ListIntegrations(self, request: pb.ListIntegrationsRequest, context: Any) -> pb.ListIntegrationsResponse:
        rows, token = await self._reading.integrations(request.filter, request.order_by, paging(request))
        integrations = [document_to_message(row, pb.Integration) for row in rows]
        return pb.ListIntegrationsResponse(integrations=integrations, next_page_token=token)

    async def UpdateIntegration(self, request: pb.UpdateIntegrationRequest, context: Any) -> pb.Integration:
        fields = named_fields(request, request.integration, Integration)
        return to_message(await self._integrations.update(request.id, fields, etag=request.etag), pb.Integration)

    async def DisableIntegration(self, request: pb.DisableIntegrationRequest, context: Any) -> pb.Integration:
        return to_message(await self._integrations.disable(request.id, etag=request.etag), pb.Integration)

    async def EnableIntegration(self, request: pb.EnableIntegrationRequest, context: Any) -> pb.Integration:
        return to_message(await self._integrations.enable(request.id, etag=request.etag), pb.Integration)
