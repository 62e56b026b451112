"""What a policy would have made of an incident that is past: its clocks run anew through what happened then.

What happened is a list of steps: when the incident stood where, since when it waited for whom, since when a person had it. The
facts are those that it ended with, the calendar is that of today. Clocks for the next update are not run: what the reporter
heard is not among the steps. Calendars of the policy are handed in by whoever knows them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.incident.domain.calendar import BusinessCalendar
from services.incident.domain.clock import Clock, ClockKind
from services.incident.domain.priority import Priority
from services.incident.domain.sla import SlaPolicy
from services.incident.domain.states import HoldReason, State

KINDS = (ClockKind.RESPONSE, ClockKind.RESOLVE)
_OVER = frozenset({State.RESOLVED, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Step:
    """Where an incident stood from an instant on. `acknowledged` says that a person had it, or work had begun."""

    time: datetime
    state: State
    hold_reason: HoldReason | None = None
    acknowledged: bool = False


def rerun(
    policy: SlaPolicy,
    priority: Priority,
    opened: datetime,
    steps: Sequence[Step],
    now: datetime,
    calendar: Callable[[str], BusinessCalendar],
) -> Mapping[ClockKind, Clock]:
    """The clocks that the policy would have run, as they would stand now, by kind."""
    clocks = {}
    for kind in KINDS:
        target = policy.target_for(priority, kind)
        if target is not None:
            hours = calendar(policy.calendar_for(target))
            clock = policy.clock(target, "tried on what is past", opened, hours)
            _run(policy, clock, steps, hours)
            clock.check(now)
            clocks[kind] = clock
    return clocks


def _run(policy: SlaPolicy, clock: Clock, steps: Sequence[Step], hours: BusinessCalendar) -> None:
    waits: HoldReason | None = None
    was = State.NEW
    for step in steps:
        reason = step.hold_reason if step.state is State.ON_HOLD else None
        if was in _OVER and step.state.is_open and clock.kind is not ClockKind.RESPONSE:
            clock.reopen(step.time, hours, "reopened")
        if reason is not waits and waits is not None:
            clock.resume(waits.value, step.time, hours)
        if reason is not waits and reason is not None and policy.pauses(clock.kind, reason):
            clock.pause(reason.value, step.time, hours)
        if (step.acknowledged and clock.kind is ClockKind.RESPONSE) or step.state in _OVER:
            clock.stop(step.time, hours, "then")
        if step.state is State.CANCELLED:
            clock.cancel(step.time, hours, "then")
        waits, was = reason, step.state
