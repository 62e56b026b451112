"""What a policy would have decided about what was approved or refused already, by the votes that were cast.

Its circles are those of today; a vote counts where its voter would have been asked. Nothing is written.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.codec import from_document
from chassis.errors import Denied, ForbiddenMove, NotFound
from chassis.store import Store
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import ApprovalPolicy, Facts
from services.incident.domain.change import Change
from services.incident.domain.moment import Act
from services.incident.domain.spans import shifted
from services.incident.usecases.approving import APPROVALS, Approving

LOOKED_BACK = timedelta(days=90)
MOST = 500
_ENDED = [ApprovalState.APPROVED.value, ApprovalState.REJECTED.value]


@dataclass(frozen=True, slots=True)
class Simulated:
    """One approval, and how it would have ended."""

    approval: Approval
    would_be: ApprovalState
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """All that a policy matches of those that were looked at."""

    looked_at: int
    matched: Sequence[Simulated]

    @property
    def different(self) -> int:
        """How many would have ended otherwise."""
        return sum(each.would_be is not each.approval.state for each in self.matched)


class Simulating:
    """The simulator."""

    def __init__(self, store: Store, approving: Approving) -> None:
        self._store, self._approving = store, approving

    async def simulate(self, id: str, start: datetime | None, end: datetime | None) -> Found:  # noqa: A002 - as its field
        """Replays the approvals that were asked in a period under a policy, active or not."""
        policy = await self._approving.policy(id)
        until = end or self._store.clock()
        period = {"$gte": start or shifted(until, -LOOKED_BACK), "$lt": until}
        query = {"state": {"$in": _ENDED}, "create_time": period}
        rows = await self._store.find(APPROVALS, query, sort=[("create_time", -1)], limit=MOST)
        past = [from_document(row, Approval) for row in rows]
        tried = replace(policy, active=True)
        matched = [await self._replay(tried, each) for each in past if tried.matches(await self._facts(each))]
        return Found(len(past), matched)

    async def _facts(self, approval: Approval) -> Facts:
        """What the policy looks at: of a change as it is now, since what was approved of it stayed as it was."""
        resource, _, name = approval.subject.partition("/")
        facts = Facts(resource=resource, purpose=approval.purpose, risk=approval.risk, team_id=approval.team_id)
        if resource != "changes":
            return facts
        try:
            change = await self._store.get(Change, name)
        except NotFound:
            return facts
        return replace(facts, kind=change.kind.value, service_ids=change.service_ids, category=change.category)

    async def _replay(self, policy: ApprovalPolicy, past: Approval) -> Simulated:
        given = {name: getattr(past, name) for name in ("id", "subject", "title", "purpose", "requester_id", "risk", "team_id")}
        asked = Act(past.create_time, past.requester_id)
        try:
            trial = Approval.asked(
                asked,
                **given,
                barred_ids=past.barred_ids,
                policy_id=policy.id,
                policy_name=policy.name,
                stages=policy.stages,
                why="tried on what is past",
            )
        except ForbiddenMove as none:
            return Simulated(past, ApprovalState.WAITING, [none.message])
        votes = sorted((vote for stage in past.stages for vote in stage.votes), key=lambda vote: vote.time)
        await self._begin(trial, asked)
        for _ in policy.stages:  # whoever spoke in an early stage then may be asked in a later one now
            for vote in votes:
                if trial.state is ApprovalState.WAITING:
                    with suppress(Denied, ForbiddenMove):  # is not asked there, or was heard in this stage
                        trial.vote(Act(vote.time, vote.voter_id), vote.choice, "", ())
                        trial.take_recorded()
                        await self._begin(trial, Act(vote.time, vote.voter_id))
        return Simulated(past, trial.state, trial.reasons)

    async def _begin(self, trial: Approval, act: Act) -> None:
        stage = trial.waiting
        if stage is not None:
            escalation = await self._approving.circle(stage.rule.escalate_to, trial.team_id)
            trial.begin(act, await self._approving.circle(stage.rule.voters, trial.team_id), escalation)
