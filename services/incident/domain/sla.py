"""Service-level policies: which targets an incident owes, and which policy says so.

The clocks that measure them are in `clock.py`, the calendars in `calendar.py`; this module is where they meet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.calendar import ROUND_THE_CLOCK, BusinessCalendar
from services.incident.domain.clock import Clock, ClockKind, Retarget
from services.incident.domain.priority import Priority
from services.incident.domain.states import HoldReason

DEFAULT_POLICY_ID = "default"
CRITERIA = ("service", "team", "category", "priority")


class Unit(StrEnum):
    """What an amount means, because "two days" alone means at least four things.

    BUSINESS_MINUTES: minutes while the calendar is open. BUSINESS_DAYS: that many times the length of the calendar's
    working day, so a target of two days given at 11:00 ends at 11:00 two working days later. CALENDAR_DAYS: that many
    times 24 hours around the clock, whatever the policy's calendar says.
    """

    BUSINESS_MINUTES = "BUSINESS_MINUTES"
    BUSINESS_DAYS = "BUSINESS_DAYS"
    CALENDAR_DAYS = "CALENDAR_DAYS"


_TEN_YEARS = 3_650
_MOST = {Unit.BUSINESS_MINUTES: _TEN_YEARS * 24 * 60, Unit.BUSINESS_DAYS: _TEN_YEARS, Unit.CALENDAR_DAYS: _TEN_YEARS}
"""The most of each unit: what a calendar that never closes can still count."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Target:
    """How long one kind of clock may take at one priority."""

    priority: Priority
    kind: ClockKind
    amount: int
    unit: Unit = Unit.BUSINESS_MINUTES

    def duration(self, calendar: BusinessCalendar) -> timedelta:
        """The amount as business time of the calendar that counts it (see `SlaPolicy.calendar_for`)."""
        if self.unit is Unit.BUSINESS_MINUTES:
            return timedelta(minutes=self.amount)
        return self.amount * (calendar.working_day if self.unit is Unit.BUSINESS_DAYS else timedelta(days=1))


@dataclass(slots=True, kw_only=True, frozen=True)
class Facts:
    """What a policy may look at; an empty text is a fact that is not known."""

    service_id: str = ""
    team_id: str = ""
    category: str = ""
    priority: Priority


@dataclass(slots=True, kw_only=True)
class SlaPolicy(Aggregate):
    """Targets, the calendar they count in, the hold reasons that pause them, and the incidents it is meant for.

    An empty criterion matches every incident; a named one matches the listed values only. `number` orders policies that
    name equally many criteria, the smaller first.
    """

    name: str
    number: int = 100
    calendar_id: str = ROUND_THE_CLOCK
    targets: list[Target] = field(default_factory=list)
    pause_reasons: list[HoldReason] = field(default_factory=list)
    retarget: Retarget = Retarget.RETROACTIVE
    service_ids: list[str] = field(default_factory=list)
    team_ids: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    priorities: list[Priority] = field(default_factory=list)
    active: bool = True
    create_time: datetime | None = None
    update_time: datetime | None = None

    def validate(self) -> None:
        """Raises Invalid, with the paths, for targets of nothing, over ten years or given twice, and for no target at all."""
        wrong: dict[str, str] = {} if self.targets else {"targets": "needs at least one"}
        seen: set[tuple[Priority, ClockKind]] = set()
        for index, target in enumerate(self.targets):
            most = _MOST[target.unit]
            if not 0 < target.amount <= most:
                wrong[f"targets[{index}].amount"] = f"must lie between 1 and {most}"
            if (target.priority, target.kind) in seen:
                wrong[f"targets[{index}]"] = f"{target.priority} {target.kind} has a target already"
            seen.add((target.priority, target.kind))
        if wrong:
            raise Invalid(wrong)

    @property
    def criteria(self) -> list[str]:
        """The names of the criteria that narrow it, the measure of how specific it is."""
        named = (self.service_ids, self.team_ids, self.categories, self.priorities)
        return [name for name, values in zip(CRITERIA, named, strict=True) if values]

    def matches(self, facts: Facts) -> bool:
        return (
            self.active
            and (not self.service_ids or facts.service_id in self.service_ids)
            and (not self.team_ids or facts.team_id in self.team_ids)
            and (not self.categories or facts.category in self.categories)
            and (not self.priorities or facts.priority in self.priorities)
        )

    def target_for(self, priority: Priority, kind: ClockKind) -> Target | None:
        """None where the policy promises nothing: then there is no clock of that kind."""
        return next((own for own in self.targets if (own.priority, own.kind) == (priority, kind)), None)

    def calendar_for(self, target: Target) -> str:
        """The id of the calendar that counts a target: the policy's, or around the clock for calendar days."""
        return ROUND_THE_CLOCK if target.unit is Unit.CALENDAR_DAYS else self.calendar_id

    def pauses(self, kind: ClockKind, reason: HoldReason) -> bool:
        """True when being on hold for that reason pauses that kind of clock. The response clock never pauses."""
        return kind is not ClockKind.RESPONSE and reason in self.pause_reasons

    def clock(self, target: Target, why: str, at: datetime, calendar: BusinessCalendar) -> Clock:
        """Starts the clock of a target in the calendar that `calendar_for` named; `why` is what `choose` answered."""
        return Clock.start(target.kind, target.duration(calendar), at, calendar, policy_id=self.id, policy_reason=why)


def choose(policies: Iterable[SlaPolicy], facts: Facts) -> tuple[SlaPolicy, str]:
    """The policy for an incident and why: the one naming most criteria, then the smallest number, then the first id.

    Without any match the built-in policy holds, so that no incident is left without a promise by accident.
    """
    matching = sorted(
        (policy for policy in policies if policy.matches(facts)),
        key=lambda policy: (-len(policy.criteria), policy.number, policy.id),
    )
    if not matching:
        return _BUILT_IN, "no policy matches, so the built-in one holds"
    chosen = matching[0]
    why = f"it matches by {', '.join(chosen.criteria)}" if chosen.criteria else "it matches every incident"
    if len(matching) > 1:
        rival = matching[1]
        if len(rival.criteria) < len(chosen.criteria):
            why += f", more closely than {rival.name}"
        else:
            why += f", and its number {chosen.number} comes before {rival.name} with {rival.number}"
    return chosen, why


_DEFAULT_MINUTES = {
    Priority.P1: (15, 4 * 60, 30),
    Priority.P2: (30, 8 * 60, 2 * 60),
    Priority.P3: (2 * 60, 24 * 60, 8 * 60),
    Priority.P4: (8 * 60, 3 * 24 * 60, 24 * 60),
    Priority.P5: (24 * 60, 7 * 24 * 60, 3 * 24 * 60),
}


def default_policy() -> SlaPolicy:
    """The built-in policy, around the clock; time waiting for the caller or for an agreed date pauses resolve and update.

    | priority | response | resolve | next update |
    |----------|----------|---------|-------------|
    | P1       | 15 min   | 4 h     | 30 min      |
    | P2       | 30 min   | 8 h     | 2 h         |
    | P3       | 2 h      | 24 h    | 8 h         |
    | P4       | 8 h      | 3 days  | 24 h        |
    | P5       | 24 h     | 7 days  | 3 days      |
    """
    kinds = (ClockKind.RESPONSE, ClockKind.RESOLVE, ClockKind.NEXT_UPDATE)
    return SlaPolicy(
        id=DEFAULT_POLICY_ID,
        name="Built-in targets, around the clock",
        targets=[
            Target(priority=priority, kind=kind, amount=amount)
            for priority, amounts in _DEFAULT_MINUTES.items()
            for kind, amount in zip(kinds, amounts, strict=True)
        ],
        pause_reasons=[HoldReason.CALLER, HoldReason.SCHEDULED],
    )


_BUILT_IN = default_policy()
"""Made once, because most incidents of most tenants are opened under it; only read."""
