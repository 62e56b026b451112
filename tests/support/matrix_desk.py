"""For the matrix of callers: a record of each kind that the daily work of a desk makes, in the tenant of the test."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from itsm.analytics import v1 as analytics_pb
from itsm.incident import v1 as pb

from tests.support.callers import Callers
from tests.support.rpcs import Rpc, complete

Made = dict[tuple[str, str], tuple[str, str]]
_SOON = 60.0


async def worked(callers: Callers, by_name: Mapping[str, Rpc], admin: str, tenant: str, canary: str) -> Made:
    """What the desk keeps, beside an incident that a rule saw, a macro changed, and whose reporter was asked how it was."""

    async def done(service: str, method: str, request: Message, room: str = "incident") -> Any:
        answer = await callers.call(by_name[f"{room}.v1.{service}/{method}"], request, admin)
        assert answer.code is grpc.StatusCode.OK, (method, answer)
        return answer.reply

    for service, method, request in (
        ("ProblemService", "OpenProblem", pb.OpenProblemRequest(problem=pb.Problem(title=canary))),
        ("ArticleService", "CreateArticle", pb.CreateArticleRequest(article=pb.Article(title=canary, body=canary))),
        ("TriageService", "CreateTriageModel", pb.CreateTriageModelRequest(triage_model=pb.TriageModel(purpose="TEAM"))),
    ):
        await done(service, method, request)
    # A tenant has one of each, and who was let in to make one may have made it.
    for service, plural in (("SurveyService", "SurveyPolicies"), ("FollowUpService", "FollowUpPolicies")):
        one = plural.replace("Policies", "Policy")
        listed = await done(service, f"List{plural}", complete(by_name[f"incident.v1.{service}/List{plural}"]))
        for _, rows in listed.ListFields():
            for row in rows:
                rpc = by_name[f"incident.v1.{service}/Delete{one}"]
                await done(service, f"Delete{one}", complete(rpc, id=row.id))
    asked = pb.SurveyPolicy(name=canary, question=canary, sampling_percent=100)
    await done("SurveyService", "CreateSurveyPolicy", pb.CreateSurveyPolicyRequest(survey_policy=asked))
    note = pb.RuleAction(kind="NOTE", text=canary)
    rule = pb.AutomationRule(name=canary, event_types=["itsm.incident.v1.IncidentOpened"], actions=[note])
    await done("AutomationService", "CreateAutomationRule", pb.CreateAutomationRuleRequest(automation_rule=rule))
    route = pb.RoutingRule(name=canary, filter=f'title = "{canary}"', team_id=canary)
    await done("AutomationService", "CreateRoutingRule", pb.CreateRoutingRuleRequest(routing_rule=route))
    profile = pb.AgentProfile(user_id=canary, team_ids=[canary])
    await done("AutomationService", "CreateAgentProfile", pb.CreateAgentProfileRequest(agent_profile=profile))
    wait = pb.FollowUpPolicy(name=canary, stage="RESOLVED", close_after_days=5)
    await done("FollowUpService", "CreateFollowUpPolicy", pb.CreateFollowUpPolicyRequest(follow_up_policy=wait))
    view = pb.View(name=canary, resource="incidents", filter=f'title = "{canary}"')
    await done("ViewService", "CreateView", pb.CreateViewRequest(view=view))
    reply = pb.CannedReply(name=canary, text=canary)
    await done("ReplyService", "CreateCannedReply", pb.CreateCannedReplyRequest(canned_reply=reply))
    wanted = pb.TicketTemplate(name=canary, title=canary)
    template = await done("ReplyService", "CreateTicketTemplate", pb.CreateTicketTemplateRequest(ticket_template=wanted))
    start = f"{datetime.now(UTC).year + 2}-01-01T09:00"
    again = pb.RecurringTicket(name=canary, rule="FREQ=YEARLY", start=start, template_id=template.id)
    await done("RecurringTicketService", "CreateRecurringTicket", pb.CreateRecurringTicketRequest(recurring_ticket=again))

    incident = await done("IncidentService", "OpenIncident", pb.OpenIncidentRequest(incident=pb.Incident(title=canary)))
    spent = pb.TimeEntry(about=f"incidents/{incident.id}", duration=timedelta(minutes=5), comment=canary)
    await done("TimeEntryService", "CreateTimeEntry", pb.CreateTimeEntryRequest(time_entry=spent))
    macro = pb.Macro(name=canary, steps=[pb.Macro.Step(kind="UPDATE", category=canary)])
    steps = await done("MacroService", "CreateMacro", pb.CreateMacroRequest(macro=macro))
    run = await done("MacroService", "ApplyMacro", pb.ApplyMacroRequest(id=steps.id, incident_id=incident.id))
    ended = pb.ResolveIncidentRequest(id=incident.id, resolution_code=canary, resolution=canary)
    await done("IncidentService", "ResolveIncident", ended)
    await done("IncidentService", "CloseIncident", pb.CloseIncidentRequest(id=incident.id))

    item = await done(
        "CatalogItemService", "CreateCatalogItem", pb.CreateCatalogItemRequest(catalog_item=pb.CatalogItem(title=canary))
    )
    await done("CatalogItemService", "PublishCatalogItem", pb.PublishCatalogItemRequest(id=item.id))
    order = pb.Request(catalog_item_id=item.id, description=canary)
    request = await done("RequestService", "CreateRequest", pb.CreateRequestRequest(request=order))
    task = pb.Task(title=canary, about=f"requests/{request.id}")
    await done("TaskService", "CreateTask", pb.CreateTaskRequest(task=task))

    for service, method, field in (
        ("SurveyService", "ListSurveys", "surveys"),
        ("AutomationService", "ListRuleRuns", "rule_runs"),
    ):
        await _there(lambda s=service, m=method: done(s, m, complete(by_name[f"incident.v1.{s}/{m}"])), field)  # type: ignore[misc]
    shown = analytics_pb.Dashboard(name=canary, tiles=[analytics_pb.Tile(id="a", kind="TEXT", text=canary, w=1, h=1)])
    kept = analytics_pb.CreateDashboardRequest(dashboard=shown)
    board = await done("DashboardService", "CreateDashboard", kept, "analytics")
    # What every tenant has is in every list.
    return {("incident", "macroRuns"): (run.id, tenant), ("analytics", "dashboards"): (board.id, tenant)}


async def _there(ask: Callable[[], Awaitable[Any]], field: str) -> None:
    """Returns as soon as a list has a record."""
    async with asyncio.timeout(_SOON):
        while not getattr(await ask(), field):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.2)
