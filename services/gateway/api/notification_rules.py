"""`itsm.gateway.v1.NotificationRuleService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.gateway.api.requests import asked, named_fields
from services.gateway.domain.notification_rule import NotificationRule
from services.gateway.usecases.previews import Previews, Tested
from services.gateway.usecases.rules import Rules


class NotificationRuleApi(pb.NotificationRuleServiceServicer):
    """Rules of who is told, and what they would have done."""

    def __init__(self, rules: Rules, previews: Previews) -> None:
        self._rules, self._previews = rules, previews

    async def CreateNotificationRule(self, request: pb.CreateNotificationRuleRequest, context: Any) -> pb.NotificationRule:
        rule = await self._rules.create(given(request.notification_rule, NotificationRule))
        return to_message(rule, pb.NotificationRule)

    async def GetNotificationRule(self, request: pb.GetNotificationRuleRequest, context: Any) -> pb.NotificationRule:
        return document_to_message(await self._rules.get(request.id), pb.NotificationRule)

    async def ListNotificationRules(
        self, request: pb.ListNotificationRulesRequest, context: Any
    ) -> pb.ListNotificationRulesResponse:
        rows, token = await self._rules.page(asked(request))
        found = [document_to_message(row, pb.NotificationRule) for row in rows]
        return pb.ListNotificationRulesResponse(notification_rules=found, next_page_token=token)

    async def UpdateNotificationRule(self, request: pb.UpdateNotificationRuleRequest, context: Any) -> pb.NotificationRule:
        fields = named_fields(request, request.notification_rule, NotificationRule)
        return to_message(await self._rules.update(request.id, fields, etag=request.etag), pb.NotificationRule)

    async def DeleteNotificationRule(self, request: pb.DeleteNotificationRuleRequest, context: Any) -> pb.NotificationRule:
        return to_message(await self._rules.delete(request.id, etag=request.etag), pb.NotificationRule)

    async def TestNotificationRule(
        self, request: pb.TestNotificationRuleRequest, context: Any
    ) -> pb.TestNotificationRuleResponse:
        count, found = await self._previews.test(request.id)
        return pb.TestNotificationRuleResponse(events=count, matches=[_match(each) for each in found])


def _match(tested: Tested) -> pb.TestNotificationRuleResponse.Match:
    event = tested.event
    notices = [
        pb.TestNotificationRuleResponse.Notice(target=each.target_id, channel=each.channel.value, reason=each.reason)
        for each in tested.notices
    ]
    match = pb.TestNotificationRuleResponse.Match(
        event_id=event.id, event_type=event.type, subject=event.subject, notices=notices
    )
    match.time.FromDatetime(event.time)
    return match
