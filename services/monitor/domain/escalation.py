"""Escalation policies: whom an alert calls, and whom after them when nobody takes note."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.monitor.domain.signal import Severity

NAME_LENGTH, TEXT_LENGTH, ID_LENGTH = 200, 4_000, 200
MOST_STEPS, MOST_TARGETS, MOST_TEAMS, MOST_REPEATS = 20, 20, 50, 9
ORDER = range(-10_000, 10_001)
WAIT = timedelta(minutes=5)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=1)


class TargetKind(StrEnum):
    """Who a target is."""

    SCHEDULE = "SCHEDULE"
    USER = "USER"
    TEAM = "TEAM"


@dataclass(slots=True, kw_only=True, frozen=True)
class Target:
    """Somebody to call."""

    kind: TargetKind
    id: str

    @property
    def path(self) -> str:
        """As calls name it."""
        return f"{self.kind.value.lower()}s/{self.id}"


@dataclass(slots=True, kw_only=True, frozen=True)
class Step:
    """People who are called at the same time, and how long they have to take note."""

    targets: list[Target]
    wait: timedelta = WAIT


@dataclass(slots=True, kw_only=True)
class EscalationPolicy(Aggregate):
    """Steps, and for which alerts."""

    name: str
    description: str = ""
    team_ids: list[str] = field(default_factory=list)
    severity: Severity = Severity.ERROR
    steps: list[Step]
    repeat_count: int = 0
    enabled: bool = True
    order: int = 0
    create_time: datetime
    update_time: datetime
    # Kept inside: since when it is gone.
    remove_time: datetime | None = None

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`."""
        missing = {name: "is needed" for name in ("name", "steps") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        policy = cls(id=id, create_time=at, update_time=at, **given)
        policy.validate()
        policy.record(pb.EscalationPolicyCreated())
        return policy

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields; pages that are under way go on as they began. Nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self._changed(pb.EscalationPolicyUpdated(), at)

    def remove(self, at: datetime) -> None:
        """It is gone; pages that are under way go on."""
        self.enabled, self.remove_time = False, at
        self._changed(pb.EscalationPolicyDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = wrong_steps(self.steps, self.repeat_count)
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if len(self.description) > TEXT_LENGTH:
            wrong["description"] = f"may have {TEXT_LENGTH} characters"
        teams = self.team_ids
        if len(teams) > MOST_TEAMS or len(set(teams)) < len(teams) or not all(0 < len(each) <= ID_LENGTH for each in teams):
            wrong["team_ids"] = f"may be {MOST_TEAMS}, each once"
        if self.order not in ORDER:
            wrong["order"] = f"must be between {ORDER.start} and {ORDER.stop - 1}"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def wrong_steps(steps: Sequence[Step], repeat_count: int) -> dict[str, str]:
    """What is wrong with steps, by field."""
    wrong = {}
    if not 0 < len(steps) <= MOST_STEPS:
        wrong["steps"] = f"needs 1 to {MOST_STEPS}"
    for place, step in enumerate(steps):
        targets = step.targets
        if not 0 < len(targets) <= MOST_TARGETS or not all(0 < len(each.id) <= ID_LENGTH for each in targets):
            wrong[f"steps[{place}].targets"] = f"needs 1 to {MOST_TARGETS}"
        if not _SHORTEST <= step.wait <= _LONGEST:
            wrong[f"steps[{place}].wait"] = "must lie between a second and a day"
    if not 0 <= repeat_count <= MOST_REPEATS:
        wrong["repeat_count"] = f"must lie between 0 and {MOST_REPEATS}"
    return wrong


def chosen(policies: Iterable[EscalationPolicy], team_id: str, severity: Severity) -> EscalationPolicy | None:
    """The policy by which an alert calls people: one that names its team before one that names none; None for nobody."""
    wanted = [each for each in policies if each.enabled and severity.rank <= each.severity.rank]
    fitting = [each for each in wanted if not each.team_ids or team_id in each.team_ids]
    return min(fitting, key=lambda each: (not each.team_ids, each.order, each.id), default=None)
