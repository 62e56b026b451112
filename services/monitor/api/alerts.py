"""`itsm.monitor.v1.AlertService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, to_message
from services.monitor.api.requests import paging
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.reading import Reading


class AlertApi(pb.AlertServiceServicer):
    """Alerts: reading them, taking note, ending by hand."""

    def __init__(self, alerts: Alerts, reading: Reading) -> None:
        self._alerts = alerts
        self._reading = reading

    async def GetAlert(self, request: pb.GetAlertRequest, context: Any) -> pb.Alert:
        return document_to_message(await self._reading.alert(request.id), pb.Alert)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:
        rows, token = await self._reading.alerts(request.filter, request.order_by, paging(request))
        return pb.ListAlertsResponse(alerts=[document_to_message(row, pb.Alert) for row in rows], next_page_token=token)

    async def CountAlerts(self, request: pb.CountAlertsRequest, context: Any) -> pb.CountAlertsResponse:
        value, capped = await self._reading.count(request.filter)
        return pb.CountAlertsResponse(value=value, capped=capped)

    async def AcknowledgeAlert(self, request: pb.AcknowledgeAlertRequest, context: Any) -> pb.Alert:
        return to_message(await self._alerts.acknowledge(request.id, request.comment, etag=request.etag), pb.Alert)

    async def ResolveAlert(self, request: pb.ResolveAlertRequest, context: Any) -> pb.Alert:
        return to_message(await self._alerts.resolve(request.id, request.comment, etag=request.etag), pb.Alert)

    async def ExplainAlert(self, request: pb.ExplainAlertRequest, context: Any) -> pb.ExplainAlertResponse:
        decisions = [
            document_to_message(row, pb.ExplainAlertResponse.Decision) for row in await self._reading.explain(request.id)
        ]
        return pb.ExplainAlertResponse(decisions=decisions)
