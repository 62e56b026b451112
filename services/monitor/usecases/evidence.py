"""Why an alert was told of or not: every decision is kept beside it, and answers `explain`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.store import Insert, Transaction, Update
from services.monitor.domain.pipeline import Step

DECISIONS = "alert_decisions"
KEPT = timedelta(days=90)


def keep(tx: Transaction, alert_id: str, steps: Sequence[Step], now: datetime) -> None:
    """Keeps the steps that were taken about an alert, in their order."""
    if not steps:
        return
    context = ctx.current()
    row = {"_id": uuid7(), "tenant": context.tenant, "alert_id": alert_id, **_told(steps, now, context.actor.id)}
    tx.write(Insert(DECISIONS, row))


def keep_repeated(tx: Transaction, alert_id: str, fingerprint: str, step: Step, now: datetime) -> None:
    """Keeps a step that a sender may bring about again and again: one row with a count, and the last time."""
    context = ctx.current()
    key = f"{context.tenant}|{alert_id or fingerprint}|{step.stage}|{step.reason}"
    told = _told([step], now, context.actor.id)
    update = {"$set": {"alert_id": alert_id, "fingerprint": fingerprint, **told}, "$inc": {"count": 1}}
    tx.write(Update(DECISIONS, {"_id": key, "tenant": context.tenant}, update, strict=False, upsert=True))


def _told(steps: Sequence[Step], now: datetime, actor: str) -> dict[str, object]:
    told = [
        {"stage": step.stage, "outcome": step.outcome.value, "reason": step.reason, "reference": step.reference}
        for step in steps
    ]
    return {"time": now, "actor": actor, "steps": told, "expire_time": now + KEPT}
