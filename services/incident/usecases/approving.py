"""Asking for approval and voting, for records of every kind: the record's own use case asks, and is told of the decision.

    approval = await approving.ask("requests/req_…", facts, title=…, requester_id=…, barred_ids=…, expire_time=…, policy_id=…)
    approving.on("requests", decided)          # decided(approval) runs in the transaction of the vote

`ask`, `end` and the handler join the transaction that is under way, so that record and approval never disagree.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import Denied, NotFound
from chassis.store import Store
from services.incident.domain.approval import Approval, ApprovalState, Seat
from services.incident.domain.approval_policy import DEFAULT_POLICY_ID, ApprovalPolicy, Facts, VoterRule, choose, default_policy
from services.incident.domain.delegation import ApprovalDelegation
from services.incident.domain.moment import Act
from services.incident.domain.quorum import Choice
from services.incident.usecases.acting import act

APPROVALS, POLICIES, DELEGATIONS = "approvals", "approval_policies", "approval_delegations"
MOST_VOTERS = 200
"""People whom a team or a role brings into a circle."""

Decided = Callable[[Approval], Awaitable[None]]


class People(Protocol):
    """Who belongs to a team or holds a role now, of the caller's tenant; only who may sign in. Raises `Unavailable`."""

    async def members(self, team_id: str) -> Sequence[str]:
        """People of a team, none of one that is not there."""

    async def holders(self, role: str) -> Sequence[str]:
        """People with a role."""


class Approving:
    """What records ask with, and what voters do."""

    def __init__(self, store: Store, people: People, *, ids: Ids = new_id) -> None:
        self._store, self._people, self._ids = store, people, ids
        self._decided: dict[str, Decided] = {}

    def on(self, plural: str, decided: Decided) -> None:
        """Tells records of this kind when one of their approvals is APPROVED, REJECTED or EXPIRED."""
        self._decided[plural] = decided

    async def ask(
        self,
        subject: str,
        facts: Facts,
        *,
        title: str,
        requester_id: str,
        barred_ids: Sequence[str] = (),
        expire_time: datetime | None = None,
        policy_id: str = "",
    ) -> Approval:
        """Asks for a record, by the policy named or else by the one that matches, and begins its first stage.

        Neither `requester_id` nor `barred_ids` vote. Raises `ForbiddenMove` when the policy has no stage for the risk.
        """
        policy, why = await self._policy(facts, policy_id)
        now = act(self._store)
        async with self._store.transaction() as tx:
            approval = Approval.asked(
                now,
                id=self._ids("apr"),
                subject=subject,
                title=title,
                purpose=facts.purpose,
                policy_id=policy.id,
                policy_name=policy.name,
                requester_id=requester_id,
                barred_ids=sorted({each for each in (requester_id, *barred_ids) if each}),
                risk=facts.risk,
                team_id=facts.team_id,
                expire_time=expire_time,
                stages=policy.stages,
                why=why,
            )
            await self._begin(approval, now)
            tx.add(approval)
        return approval

    async def end(self, id: str, state: ApprovalState, reason: str) -> None:  # noqa: A002 - as its field
        """What was asked is not so any more, or its time is over. One that is decided against stays as it is."""
        async with self._store.transaction() as tx:
            approval = await tx.get(Approval, id)
            approval.end(act(self._store), state, reason)
            tx.save(approval)

    async def vote(self, id: str, choice: Choice, comment: str, for_id: str, *, etag: str = "") -> Approval:  # noqa: A002 - as above
        """A vote of the caller, in their own name or as a delegate."""
        now = act(self._store)
        async with self.standing_in(), self._store.transaction() as tx:
            approval = await tx.get(Approval, id, etag=etag)
            approval.vote(now, choice, comment, await self._delegations({"to_id": now.by}), for_id=for_id)
            await self._tell(approval)  # before it is saved itself: what is saved last is the answer
            tx.save(approval)
            await self._begin(approval, now)
            tx.save(approval)
        return approval

    @asynccontextmanager
    async def standing_in(self) -> AsyncIterator[None]:
        """Who sees only the approvals that wait for them sees meanwhile those too that wait for whom they vote for now."""
        context = ctx.current()
        if not context.scope:
            yield
            return
        now = act(self._store)
        absent = [each.from_id for each in await self._delegations({"to_id": now.by}) if each.holds(now.at)]
        with ctx.use(replace(context, scope={"$or": [dict(context.scope), {"voter_ids": {"$in": absent}}]})):
            yield

    async def replace(self, id: str, voter_id: str, by_id: str, note: str, *, etag: str = "") -> Approval:  # noqa: A002 - as above
        """Somebody else votes instead of a leaver, or too."""
        async with self._store.transaction() as tx:
            approval = await tx.get(Approval, id, etag=etag)
            approval.replace(act(self._store), voter_id=voter_id, by_id=by_id, note=note)
            tx.save(approval)
        return approval

    async def falls_due(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """What the timer calls, in the context of the approval's tenant. Late and doubled calls do no harm."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        now = act(self._store)
        async with self._store.transaction() as tx:
            approval = await tx.get(Approval, id)
            stage = approval.current
            escalation = await self._seats(stage.rule.escalate_to, approval) if stage is not None else ()
            if approval.falls_due(now, escalation):
                await self._tell(approval)
                tx.save(approval)
                await self._begin(approval, now)
                tx.save(approval)

    async def delegate(self, fields: Mapping[str, Any]) -> ApprovalDelegation:
        """Lets somebody vote for the caller while away. Who may edit policies does so for others."""
        now = act(self._store)
        given = {"from_id": now.by, "start_time": now.at, **fields}
        if given["from_id"] != now.by and "approvalPolicies.update" not in ctx.current().permissions:
            raise Denied("approvalPolicies.update", "only whoever edits policies delegates the votes of somebody else")
        both = [given["from_id"], given.get("to_id", "")]
        others = await self._delegations({"$or": [{"from_id": {"$in": both}}, {"to_id": {"$in": both}}]})
        async with self._store.transaction() as tx:
            delegation = ApprovalDelegation.given(now, others, id=self._ids("adg"), **given)
            tx.add(delegation)
        return delegation

    async def end_delegation(self, id: str, *, etag: str = "") -> ApprovalDelegation:  # noqa: A002 - as above
        """Ends one's own, or as above that of others."""
        now = act(self._store)
        async with self._store.transaction() as tx:
            delegation = await tx.get(ApprovalDelegation, id, etag=etag)
            if delegation.from_id != now.by and "approvalPolicies.update" not in ctx.current().permissions:
                raise Denied("approvalPolicies.update", "only whoever edits policies ends the delegations of somebody else")
            delegation.end(now)
            tx.save(delegation)
        return delegation

    async def create_policy(self, fields: Mapping[str, Any]) -> ApprovalPolicy:
        """A new policy. Raises `Invalid` for one that could never be decided."""
        now = self._store.clock()
        async with self._store.transaction() as tx:
            policy = ApprovalPolicy(id=self._ids("apl"), create_time=now, update_time=now, **fields)
            policy.validate()
            policy.record(pb.ApprovalPolicyCreated())
            tx.add(policy)
        return policy

    async def update_policy(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> ApprovalPolicy:  # noqa: A002 - as above
        """Edits the named fields; approvals that were asked before follow the former. Nothing changed, nothing is told."""
        async with self._store.transaction() as tx:
            policy = await tx.get(ApprovalPolicy, id, etag=etag)
            changed = {name: value for name, value in fields.items() if getattr(policy, name) != value}
            if changed:
                for name, value in changed.items():
                    setattr(policy, name, value)
                policy.update_time = self._store.clock()
                policy.validate()
                policy.record(pb.ApprovalPolicyUpdated())
            tx.save(policy)
        return policy

    async def policy(self, id: str) -> ApprovalPolicy:  # noqa: A002 - as above
        """One policy; `default` is the built-in one."""
        return default_policy("changes") if id == DEFAULT_POLICY_ID else await self._store.get(ApprovalPolicy, id)

    async def circle(self, rules: Sequence[VoterRule], team_id: str) -> list[Seat]:
        """The seats of these rules as people stand now, a person once for each rule."""
        seats: list[Seat] = []
        for rule in rules:
            members, via = await self._named(rule, team_id)
            if rule.one_vote and members:
                seats.append(Seat(id=via, member_ids=members, via=[via], weight=rule.weight, veto=rule.veto))
                continue
            seats += [
                Seat(id=each, member_ids=[each], via=[via] if via else [], weight=rule.weight, veto=rule.veto)
                for each in members
            ]
        return seats

    async def _named(self, rule: VoterRule, team_id: str) -> tuple[list[str], str]:
        if rule.user_id:
            return [rule.user_id], ""
        if rule.role:
            return list(await self._people.holders(rule.role))[:MOST_VOTERS], f"roles/{rule.role}"
        team = team_id if rule.record_team else rule.team_id
        return list(await self._people.members(team))[:MOST_VOTERS] if team else [], f"teams/{team}"

    async def _seats(self, rules: Sequence[VoterRule], approval: Approval) -> list[Seat]:
        return await self.circle(rules, approval.team_id)

    async def _begin(self, approval: Approval, now: Act) -> None:
        stage = approval.waiting
        if stage is not None:
            escalation = await self._seats(stage.rule.escalate_to, approval)
            approval.begin(now, await self._seats(stage.rule.voters, approval), escalation)
            approval.tell(now)

    async def _tell(self, approval: Approval) -> None:
        decided = self._decided.get(approval.subject.partition("/")[0])
        if decided is not None and approval.state is not ApprovalState.WAITING:
            with ctx.use(replace(ctx.current(), scope={})):  # who votes on a record need not be one who reads it
                await decided(approval)

    async def _policy(self, facts: Facts, policy_id: str) -> tuple[ApprovalPolicy, str]:
        if policy_id:
            return await self.policy(policy_id), "it was named"
        with ctx.use(replace(ctx.current(), scope={})):  # a row scope bounds what its caller may read, never who has to agree
            rows = await self._store.find(POLICIES, {"resource": facts.resource})
        return choose([from_document(row, ApprovalPolicy) for row in rows], facts)

    async def _delegations(self, query: Mapping[str, Any]) -> list[ApprovalDelegation]:
        with ctx.use(replace(ctx.current(), scope={})):
            live = {**query, "end_time": {"$gt": self._store.clock()}}
            return [from_document(row, ApprovalDelegation) for row in await self._store.find(DELEGATIONS, live)]
