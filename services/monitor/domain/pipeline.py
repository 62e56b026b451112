"""The alert pipeline as a list of stages, each a pure function of an alert and the situation that it came into.

`deduplicate` is first and looks at signals (see `episodes.py`); the stages here look at a new alert, or again at one that
waited. Each may take a step or leave it to the next one. Every step is kept as evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.monitor.domain.alert import Alert, State, Suppression, SuppressionReason
from services.monitor.domain.dependency import Fault
from services.monitor.domain.flapping import History
from services.monitor.domain.silence import Silence

DEDUPLICATE, MAINTENANCE, SILENCE, DEPENDENCY, FLAPPING, GROUP, ROUTE, NOTIFY = (
    "deduplicate",
    "maintenance",
    "silence",
    "dependency",
    "flapping",
    "group",
    "route",
    "notify",
)
BY_HAND = "by-hand"
"""The stage that evidence names where a person decided."""


class Outcome(StrEnum):
    """What a stage decided."""

    OPENED = "OPENED"
    RESOLVED = "RESOLVED"
    IGNORED = "IGNORED"
    CHANGED = "CHANGED"
    SUPPRESSED = "SUPPRESSED"
    UNSUPPRESSED = "UNSUPPRESSED"
    HELD = "HELD"
    GROUPED = "GROUPED"
    ROUTED = "ROUTED"
    NOTIFIED = "NOTIFIED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    LINKED = "LINKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one stage decided, and why.

    `fields` are set on the alert. With `suppression` it is kept from people, with `hold_until` it waits; both end the run,
    as does `final`.
    """

    stage: str
    outcome: Outcome
    reason: str
    reference: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    suppression: SuppressionReason | None = None
    hold_until: datetime | None = None
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the stages need to know, loaded once for a batch.

    `hold` is how long an alert waits for a possible cause. By asset id: `maintained`, the maintenance window that keeps its
    alerts; `causes`, what makes it fail; `depending`, those that need others; `names`, for people. `silences` are those that
    hold now. `ends` is when a record next lets go of what it keeps, by reference. `histories` by fingerprint.
    """

    now: datetime
    hold: timedelta = timedelta(0)
    maintained: Mapping[str, str] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    ends: Mapping[str, datetime] = field(default_factory=dict)
    causes: Mapping[str, Fault] = field(default_factory=dict)
    depending: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    histories: Mapping[str, History] = field(default_factory=dict)


Stage = Callable[[Alert, Situation], Step | None]


def route(alert: Alert, situation: Situation) -> Step | None:
    """Lets through to people what no stage before has kept."""
    team = f"to the team {alert.team_id}" if alert.team_id else "to everybody who watches: no team is known"
    return Step(stage=ROUTE, outcome=Outcome.ROUTED, reason=team, fields={"route_time": situation.now})


STAGES: Sequence[Stage] = (route,)
"""What is asked where nothing else is plugged in; all of them are in `stages.py`."""


def decide(alert: Alert, situation: Situation, stages: Sequence[Stage] = STAGES) -> list[Step]:
    """Asks each stage about an open alert until one keeps it back; says the steps, without taking them."""
    steps = []
    for stage in stages:
        step = stage(alert, situation)
        if step is None:
            continue
        steps.append(step)
        if step.final or step.suppression is not None or step.hold_until is not None:
            break
    return steps


def take(alert: Alert, steps: Sequence[Step], now: datetime) -> None:
    """Takes the steps on a new alert, before it is told of. For an alert that is known, its verbs do that."""
    for step in steps:
        for name, value in step.fields.items():
            setattr(alert, name, value)
        if step.suppression is not None:
            alert.state = State.SUPPRESSED
            alert.suppression = Suppression(reason=step.suppression, reference=step.reference, since=now)
        if step.hold_until is not None:
            alert.hold_until = step.hold_until
