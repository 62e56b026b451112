"""`itsm.monitor.v1.AlertRuleService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.rule import AlertRule
from services.monitor.usecases.rules import Rules


class AlertRuleApi(pb.AlertRuleServiceServicer):
    """Alert rules: which figures raise an alert."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def CreateAlertRule(self, request: pb.CreateAlertRuleRequest, context: Any) -> pb.AlertRule:
        return to_message(await self._rules.create(given(request.alert_rule, AlertRule)), pb.AlertRule)

    async def GetAlertRule(self, request: pb.GetAlertRuleRequest, context: Any) -> pb.AlertRule:
        return document_to_message(await self._rules.get(request.id), pb.AlertRule)

    async def ListAlertRules(self, request: pb.ListAlertRulesRequest, context: Any) -> pb.ListAlertRulesResponse:
        rows, token = await self._rules.page(request.filter, request.order_by, paging(request))
        rules = [document_to_message(row, pb.AlertRule) for row in rows]
        return pb.ListAlertRulesResponse(alert_rules=rules, next_page_token=token)

    async def UpdateAlertRule(self, request: pb.UpdateAlertRuleRequest, context: Any) -> pb.AlertRule:
        fields = named_fields(request, request.alert_rule, AlertRule)
        return to_message(await self._rules.update(request.id, fields, etag=request.etag), pb.AlertRule)

    async def RemoveAlertRule(self, request: pb.RemoveAlertRuleRequest, context: Any) -> pb.AlertRule:
        return to_message(await self._rules.remove(request.id, etag=request.etag), pb.AlertRule)

    async def ListAlertRuleStates(self, request: pb.ListAlertRuleStatesRequest, context: Any) -> pb.ListAlertRuleStatesResponse:
        states = [document_to_message(row, pb.SeriesState) for row in await self._rules.states(request.id)]
        return pb.ListAlertRuleStatesResponse(states=states)
