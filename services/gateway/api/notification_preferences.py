"""`itsm.gateway.v1.NotificationPreferencesService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import to_message
from services.gateway.api.requests import named_fields
from services.gateway.domain.notification_preferences import NotificationPreferences
from services.gateway.usecases.preferences import Preferences


class NotificationPreferencesApi(pb.NotificationPreferencesServiceServicer):
    """How the caller wants to be told."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    async def GetNotificationPreferences(
        self, request: pb.GetNotificationPreferencesRequest, context: Any
    ) -> pb.NotificationPreferences:
        return to_message(await self._preferences.get(request.id), pb.NotificationPreferences)

    async def UpdateNotificationPreferences(
        self, request: pb.UpdateNotificationPreferencesRequest, context: Any
    ) -> pb.NotificationPreferences:
        fields = named_fields(request, request.notification_preferences, NotificationPreferences)
        return to_message(await self._preferences.update(request.id, fields, etag=request.etag), pb.NotificationPreferences)
