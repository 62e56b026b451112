"""Automation rules and what they did, routing rules, people."""

from datetime import UTC
from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from services.incident.api.shared import asked, named
from services.incident.domain.automation import AutomationRule, RuleRun
from services.incident.domain.incident import Incident
from services.incident.domain.routing import AgentProfile, RoutingRule
from services.incident.usecases.automation import AutomationRules
from services.incident.usecases.doing import Doing
from services.incident.usecases.reading import Reading
from services.incident.usecases.routing import Routing


class AutomationApi(pb.AutomationServiceServicer):
    """`itsm.incident.v1.AutomationService`."""

    def __init__(self, rules: AutomationRules, routing: Routing, doing: Doing, reading: Reading) -> None:
        self._rules, self._routing, self._doing, self._reading = rules, routing, doing, reading

    async def CreateAutomationRule(self, request: pb.CreateAutomationRuleRequest, context: Any) -> pb.AutomationRule:
        return to_message(await self._rules.create(given(request.automation_rule, AutomationRule)), pb.AutomationRule)

    async def GetAutomationRule(self, request: pb.GetAutomationRuleRequest, context: Any) -> pb.AutomationRule:
        return document_to_message(await self._reading.get(AutomationRule, request.id), pb.AutomationRule)

    async def ListAutomationRules(self, request: pb.ListAutomationRulesRequest, context: Any) -> pb.ListAutomationRulesResponse:
        rows, token = await self._reading.page(AutomationRule, asked(request))
        rules = [document_to_message(row, pb.AutomationRule) for row in rows]
        return pb.ListAutomationRulesResponse(automation_rules=rules, next_page_token=token)

    async def UpdateAutomationRule(self, request: pb.UpdateAutomationRuleRequest, context: Any) -> pb.AutomationRule:
        fields = named(request, request.automation_rule, AutomationRule)
        return to_message(await self._rules.update(request.id, fields, etag=request.etag), pb.AutomationRule)

    async def DeleteAutomationRule(self, request: pb.DeleteAutomationRuleRequest, context: Any) -> pb.AutomationRule:
        return to_message(await self._rules.delete(request.id, etag=request.etag), pb.AutomationRule)

    async def TryAutomationRule(self, request: pb.TryAutomationRuleRequest, context: Any) -> pb.TryAutomationRuleResponse:
        days = request.days if request.HasField("days") else None
        matches, matched, looked_at, capped = await self._rules.attempt(given(request.automation_rule, AutomationRule), days)
        told = [part(each, pb.RuleMatch) for each in matches]
        return pb.TryAutomationRuleResponse(matches=told, matched=matched, looked_at=looked_at, capped=capped)

    async def GetRuleRun(self, request: pb.GetRuleRunRequest, context: Any) -> pb.RuleRun:
        return document_to_message(await self._reading.get(RuleRun, request.id), pb.RuleRun)

    async def ListRuleRuns(self, request: pb.ListRuleRunsRequest, context: Any) -> pb.ListRuleRunsResponse:
        rows, token = await self._reading.page(RuleRun, asked(request))
        return pb.ListRuleRunsResponse(rule_runs=[document_to_message(row, pb.RuleRun) for row in rows], next_page_token=token)

    async def CreateRoutingRule(self, request: pb.CreateRoutingRuleRequest, context: Any) -> pb.RoutingRule:
        return to_message(await self._routing.create_rule(given(request.routing_rule, RoutingRule)), pb.RoutingRule)

    async def GetRoutingRule(self, request: pb.GetRoutingRuleRequest, context: Any) -> pb.RoutingRule:
        return document_to_message(await self._reading.get(RoutingRule, request.id), pb.RoutingRule)

    async def ListRoutingRules(self, request: pb.ListRoutingRulesRequest, context: Any) -> pb.ListRoutingRulesResponse:
        rows, token = await self._reading.page(RoutingRule, asked(request))
        rules = [document_to_message(row, pb.RoutingRule) for row in rows]
        return pb.ListRoutingRulesResponse(routing_rules=rules, next_page_token=token)

    async def UpdateRoutingRule(self, request: pb.UpdateRoutingRuleRequest, context: Any) -> pb.RoutingRule:
        fields = named(request, request.routing_rule, RoutingRule)
        return to_message(await self._routing.update_rule(request.id, fields, etag=request.etag), pb.RoutingRule)

    async def DeleteRoutingRule(self, request: pb.DeleteRoutingRuleRequest, context: Any) -> pb.RoutingRule:
        return to_message(await self._routing.delete_rule(request.id, etag=request.etag), pb.RoutingRule)

    async def CreateAgentProfile(self, request: pb.CreateAgentProfileRequest, context: Any) -> pb.AgentProfile:
        return await self._counted(await self._routing.create_profile(given(request.agent_profile, AgentProfile)))

    async def GetAgentProfile(self, request: pb.GetAgentProfileRequest, context: Any) -> pb.AgentProfile:
        found = document_to_message(await self._reading.get(AgentProfile, request.id), pb.AgentProfile)
        found.open_count = (await self._routing.open_counts([found.user_id]))[found.user_id]
        return found

    async def ListAgentProfiles(self, request: pb.ListAgentProfilesRequest, context: Any) -> pb.ListAgentProfilesResponse:
        rows, token = await self._reading.page(AgentProfile, asked(request))
        counts = await self._routing.open_counts([row["user_id"] for row in rows])
        found = [document_to_message(row, pb.AgentProfile) for row in rows]
        for each in found:
            each.open_count = counts[each.user_id]
        return pb.ListAgentProfilesResponse(agent_profiles=found, next_page_token=token)

    async def UpdateAgentProfile(self, request: pb.UpdateAgentProfileRequest, context: Any) -> pb.AgentProfile:
        fields = named(request, request.agent_profile, AgentProfile)
        return await self._counted(await self._routing.update_profile(request.id, fields, etag=request.etag))

    async def DeleteAgentProfile(self, request: pb.DeleteAgentProfileRequest, context: Any) -> pb.AgentProfile:
        return to_message(await self._routing.delete_profile(request.id, etag=request.etag), pb.AgentProfile)

    async def SetOwnAway(self, request: pb.SetOwnAwayRequest, context: Any) -> pb.AgentProfile:
        until = request.until.ToDatetime(UTC) if request.HasField("until") else None
        return await self._counted(await self._routing.set_away(request.away, until))

    async def RouteIncident(self, request: pb.RouteIncidentRequest, context: Any) -> pb.Incident:
        await self._doing.route(request.id, etag=request.etag)
        return document_to_message(await self._reading.get(Incident, request.id), pb.Incident)

    async def _counted(self, profile: AgentProfile) -> pb.AgentProfile:
        told = to_message(profile, pb.AgentProfile)
        told.open_count = (await self._routing.open_counts([profile.user_id]))[profile.user_id]
        return told
