"""`itsm.gateway.v1.WebhookService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.gateway.api.requests import asked, named_fields
from services.gateway.domain.webhook import Webhook
from services.gateway.usecases.webhooks import Webhooks


class WebhookApi(pb.WebhookServiceServicer):
    """Webhooks, and what became of what they were told."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, context: Any) -> pb.CreateWebhookResponse:
        webhook, secret = await self._webhooks.create(given(request.webhook, Webhook))
        return pb.CreateWebhookResponse(webhook=to_message(webhook, pb.Webhook), secret=secret)

    async def GetWebhook(self, request: pb.GetWebhookRequest, context: Any) -> pb.Webhook:
        return document_to_message(await self._webhooks.get(request.id), pb.Webhook)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, context: Any) -> pb.ListWebhooksResponse:
        rows, token = await self._webhooks.page(asked(request))
        return pb.ListWebhooksResponse(webhooks=[document_to_message(row, pb.Webhook) for row in rows], next_page_token=token)

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, context: Any) -> pb.Webhook:
        fields = named_fields(request, request.webhook, Webhook)
        return to_message(await self._webhooks.update(request.id, fields, etag=request.etag), pb.Webhook)

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, context: Any) -> pb.Webhook:
        return to_message(await self._webhooks.enable(request.id, etag=request.etag), pb.Webhook)

    async def DisableWebhook(self, request: pb.DisableWebhookRequest, context: Any) -> pb.Webhook:
        return to_message(await self._webhooks.disable(request.id, etag=request.etag), pb.Webhook)

    async def RotateWebhook(self, request: pb.RotateWebhookRequest, context: Any) -> pb.RotateWebhookResponse:
        webhook, secret = await self._webhooks.rotate(request.id, etag=request.etag)
        return pb.RotateWebhookResponse(webhook=to_message(webhook, pb.Webhook), secret=secret)

    async def TestWebhook(self, request: pb.TestWebhookRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._webhooks.test(request.id), pb.Delivery)

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, context: Any) -> pb.Webhook:
        return to_message(await self._webhooks.delete(request.id, etag=request.etag), pb.Webhook)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Any
    ) -> pb.ListWebhookDeliveriesResponse:
        rows, token = await self._webhooks.deliveries(request.webhook_id, asked(request))
        deliveries = [document_to_message(row, pb.Delivery) for row in rows]
        return pb.ListWebhookDeliveriesResponse(deliveries=deliveries, next_page_token=token)

    async def GetWebhookDelivery(self, request: pb.GetWebhookDeliveryRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._webhooks.delivery(request.webhook_id, request.id), pb.Delivery)

    async def RedeliverWebhookDelivery(self, request: pb.RedeliverWebhookDeliveryRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._webhooks.redeliver(request.webhook_id, request.id), pb.Delivery)
