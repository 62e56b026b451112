"""`itsm.gateway.v1.PushSubscriptionService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, to_message
from services.gateway.api.requests import asked
from services.gateway.usecases.browsers import Browsers


class PushSubscriptionApi(pb.PushSubscriptionServiceServicer):
    """Browsers of the caller."""

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers

    async def CreatePushSubscription(self, request: pb.CreatePushSubscriptionRequest, context: Any) -> pb.PushSubscription:
        wanted = request.push_subscription
        browser = await self._browsers.create(wanted.endpoint, wanted.p256dh, wanted.auth, wanted.name)
        return to_message(browser, pb.PushSubscription)

    async def GetPushSubscription(self, request: pb.GetPushSubscriptionRequest, context: Any) -> pb.PushSubscription:
        return document_to_message(await self._browsers.get(request.id), pb.PushSubscription)

    async def ListPushSubscriptions(
        self, request: pb.ListPushSubscriptionsRequest, context: Any
    ) -> pb.ListPushSubscriptionsResponse:
        rows, token = await self._browsers.page(asked(request))
        found = [document_to_message(row, pb.PushSubscription) for row in rows]
        return pb.ListPushSubscriptionsResponse(push_subscriptions=found, next_page_token=token)

    async def DeletePushSubscription(self, request: pb.DeletePushSubscriptionRequest, context: Any) -> pb.PushSubscription:
        return to_message(await self._browsers.delete(request.id, etag=request.etag), pb.PushSubscription)

    async def GetPushKey(self, request: pb.GetPushKeyRequest, context: Any) -> pb.GetPushKeyResponse:
        return pb.GetPushKeyResponse(key=self._browsers.key)

    async def TestPushSubscription(self, request: pb.TestPushSubscriptionRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._browsers.test(request.id), pb.Delivery)
