"""Macros: changes of an incident that are made together. What a use of one can take back is kept with it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import placeholders
from services.incident.domain.kept import TEXT, Shared
from services.incident.domain.moment import Act
from services.incident.domain.priority import Impact, Urgency
from services.incident.domain.states import HoldReason

MOST_STEPS = 20
WINDOW = timedelta(minutes=10)
"""For how long a use can be taken back."""
ME = "me"
"""Stands for whoever uses the macro."""


class StepKind(StrEnum):
    """What a step does."""

    UPDATE = "UPDATE"
    ASSIGN = "ASSIGN"
    START = "START"
    HOLD = "HOLD"
    RESUME = "RESUME"
    RESOLVE = "RESOLVE"
    NOTE = "NOTE"
    WATCH = "WATCH"


NEEDS = {each: f"incidents.{each.lower()}" for each in StepKind}
"""The permission that each needs, as by itself."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Step:
    """One change, in its place."""

    kind: StepKind
    impact: Impact | None = None
    urgency: Urgency | None = None
    category: str = ""
    service_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    hold_reason: HoldReason | None = None
    text: str = ""
    public: bool = False
    resolution_code: str = ""
    user_ids: list[str] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, object]:
        """The fields that an update changes."""
        said = {name: getattr(self, name) for name in ("impact", "urgency", "category", "service_id")}
        return {name: value for name, value in said.items() if value}

    def lacks(self) -> str:
        """What it needs and does not say; empty where it says all."""
        needed = {
            StepKind.UPDATE: "a field" if not self.fields else "",
            StepKind.ASSIGN: "" if self.team_id else "team_id",
            StepKind.HOLD: "" if self.hold_reason else "hold_reason",
            StepKind.RESOLVE: "" if self.resolution_code and self.text.strip() else "resolution_code and text",
            StepKind.NOTE: "" if self.text.strip() else "text",
            StepKind.WATCH: "" if self.user_ids else "user_ids",
            StepKind.RESUME: "no text" if self.text else "",
        }
        return needed.get(self.kind, "")


@dataclass(slots=True, kw_only=True)
class Macro(Shared):
    """Steps in their order."""

    CREATED: ClassVar = pb.MacroCreated
    UPDATED: ClassVar = pb.MacroUpdated
    SHARED: ClassVar = pb.MacroShared
    DELETED: ClassVar = pb.MacroDeleted

    description: str = ""
    steps: list[Step] = field(default_factory=list)

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Kept`
        """See `Kept`."""
        wrong = {} if len(self.description) <= TEXT else {"description": f"may have {TEXT} characters"}
        if not 0 < len(self.steps) <= MOST_STEPS:
            wrong["steps"] = f"needs 1 to {MOST_STEPS}"
        for place, step in enumerate(self.steps):
            if lacking := step.lacks():
                wrong[f"steps[{place}]"] = f"{step.kind} needs {lacking}"
            try:
                placeholders.check(step.text, f"steps[{place}].text")
            except Invalid as refused:
                wrong |= refused.violations
        return wrong


@dataclass(slots=True, kw_only=True)
class MacroRun(Aggregate):
    """That a macro was used. `backwards` makes what can be taken back unhappen, in the order in which it is done."""

    macro_id: str
    incident_id: str
    actor_id: str
    fields: list[str] = field(default_factory=list)
    undo_time: datetime | None = None
    stays: list[str] = field(default_factory=list)
    undone: bool = False
    create_time: datetime
    backwards: list[Step] = field(default_factory=list)
    incident_version: int = 0

    @classmethod
    def applied(
        cls,
        now: Act,
        *,
        id: str,  # noqa: A002 - as its field
        macro: Macro,
        incident_id: str,
        version: int,
        fields: list[str],
        back: "Backwards",
    ) -> Self:
        """A macro was used just now, which left the incident at `version`."""
        run = cls(
            id=id,
            macro_id=macro.id,
            incident_id=incident_id,
            actor_id=now.by,
            fields=fields,
            undo_time=now.at + WINDOW if back.steps else None,
            stays=back.stays,
            create_time=now.at,
            backwards=back.steps,
            incident_version=version,
        )
        run.record(pb.MacroRunApplied())
        return run

    def undo(self, now: Act, version: int) -> None:
        """It is taken back. Raises `ForbiddenMove` where it is too late, or the incident has moved on since."""
        if self.undone or self.undo_time is None or now.at > self.undo_time:
            raise ForbiddenMove("used", "undo", "it cannot be taken back any more")
        if now.by != self.actor_id:
            raise ForbiddenMove("used", "undo", "only who used it may take it back")
        if version != self.incident_version:
            raise ForbiddenMove("used", "undo", "the incident was changed since")
        self.undone, self.undo_time = True, None
        self.record(pb.MacroRunUndone())


@dataclass(slots=True)
class Backwards:
    """What takes back what was done, and what no step takes back."""

    steps: list[Step] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
