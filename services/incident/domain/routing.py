"""To whom work goes: rules that name a team, people with skills, capacity and times of absence, and the choice among them.

No I/O, no randomness: the same people in the same state give the same choice. Raises `Invalid`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.automation import FILTER_LENGTH, NAME_LENGTH, ORDER
from services.incident.domain.limits import ID

MOST_SKILLS, MOST_TEAMS, MOST_SHIFTS, MOST_NEEDED = 100, 50, 100, 20
MOST_CAPACITY = 1_000
MOST_RULES, MOST_PEOPLE = 200, 500


class Method(StrEnum):
    """How a person of the team is chosen."""

    TEAM_ONLY = "TEAM_ONLY"
    LEAST_LOADED = "LEAST_LOADED"
    ROUND_ROBIN = "ROUND_ROBIN"
    SKILL = "SKILL"
    ON_CALL = "ON_CALL"


@dataclass(slots=True, kw_only=True)
class RoutingRule(Aggregate):
    """Which incidents go to a team, and how a person of it is chosen."""

    name: str
    filter: str = ""
    team_id: str = ""
    method: Method = Method.TEAM_ONLY
    skills: list[str] = field(default_factory=list)
    enabled: bool = True
    order: int = 0
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one; its filter is judged by who knows the list."""
        rule = cls(id=id, create_time=at, update_time=at, **({"name": ""} | given))
        rule.validate()
        rule.record(pb.RoutingRuleCreated())
        return rule

    def edit(self, at: datetime, **given: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told."""
        if _changed(self, given, at):
            self.validate()
            self.record(pb.RoutingRuleUpdated())

    def remove(self) -> None:
        """It is gone."""
        self.enabled = False
        self.record(pb.RoutingRuleDeleted())

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = _listed({"skills": (self.skills, MOST_NEEDED)})
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if not 0 < len(self.team_id.strip()) <= ID:
            wrong["team_id"] = "must name a team"
        if len(self.filter) > FILTER_LENGTH:
            wrong["filter"] = f"may have {FILTER_LENGTH} characters"
        if self.order not in ORDER:
            wrong["order"] = f"must be between {ORDER.start} and {ORDER.stop - 1}"
        if self.method is Method.SKILL and not self.skills:
            wrong["skills"] = "SKILL needs at least one"
        if wrong:
            raise Invalid(wrong)


@dataclass(slots=True, kw_only=True)
class OnCallShift:
    """A time in which somebody is on call, without its end."""

    start_time: datetime
    end_time: datetime


@dataclass(slots=True, kw_only=True)
class AgentProfile(Aggregate):
    """What a person knows, how much he takes, and when he is not there."""

    user_id: str
    team_ids: list[str] = field(default_factory=list)
    skills: list[str] = field(default_factory=list)
    capacity: int = 10
    away: bool = False
    away_until: datetime | None = None
    on_call: list[OnCallShift] = field(default_factory=list)
    create_time: datetime
    update_time: datetime
    # Kept inside: its row goes after its last event, and until then nobody is given work by it.
    removed: bool = False

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one."""
        profile = cls(id=id, create_time=at, update_time=at, **({"user_id": ""} | given))
        profile.validate()
        profile.record(pb.AgentProfileCreated())
        return profile

    def edit(self, at: datetime, **given: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told."""
        if _changed(self, given, at):
            self.validate()
            self.record(pb.AgentProfileUpdated())

    def remove(self) -> None:
        """It is gone."""
        self.removed = True
        self.record(pb.AgentProfileDeleted())

    def is_away(self, at: datetime) -> bool:
        """Whether the person gets nothing at that instant."""
        return self.away and (self.away_until is None or at < self.away_until)

    def on_duty(self, at: datetime) -> bool:
        """Whether the person is on call at that instant."""
        return any(shift.start_time <= at < shift.end_time for shift in self.on_call)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = _listed({"skills": (self.skills, MOST_SKILLS), "team_ids": (self.team_ids, MOST_TEAMS)})
        if not 0 < len(self.user_id) <= ID:
            wrong["user_id"] = "must name a person"
        if not 0 <= self.capacity <= MOST_CAPACITY:
            wrong["capacity"] = f"must be 0 to {MOST_CAPACITY}"
        if len(self.on_call) > MOST_SHIFTS:
            wrong["on_call"] = f"may have {MOST_SHIFTS} entries"
        for place, shift in enumerate(self.on_call):
            if shift.end_time <= shift.start_time:
                wrong[f"on_call[{place}].end_time"] = "must come after its start"
        if wrong:
            raise Invalid(wrong)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen, empty for nobody, and why in words."""

    user_id: str
    why: str


def candidates(rule: RoutingRule, people: Sequence[AgentProfile], at: datetime) -> list[AgentProfile]:
    """Those of the team who are there and know what is needed, whatever is open with them."""
    needed = set(rule.skills)
    there = [each for each in people if rule.team_id in each.team_ids and not each.is_away(at)]
    if rule.method is Method.SKILL:
        there = [each for each in there if needed & set(each.skills)]
    else:
        there = [each for each in there if needed <= set(each.skills)]
    if rule.method is Method.ON_CALL:
        there = [each for each in there if each.on_duty(at)]
    return sorted(there, key=lambda each: each.user_id)


def choose(rule: RoutingRule, people: Sequence[AgentProfile], loads: Mapping[str, int], last: str, at: datetime) -> Choice:
    """The person of the team who gets the work; `loads` are open incidents by person, `last` who got the one before."""
    if rule.method is Method.TEAM_ONLY:
        return Choice("", "the team takes it from its queue")
    needed, there = set(rule.skills), candidates(rule, people, at)
    able = [each for each in there if loads.get(each.user_id, 0) < each.capacity]
    if not able:
        return Choice("", f"nobody of the team is there with room and skills: {len(there)} of {len(people)} were looked at")
    if rule.method is Method.ROUND_ROBIN:
        chosen = next((each for each in able if each.user_id > last), able[0])
        return Choice(chosen.user_id, "next in turn")

    def load(each: AgentProfile) -> float:
        return loads.get(each.user_id, 0) / each.capacity

    if rule.method is Method.SKILL:
        chosen = min(able, key=lambda each: (-len(needed & set(each.skills)), load(each)))
        return Choice(chosen.user_id, f"knows {', '.join(sorted(needed & set(chosen.skills)))}")
    chosen = min(able, key=load)
    said = "is on call" if rule.method is Method.ON_CALL else "has the most room"
    return Choice(chosen.user_id, f"{said}: {loads.get(chosen.user_id, 0)} of {chosen.capacity} open")


def _changed(record: RoutingRule | AgentProfile, given: Mapping[str, Any], at: datetime) -> bool:
    changed = {name: value for name, value in given.items() if getattr(record, name) != value}
    for name, value in changed.items():
        setattr(record, name, value)
    if changed:
        record.update_time = at
    return bool(changed)


def _listed(lists: Mapping[str, tuple[Sequence[str], int]]) -> dict[str, str]:
    return {
        name: f"may have {most} entries of 1 to {ID} characters, each once"
        for name, (values, most) in lists.items()
        if len(values) > most or len(set(values)) < len(values) or not all(0 < len(each) <= ID for each in values)
    }
