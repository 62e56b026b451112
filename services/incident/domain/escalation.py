"""Which step of which clock falls due when: the one instant at which somebody must look at an incident again.

A step is told once per clock: at three quarters of the target, and when the target is missed. A clock that a retroactive
target finds past a step is flagged and not told, so that nobody is paged for a change of priority.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.incident.domain.clock import Clock, ClockState


class Step(StrEnum):
    """What is told of a clock."""

    AT_RISK = "at-risk"
    BREACHED = "breached"


class Due(NamedTuple):
    """A step and the instant at which it is due."""

    at: datetime
    step: Step
    clock: Clock


def label(clock: Clock, step: Step) -> str:
    """How an incident remembers that a step was told."""
    return f"{clock.kind.value}/{step.value}"


def planned(clocks: Sequence[Clock], told: Iterable[str]) -> list[Due]:
    """What is still to be told, the earliest first. A missed target stays to be told when the clock was stopped since.

    Only that of an update that was given since does not: its successor has the word.
    """
    told, steps = frozenset(told), []
    for clock in clocks:
        if clock.state is ClockState.CANCELLED or clock.has_successor:
            continue
        running = clock.state is ClockState.RUNNING
        missed = clock.breach_time or (clock.due_time if running else None)
        if missed is not None and label(clock, Step.BREACHED) not in told:
            steps.append(Due(missed, Step.BREACHED, clock))
        if running and not clock.breached and clock.warn_time is not None and label(clock, Step.AT_RISK) not in told:
            steps.append(Due(clock.warn_time, Step.AT_RISK, clock))
    return sorted(steps, key=lambda due: (due.at, due.step))


def passed(clocks: Sequence[Clock], told: Iterable[str], at: datetime) -> list[str]:
    """The labels of what is due by an instant."""
    return [label(due.clock, due.step) for due in planned(clocks, told) if due.at <= at]
