"""A quarter of incidents against another policy: which targets would have been missed, and which were. Nothing is written.

What is counted is counted in threads: other calls of the process go on meanwhile.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from chassis import context as ctx
from chassis.codec import from_document
from chassis.errors import Invalid
from chassis.store import Store
from services.incident.domain.clock import ClockKind, ClockState
from services.incident.domain.incident import Incident
from services.incident.domain.levels import ServiceLevels
from services.incident.domain.sla import SlaPolicy
from services.incident.domain.spans import shifted
from services.incident.domain.states import HoldReason, State
from services.incident.domain.what_if import Step, rerun
from services.incident.usecases.policies import Policies

LOOKED_BACK = timedelta(days=90)
MOST, MOST_SHOWN = 1_000, 200
_PAGE = 500
_SIDE_BY_SIDE = 8

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target of one incident: whether it was missed, and whether the policy's would have been."""

    incident_id: str
    number: str
    kind: ClockKind
    was_missed: bool
    would_be_missed: bool
    would_be_due: datetime | None


@dataclass(frozen=True, slots=True)
class Rerun:
    """What was looked at, how many of that the policy matches, and a verdict for each of their targets."""

    looked_at: int
    matched: int
    verdicts: Sequence[Verdict]

    def missed(self, kind: ClockKind) -> tuple[int, int, int]:
        """Of a kind: how many targets, how many were missed, how many would have been."""
        own = [each for each in self.verdicts if each.kind is kind]
        return len(own), sum(each.was_missed for each in own), sum(each.would_be_missed for each in own)

    @property
    def different(self) -> Sequence[Verdict]:
        """Those that would have ended otherwise; the first few."""
        return [each for each in self.verdicts if each.was_missed is not each.would_be_missed][:MOST_SHOWN]


class WhatIf:
    """Runs the past again."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store, self._policies = store, policies

    async def rerun(self, id: str, start: datetime | None, end: datetime | None) -> Rerun:  # noqa: A002 - as its field
        """The newest incidents that were opened in a period, under a policy, active or not. Raises `NotFound`, `Invalid`."""
        until = end or self._store.clock()
        since = start or shifted(until, -LOOKED_BACK)
        if since >= until:
            raise Invalid({"end_time": "must lie behind the start"})
        policy = replace(await self._policies.policy(id), active=True)
        levels = await self._policies.levels()
        period = {"create_time": {"$gte": since, "$lt": until}}
        rows = await self._store.find("incidents", period, sort=[("create_time", -1)], limit=MOST)
        past = await asyncio.to_thread(_past, rows)
        matched = [incident for incident in past if policy.matches(incident.facts)]
        places, now = asyncio.Semaphore(_SIDE_BY_SIDE), self._store.clock()

        async def verdicts(incident: Incident) -> list[Verdict]:
            async with places:
                steps = await self._steps(incident.id)
                return await asyncio.to_thread(_verdicts, incident, policy, steps, now, levels)

        found = await asyncio.gather(*map(verdicts, matched))
        return Rerun(len(past), len(matched), [verdict for each in found for verdict in each])

    async def _steps(self, id: str) -> list[Step]:  # noqa: A002 - as above
        """What happened to an incident, oldest first, from the snapshots that its events hold; they are read in pages."""
        subject = self._store.kinds[Incident].subject(id)
        backwards: list[Step] = []
        before = ""
        with ctx.use(replace(ctx.current(), scope={})):
            while rows := await self._store.history(subject, before=before, limit=_PAGE):
                backwards += await asyncio.to_thread(_told, rows)
                before = rows[-1]["_id"]
                if len(rows) < _PAGE:
                    break
        return backwards[::-1]


def _past(rows: Sequence[Document]) -> list[Incident]:
    return [incident for incident in (from_document(row, Incident) for row in rows) if not incident.merged_into_id]


def _verdicts(
    incident: Incident, policy: SlaPolicy, steps: Sequence[Step], now: datetime, levels: ServiceLevels
) -> list[Verdict]:
    clocks = rerun(policy, incident.priority, incident.create_time, steps, now, levels.calendar)
    return [
        Verdict(
            incident.id,
            incident.number,
            kind,
            any(each.breached for each in incident.clocks if each.kind is kind),
            clock.breached,
            clock.breach_time or clock.due_time,
        )
        for kind, clock in clocks.items()
        if clock.state is not ClockState.CANCELLED
    ]


def _told(rows: Sequence[Document]) -> list[Step]:
    """The steps of a page of history, in its order."""
    snapshots = (orjson.loads(row["data"]).get("incident") for row in rows)
    return [_step(snapshot) for snapshot in snapshots if snapshot is not None]


def _step(snapshot: Document) -> Step:
    state, reason = State(snapshot["state"]), snapshot.get("holdReason") or ""
    return Step(
        datetime.fromisoformat(snapshot["updateTime"]),
        state,
        HoldReason(reason) if reason in set(HoldReason) else None,
        bool(snapshot.get("assigneeId")) or state is State.IN_PROGRESS,
    )
