"""`itsm.monitor.v1.NotificationService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.notification import NotificationTarget
from services.monitor.usecases.notifying import Targets


class NotificationApi(pb.NotificationServiceServicer):
    """Targets, and what became of notifications."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def CreateNotificationTarget(
        self, request: pb.CreateNotificationTargetRequest, context: Any
    ) -> pb.NotificationTarget:
        fields = given(request.notification_target, NotificationTarget)
        return to_message(await self._targets.create(fields), pb.NotificationTarget)

    async def GetNotificationTarget(self, request: pb.GetNotificationTargetRequest, context: Any) -> pb.NotificationTarget:
        return document_to_message(await self._targets.target(request.id), pb.NotificationTarget)

    async def ListNotificationTargets(
        self, request: pb.ListNotificationTargetsRequest, context: Any
    ) -> pb.ListNotificationTargetsResponse:
        rows, token = await self._targets.targets(request.filter, request.order_by, paging(request))
        targets = [document_to_message(row, pb.NotificationTarget) for row in rows]
        return pb.ListNotificationTargetsResponse(notification_targets=targets, next_page_token=token)

    async def UpdateNotificationTarget(
        self, request: pb.UpdateNotificationTargetRequest, context: Any
    ) -> pb.NotificationTarget:
        fields = named_fields(request, request.notification_target, NotificationTarget)
        return to_message(await self._targets.update(request.id, fields, etag=request.etag), pb.NotificationTarget)

    async def RotateNotificationTarget(
        self, request: pb.RotateNotificationTargetRequest, context: Any
    ) -> pb.NotificationTarget:
        return to_message(await self._targets.rotate(request.id, etag=request.etag), pb.NotificationTarget)

    async def GetNotificationKey(self, request: pb.GetNotificationKeyRequest, context: Any) -> pb.NotificationKey:
        key, version = await self._targets.key(request.id)
        return pb.NotificationKey(key=key, key_version=version)

    async def ListNotifications(self, request: pb.ListNotificationsRequest, context: Any) -> pb.ListNotificationsResponse:
        rows, token = await self._targets.notifications(request.filter, request.order_by, paging(request))
        notifications = [document_to_message(row, pb.Notification) for row in rows]
        return pb.ListNotificationsResponse(notifications=notifications, next_page_token=token)
