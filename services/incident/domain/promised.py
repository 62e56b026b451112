"""What has service-level clocks: how they are steered, and which step is to be told next.

Raises nothing of its own; the promises and their calendars come with each moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.domain import Aggregate, Event
from services.incident.domain.clock import Clock, ClockKind
from services.incident.domain.escalation import Due, Step, label, passed, planned
from services.incident.domain.levels import Moment
from services.incident.domain.sla import Facts
from services.incident.domain.states import HoldReason

_MOST_LATE = 2**31 - 1


@dataclass(slots=True, kw_only=True)
class Promised(Aggregate):
    """A record with clocks. Those who extend it say what decides their policy, and which events tell of changes."""

    requester_id: str = ""
    clocks: list[Clock] = field(default_factory=list)
    hold_reason: HoldReason | None = None
    create_time: datetime
    update_time: datetime
    acknowledge_time: datetime | None = None
    # Kept inside: what the timer still has to tell and has told.
    next_due_time: datetime | None = None
    told: list[str] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        """What decides which policy holds."""
        raise NotImplementedError

    def escalated(self, step: Step, late_by_ms: int) -> Event:
        """The event that tells of a step."""
        raise NotImplementedError

    def updated(self) -> Event:
        """The event that tells of changed clocks."""
        raise NotImplementedError

    def plan(self) -> None:
        """Says when the timer must look again."""
        steps = planned(self.clocks, self.told)
        self.next_due_time = steps[0].at if steps else None

    def waits_since(self, now: datetime) -> datetime | None:
        """Since when the requester waits to hear, where the clock for that has a step due by now."""
        waiting = (
            c for c in self.clocks if c.kind is ClockKind.NEXT_UPDATE and c.warn_time and c.warn_time <= now and c.is_open
        )
        return next((clock.start_time for clock in waiting), None)

    def hear(self, moment: Moment, heard: datetime | None) -> bool:
        """Restarts the clock for the next update at the instant at which the requester last heard."""
        if heard is None:
            return False
        self.clocks, fresh = moment.levels.restart(self.clocks, ClockKind.NEXT_UPDATE, heard)
        self._tell_afresh(fresh, heard)
        return True

    def catch_up(self, moment: Moment, heard: datetime | None) -> None:
        """Lets the clocks know of edited calendars and of what the requester heard; tells when that changed one."""
        changed = moment.levels.catch_up(self.clocks)
        if self.hear(moment, heard) or changed:
            self._changed(self.updated(), moment)

    def escalate(self, moment: Moment) -> Due | None:
        """Tells of the first step that is due by now, stamped at its due instant; None when there is none (any more)."""
        for due in planned(self.clocks, self.told)[:1]:
            if due.at <= moment.at:
                self.told = [*self.told, label(due.clock, due.step)]
                if due.step is Step.BREACHED:
                    due.clock.check(moment.at)
                late = int((moment.at - due.at) / timedelta(milliseconds=1))
                self._changed(self.escalated(due.step, min(late, _MOST_LATE)), moment)
                return due
        return None

    def _acknowledge(self, moment: Moment) -> None:
        if self.acknowledge_time is None:
            self.acknowledge_time = moment.at
        moment.levels.stop(self.clocks, moment.at, (ClockKind.RESPONSE,), "acknowledged")

    def _wake(self, moment: Moment) -> None:
        if self.hold_reason is not None:
            moment.levels.resume(self.clocks, self.hold_reason, moment.at)
        self.hold_reason = None

    def _replan(self, before: Facts, moment: Moment, *, owed: Iterable[ClockKind], began: datetime) -> None:
        """Gives the clocks the targets that the facts now ask for. What that finds missed is flagged, not told."""
        if self.facts == before:
            return
        kept = {(clock.kind, clock.start_time, clock.target) for clock in self.clocks if clock.is_open}
        still = set(owed) - ({ClockKind.RESPONSE} if self.acknowledge_time is not None else set())
        self.clocks = moment.levels.replan(self.clocks, self.facts, moment.at, still, began=began)
        if self.hold_reason is not None:
            moment.levels.pause(self.clocks, self.hold_reason, moment.at)
        fresh = [c for c in self.clocks if c.is_open and (c.kind, c.start_time, c.target) not in kept]
        self._tell_afresh(fresh, moment.at)

    def _tell_afresh(self, clocks: Iterable[Clock], at: datetime) -> None:
        clocks = list(clocks)
        labels = {label(clock, step) for clock in clocks for step in Step}
        told = [each for each in self.told if each not in labels]
        self.told = [*told, *passed(clocks, told, at)]

    def _changed(self, event: Event, moment: Moment) -> None:
        self.update_time = moment.at
        self.plan()
        self.record(event)
