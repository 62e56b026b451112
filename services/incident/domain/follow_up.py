"""What happens by itself to incidents that wait: people are reminded, then it is resolved; resolved, it is closed.

Time counts in a calendar, so that nothing happens at night: an interval ends while it is open, and what comes late, after a
process was away, waits for its next opening.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from itsm.incident import v1 as pb

from services.incident.domain.calendar import ROUND_THE_CLOCK, BusinessCalendar
from services.incident.domain.kept import TEXT, Kept
from services.incident.domain.moment import Act
from services.incident.domain.states import HoldReason

SHORTEST, LONGEST = 5, 60 * 24 * 90
MOST_REMINDERS = 20
MOST_DAYS = 365
CODE = "no-answer"
"""How incidents are resolved that nobody answered about."""


class Stage(StrEnum):
    """What an incident waits in."""

    ON_HOLD = "ON_HOLD"
    RESOLVED = "RESOLVED"


class Step(StrEnum):
    """What is to be done next."""

    REMIND = "remind"
    RESOLVE = "resolve"
    CLOSE = "close"


@dataclass(slots=True, kw_only=True)
class FollowUpPolicy(Kept):
    """What is done for one stage, and on hold for one reason. A stage and reason has one policy."""

    CREATED: ClassVar = pb.FollowUpPolicyCreated
    UPDATED: ClassVar = pb.FollowUpPolicyUpdated
    DELETED: ClassVar = pb.FollowUpPolicyDeleted
    FIXED: ClassVar = frozenset({"stage", "hold_reason"})

    stage: Stage
    hold_reason: HoldReason | None = None
    calendar_id: str = ROUND_THE_CLOCK
    interval_minutes: int = 0
    reminder_count: int = 0
    resolves: bool = False
    resolution: str = ""
    close_after_days: int = 0
    active: bool = True

    @property
    def key(self) -> str:
        """What it is for; claimed by it alone."""
        return key_of(self.stage, self.hold_reason)

    def step(self, reminded: int) -> Step | None:
        """What comes after so many reminders; None for nothing."""
        if not self.active:
            return None
        if self.stage is Stage.RESOLVED:
            return Step.CLOSE
        if reminded < self.reminder_count:
            return Step.REMIND
        return Step.RESOLVE if self.resolves else None

    def due(self, reminded: int, since: datetime, calendar: BusinessCalendar) -> datetime | None:
        """When that is to be done, counted from `since`; None for never."""
        match self.step(reminded):
            case None:
                return None
            case Step.CLOSE:
                return calendar.add(since, self.close_after_days * calendar.working_day)
            case _:
                return calendar.add(since, timedelta(minutes=self.interval_minutes))

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Kept`
        """See `Kept`."""
        wrong: dict[str, str] = {}
        held = self.stage is Stage.ON_HOLD
        if held != (self.hold_reason is not None):
            wrong["hold_reason"] = "is needed for what is on hold" if held else "is only for what is on hold"
        if held and not SHORTEST <= self.interval_minutes <= LONGEST:
            wrong["interval_minutes"] = f"must be {SHORTEST} to {LONGEST}"
        if not 0 <= self.reminder_count <= MOST_REMINDERS:
            wrong["reminder_count"] = f"must be 0 to {MOST_REMINDERS}"
        if held and not self.reminder_count and not self.resolves:
            wrong["reminder_count"] = "it neither reminds nor resolves"
        if not held and not 1 <= self.close_after_days <= MOST_DAYS:
            wrong["close_after_days"] = f"must be 1 to {MOST_DAYS}"
        if len(self.resolution) > TEXT or (self.resolves and not self.resolution.strip()):
            wrong["resolution"] = f"needs 1 to {TEXT} characters where it resolves"
        return wrong


def key_of(state: str, reason: HoldReason | None) -> str:
    """A stage and reason as one word; also of states that nothing follows from."""
    return f"{state}|{reason or ''}"
