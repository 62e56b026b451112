"""Rules about events, what they did, routing rules and people."""

from collections.abc import Mapping
from datetime import timedelta

from itsm.incident import v1 as pb

from chassis.domain import Clock
from chassis.due import due_index
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from services.incident.domain.automation import AutomationRule, Outcome, RuleRun
from services.incident.domain.routing import AgentProfile, Method, RoutingRule
from services.incident.store.fields import enum_field, time_field
from services.incident.store.incidents import INCIDENTS
from services.incident.usecases.automation import RULES
from services.incident.usecases.routing import PROFILES
from services.incident.usecases.routing import RULES as ROUTING_RULES
from services.incident.usecases.running import DUE_FIELD, RUNS, WORK

KINDS = (
    Kind(AutomationRule, pb.AutomationRule, RULES),
    Kind(RuleRun, pb.RuleRun, RUNS),
    Kind(RoutingRule, pb.RoutingRule, ROUTING_RULES),
    Kind(AgentProfile, pb.AgentProfile, PROFILES),
)

# A tenant has few rules and people, which any order may sort. What is open with somebody is counted in an index.
INDEXES = (
    *(Index(few, [("tenant", 1)]) for few in (RULES, ROUTING_RULES, PROFILES)),
    Index(RUNS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(RUNS, [("tenant", 1), ("rule_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(RUNS, [("tenant", 1), ("event_id", 1)]),
    Index(RUNS, [("tenant", 1), ("subject", 1), ("create_time", -1), ("_id", 1)]),
    Index(RUNS, [("expire_time", 1)], expire_after=timedelta(0)),
    Index(WORK, [("tenant", 1), ("subject", 1), ("_id", 1)]),
    due_index(WORK, DUE_FIELD),
    Index(INCIDENTS, [("tenant", 1), ("assignee_id", 1), ("state", 1)], partial={"assignee_id": {"$gt": ""}}),
)

_NAMED: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "enabled": Field(path="enabled", kind=Of.BOOL),
    "order": Field(path="order", kind=Of.NUMBER, sortable=True),
    "createTime": time_field("create_time", sortable=True),
    "updateTime": time_field("update_time", sortable=True),
}
RULE_FIELDS: Fields = {**_NAMED, "ownerId": Field(path="owner_id"), "eventTypes": Field(path="event_types", many=True)}
ROUTING_FIELDS: Fields = {**_NAMED, "teamId": Field(path="team_id"), "method": enum_field("method", Method)}
PROFILE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "userId": Field(path="user_id", sortable=True),
    "teamIds": Field(path="team_ids", many=True),
    "skills": Field(path="skills", many=True),
    "capacity": Field(path="capacity", kind=Of.NUMBER),
    "away": Field(path="away", kind=Of.BOOL),
}
RUN_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "ruleId": Field(path="rule_id"),
    "eventId": Field(path="event_id"),
    "eventType": Field(path="event_type"),
    "subject": Field(path="subject"),
    "outcome": enum_field("outcome", Outcome),
    "createTime": time_field("create_time", sortable=True),
}


def listings(key: bytes, clock: Clock) -> Mapping[str, Listing]:
    """The lists by plural; `key` signs their tokens."""
    return {
        "automationRules": Listing("automationRules", RULE_FIELDS, "order, name", key, clock),
        "ruleRuns": Listing("ruleRuns", RUN_FIELDS, "createTime desc", key, clock),
        "routingRules": Listing("routingRules", ROUTING_FIELDS, "order, name", key, clock),
        "agentProfiles": Listing("agentProfiles", PROFILE_FIELDS, "userId", key, clock),
    }
