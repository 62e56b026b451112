"""Checks and results for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.monitor.domain.check import Check, CheckResult, Outcome, Turn
from services.monitor.domain.check_settings import Kind

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP = timedelta(seconds=30)


def check(**given: Any) -> Check:
    """A saved check."""
    fields: dict[str, Any] = {"name": "Shop", "kind": Kind.TCP, "target": "127.0.0.1:80", "interval": STEP}
    made = Check.made(id="chk_1", at=NOON, **fields | given)
    made.take_recorded()
    return made


def local(**given: Any) -> Check:
    """A check that an agent runs."""
    return check(**{"kind": Kind.PROCESS, "target": "nginx", "agent_id": "agt_1"} | given)


def result(step: int, outcome: Outcome | None = Outcome.OK, **more: Any) -> CheckResult:
    """What was found at one step of the interval."""
    return CheckResult(time=NOON + step * STEP, outcome=outcome, **more)


def hear(subject: Check, *outcomes: Outcome, start: int = 1) -> list[Turn]:
    """Hears of results one interval apart; the turns."""
    turns = []
    for step, outcome in enumerate(outcomes, start):
        turn = subject.hear(subject.judged(result(step, outcome), NOON + step * STEP), NOON + step * STEP)
        assert (subject.take_recorded() is None) == (turn is None), "an event exactly for a change of state"
        turns += [turn] if turn is not None else []
    return turns
