"""Rules about events: what they hear of, what they do, and what keeps them from going round in circles. No I/O.

A rule acts by the rights of whoever said what it does: the owner. Whoever changes that owns it from then on. Raises `Invalid`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from re import compile as pattern
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.incident.domain.limits import ID, check_link
from services.incident.domain.link import Link

NAME_LENGTH, TEXT_LENGTH, FILTER_LENGTH = 200, 4_096, 4_096
MOST_TYPES, MOST_ACTIONS, MOST_FIELDS, MOST_PEOPLE = 20, 10, 20, 20
ORDER = range(-10_000, 10_001)
MOST_RULES = 200
"""Of a tenant: each is looked at for every event."""

DEEPEST = 5
"""So many rules may bring each other about, one after the other."""
OFTEN, OFTEN_IN = 20, timedelta(hours=1)
"""So often a rule acts on one record in that time: a circle through another system has no cause that could be seen."""
RUNS_KEPT = timedelta(days=30)
DOES = frozenset({"event_types", "filter", "actions"})
"""The fields that say what a rule does."""
_PLACEHOLDER = pattern(r"\{\{\s*(\w+)\s*\}\}")


class ActionKind(StrEnum):
    """What an action does."""

    ASSIGN = "ASSIGN"
    ROUTE = "ROUTE"
    SET_FIELDS = "SET_FIELDS"
    NOTE = "NOTE"
    NOTIFY = "NOTIFY"
    LINK = "LINK"
    START = "START"
    RESOLVE = "RESOLVE"
    CREATE_INCIDENT = "CREATE_INCIDENT"
    CREATE_TASK = "CREATE_TASK"


_NEEDS: Mapping[ActionKind, Sequence[str]] = {
    ActionKind.ASSIGN: ("team_id",),
    ActionKind.SET_FIELDS: ("fields",),
    ActionKind.NOTE: ("text",),
    ActionKind.NOTIFY: ("text", "user_ids"),
    ActionKind.LINK: ("link",),
    ActionKind.RESOLVE: ("text", "resolution_code"),
    ActionKind.CREATE_INCIDENT: ("fields",),
    ActionKind.CREATE_TASK: ("fields",),
}


@dataclass(slots=True, kw_only=True)
class RuleAction:
    """One thing that a rule does; which fields count, its kind says."""

    kind: ActionKind
    team_id: str = ""
    assignee_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    text: str = ""
    public: bool = False
    user_ids: list[str] = field(default_factory=list)
    link: Link | None = None
    resolution_code: str = ""

    def faults(self) -> dict[str, str]:
        """What is wrong with it, by field."""
        wrong = {name: f"{self.kind} needs it" for name in _NEEDS.get(self.kind, ()) if not getattr(self, name)}
        if len(self.text) > TEXT_LENGTH:
            wrong["text"] = f"may have {TEXT_LENGTH} characters"
        if len(self.fields) > MOST_FIELDS or any(len(value) > TEXT_LENGTH for value in self.fields.values()):
            wrong["fields"] = f"may be {MOST_FIELDS}, of {TEXT_LENGTH} characters each"
        if len(self.user_ids) > MOST_PEOPLE or len(set(self.user_ids)) < len(self.user_ids):
            wrong["user_ids"] = f"may be {MOST_PEOPLE}, each once"
        if max(map(len, (self.team_id, self.assignee_id, self.resolution_code)), default=0) > ID:
            wrong["team_id"] = f"may have {ID} characters, as the others"
        if self.link is not None:
            check_link(self.link.target, "")
        return wrong


@dataclass(slots=True, kw_only=True)
class AutomationRule(Aggregate):
    """Events, a filter, actions in their order."""

    name: str
    description: str = ""
    event_types: list[str] = field(default_factory=list)
    filter: str = ""
    actions: list[RuleAction] = field(default_factory=list)
    enabled: bool = True
    order: int = 0
    owner_id: str
    enable_time: datetime
    create_time: datetime
    update_time: datetime
    # Kept inside: what the owner might do with the token with which he said what it does.
    limits: list[str] = field(default_factory=list)

    @classmethod
    def made(cls, *, id: str, at: datetime, owner_id: str, limits: list[str], **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one; its filter and fields are judged by who knows the events."""
        given = {"name": ""} | given
        rule = cls(id=id, owner_id=owner_id, limits=limits, enable_time=at, create_time=at, update_time=at, **given)
        rule.validate()
        rule.record(pb.AutomationRuleCreated())
        return rule

    def edit(self, at: datetime, *, by: str, limits: list[str], **given: Any) -> None:
        """Changes named fields; one that is enabled acts on what happens from then on. Nothing changed, nothing is told."""
        changed = {name: value for name, value in given.items() if getattr(self, name) != value}
        for name, value in changed.items():
            setattr(self, name, value)
        if changed.get("enabled"):
            self.enable_time = at
        if changed.keys() & DOES:
            self.owner_id, self.limits = by, limits
        if changed:
            self.validate()
            self.update_time = at
            self.record(pb.AutomationRuleUpdated())

    def remove(self) -> None:
        """It is gone."""
        self.enabled = False
        self.record(pb.AutomationRuleDeleted())

    def wants(self, event_type: str, at: datetime) -> bool:
        """Whether it acts on such an event of that instant, its filter aside."""
        return self.enabled and at >= self.enable_time and any(covers(each, event_type) for each in self.event_types)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if len(self.description) > TEXT_LENGTH:
            wrong["description"] = f"may have {TEXT_LENGTH} characters"
        if len(self.filter) > FILTER_LENGTH:
            wrong["filter"] = f"may have {FILTER_LENGTH} characters"
        if not 0 < len(self.event_types) <= MOST_TYPES or len(set(self.event_types)) < len(self.event_types):
            wrong["event_types"] = f"needs 1 to {MOST_TYPES}, each once"
        elif any(len(each) > ID or "*" in each[:-1] for each in self.event_types):
            wrong["event_types"] = "each is a type or its beginning with one * at the end"
        if self.order not in ORDER:
            wrong["order"] = f"must be between {ORDER.start} and {ORDER.stop - 1}"
        if not 0 < len(self.actions) <= MOST_ACTIONS:
            wrong["actions"] = f"needs 1 to {MOST_ACTIONS}"
        for place, action in enumerate(self.actions):
            wrong |= {f"actions[{place}].{name}": why for name, why in action.faults().items()}
        if wrong:
            raise Invalid(wrong)


class Outcome(StrEnum):
    """How a rule fared with an event."""

    DONE = "DONE"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"


@dataclass(slots=True, kw_only=True)
class RuleRun(Aggregate):
    """What a rule did about one event."""

    rule_id: str
    rule_name: str
    event_id: str
    event_type: str
    subject: str
    outcome: Outcome
    steps: list[str] = field(default_factory=list)
    message: str = ""
    owner_id: str
    caused_by_rule_ids: list[str] = field(default_factory=list)
    create_time: datetime
    # Kept inside: when it is forgotten.
    expire_time: datetime

    @classmethod
    def ran(cls, *, at: datetime, **given: Any) -> Self:
        """It happened, and is told."""
        run = cls(create_time=at, expire_time=at + RUNS_KEPT, **given)
        event: Event = pb.RuleRan()
        run.record(event)
        return run


def covers(each: str, event_type: str) -> bool:
    """Whether a type or the beginning of types means this one."""
    return event_type.startswith(each[:-1]) if each.endswith("*") else each == event_type


def circle(rule_id: str, chain: Sequence[str], recent: int) -> str:
    """Why a rule must not act: `chain` are the rules that brought the event about, `recent` its runs on the record. Empty when
    it may."""
    if rule_id in chain:
        return "the rule itself brought this event about"
    if len(chain) >= DEEPEST:
        return f"{len(chain)} rules brought this event about, one after the other"
    if recent >= OFTEN:
        return f"it acted on this record {recent} times within an hour"
    return ""


def filled(text: str, record: Mapping[str, Any]) -> str:
    """The text with the fields of the record in the places of their names; what the record has not is empty."""
    return _PLACEHOLDER.sub(lambda found: _shown(record.get(found[1])), text)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def unknown(patterns: Collection[str], types: Collection[str]) -> list[str]:
    """Those that mean no type at all."""
    return [each for each in patterns if not any(covers(each, name) for name in types)]
