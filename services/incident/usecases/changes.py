"""Proposing changes and moving them on: one public method per command, one transaction each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from google.api import field_behavior_pb2
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import Descriptor, has_behavior
from chassis.domain import Ids, new_id
from chassis.errors import Error, ForbiddenMove, Invalid, NotFound
from chassis.store import Store, Transaction
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import DEFAULT_POLICY_ID, Facts, Purpose
from services.incident.domain.change import MISSED, Change
from services.incident.domain.change_states import ApprovalStanding, ChangeKind, Outcome
from services.incident.domain.change_template import ChangeTemplate
from services.incident.domain.link import Link
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.domain.risk import Record
from services.incident.usecases.acting import act
from services.incident.usecases.approving import Approving
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes

CHANGES = "planned_changes"
"""Where they are kept: `changes` are the rows that tell of every save of every record."""
RESOURCE = "changes"
LOOKED_BACK = 50
"""So many of the last changes of a service say how well such changes go."""

_DESCRIPTOR: Descriptor = pb.Change.DESCRIPTOR
_FIXED = frozenset(field.name for field in _DESCRIPTOR.fields if has_behavior(field, field_behavior_pb2.IMMUTABLE))


class Objections(Protocol):
    """What may stand against a change beside its own rules: others at the same place, blackouts, redundancy."""

    async def against(self, change: Change, verb: str) -> Sequence[str]:
        """What stands against it now, in words. `verb` is `submit`, `schedule` or `start`, or `gate` for a look."""


async def template_of(store: Store, change: Change) -> ChangeTemplate | None:
    """What a standard change is made from, as it is now; nothing for others."""
    if not change.template_id:
        return None
    with ctx.use(replace(ctx.current(), scope={})):  # a row scope bounds what its caller may read, never what was approved
        return await store.get(ChangeTemplate, change.template_id)


class Changes:
    """What people may do with changes. `etag` is the version that the caller decided on, or empty.

    `objections` are asked before it is submitted, when it is scheduled and again when it is started.
    """

    def __init__(self, store: Store, approving: Approving, *, objections: Sequence[Objections] = (), ids: Ids = new_id) -> None:
        self._store, self._approving, self._objections, self._ids = store, approving, objections, ids
        self._notes, self._linking = Notes(store, ids=ids), Linking(store)
        approving.on(RESOURCE, self._decided)

    async def open(self, fields: Mapping[str, Any]) -> Change:
        """A new change."""
        number, now = await self._store.number("CHG"), act(self._store)
        if ctx.current().scope:  # who sees only some changes proposes for nobody else
            fields = {**fields, "requester_id": now.by}
        async with self._store.transaction() as tx:
            if fields.get("template_id"):
                fields = await self._from_template(tx, fields)
            record = await self._record(fields.get("service_ids", ()))
            change = Change.open(now, id=self._ids("chg"), number=number, record=record, **fields)
            tx.add(change)
        return change

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Change:  # noqa: A002 - as its field
        """Edits the named fields. Raises `Invalid` for one that is fixed once it is proposed."""
        async with self._changing(id, etag) as (change, now):
            fixed = [name for name in _FIXED & fields.keys() if getattr(change, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(sorted(fixed), "cannot be changed"))
            if "service_ids" in fields and fields["service_ids"] != change.service_ids:
                if template := await template_of(self._store, change):
                    template.check_scope(fields["service_ids"])
                change.record_before = await self._record(fields["service_ids"])
            if change.edit(now, **fields):
                await self._void(change, "what was approved was edited")
        return change

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Gives it to a team and, where named, to a person; by another team than was approved it is planned anew."""
        async with self._changing(id, etag) as (change, now):
            if change.assign(now, team_id=team_id, assignee_id=assignee_id):
                await self._void(change, "another team makes what was approved")
        return change

    async def assess(self, id: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Its assessment begins."""
        async with self._changing(id, etag) as (change, now):
            change.assess(now)
        return change

    async def submit(self, id: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Asks for its approval, by the policy that matches it."""
        async with self._changing(id, etag) as (change, now):
            change.check_submit(now)
            await self._unopposed(change, "submit")
            approval = await self._ask(change, Purpose.AUTHORIZATION, change.end_time)
            change.submitted(now, approval.id)
        return change

    async def revise(self, id: str, reason: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Back to planning."""
        async with self._changing(id, etag) as (change, now):
            change.revise(now, reason=reason)
            await self._void(change, reason)
        return change

    async def schedule(self, id: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """May be made in its window."""
        async with self._changing(id, etag) as (change, now):
            await self._unopposed(change, "schedule")
            if template := await template_of(self._store, change):
                template.check_usable(change.template_version)
            change.schedule(now, "by its template" if change.template_id else "its approval is given")
        return change

    async def expedite(self, id: str, approver_id: str, words: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Approved by word of mouth."""
        async with self._changing(id, etag) as (change, now):
            change.expedite(now, approver_id=approver_id, words=words)
            await self._void(change, "it was approved by word of mouth")
        return change

    async def start(self, id: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """It is being made."""
        async with self._changing(id, etag) as (change, now):
            await self._unopposed(change, "start")
            if template := await template_of(self._store, change):  # it may have been suspended since
                template.check_usable(change.template_version)
            change.start(now)
        return change

    async def finish(self, id: str, outcome: Outcome, note: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Making it ended. An emergency asks for its confirmation, a standard change that went wrong suspends its template."""
        async with self._store.transaction() as tx:
            change, now = await tx.get(Change, id, etag=etag), act(self._store)
            change.finish(now, outcome, note)
            if change.template_id and not outcome.is_good:
                template = await tx.get(ChangeTemplate, change.template_id)
                template.suspend(now, change.id)
                tx.save(template)
            tx.save(change)
            # What keeps people from being asked keeps nobody from saying that it ended: the timer asks again, and fails aloud.
            with suppress(Error):
                await self._confirm(tx, change, now)
        return change

    async def close(self, id: str, review: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Over for good."""
        async with self._changing(id, etag) as (change, now):
            change.close(now, review=review)
        return change

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Will not be made."""
        async with self._changing(id, etag) as (change, now):
            change.cancel(now, reason=reason)
            await self._void(change, reason)
        return change

    async def link(self, id: str, link: Link, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Refers to another record. Raises `Invalid` when the caller cannot see it."""
        async with self._changing(id, etag) as (change, now):
            change.link(now, (await self._linking.known(link))[0])
        return change

    async def unlink(self, id: str, link: Link, *, etag: str = "") -> Change:  # noqa: A002 - as above
        """Takes a reference away."""
        async with self._changing(id, etag) as (change, now):
            change.unlink(now, link)
        return change

    async def note(self, id: str, text: str, public: bool, names: Sequence[str] = ()) -> Note:  # noqa: A002 - as above
        """Says something about it."""
        return await self._notes.say(Change, id, text, public, names)

    async def escalate(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """What the timer calls, in the context of the change's tenant. Late and doubled calls do no harm."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        async with self._store.transaction() as tx:
            change, now = await tx.get(Change, id), act(self._store)
            while step := change.escalate(now):
                if step == MISSED and change.approval_id:
                    await self._approving.end(change.approval_id, ApprovalState.EXPIRED, "its window has passed")
                tx.save(change)
        if change.is_unasked:
            async with self._store.transaction() as tx:  # of its own: what is late is told though nobody can be asked
                await self._confirm(tx, await tx.get(Change, change.id), now)

    async def _decided(self, approval: Approval) -> None:
        """One of its approvals was decided, in the transaction of the vote."""
        async with self._store.transaction() as tx:
            change, now = await tx.get(Change, approval.subject.partition("/")[2]), act(self._store)
            standing = ApprovalStanding(approval.state.value)
            if approval.id == change.retrospective_id:
                change.confirmed(now, standing)
            elif approval.id != change.approval_id or change.approval is not ApprovalStanding.WAITING:
                return
            elif standing is not ApprovalStanding.APPROVED:
                change.unapproved(now, standing, approval.reasons[-1])
            elif await self._against(change, "schedule"):
                change.approved_only(now)
            else:
                change.approved(now, approval.reasons[-1])
            tx.save(change)

    async def _confirm(self, tx: Transaction, change: Change, now: Act) -> None:
        """Asks for its approval after the fact where that is still to be done."""
        if not change.is_unasked:
            return
        try:
            approval = await self._ask(change, Purpose.RETROSPECTIVE, None)
        except ForbiddenMove:  # the policy has no stage for its risk, but what was made is confirmed by somebody
            approval = await self._ask(change, Purpose.RETROSPECTIVE, None, policy_id=DEFAULT_POLICY_ID)
        change.confirming(now, approval.id)
        tx.save(change)

    async def _ask(self, change: Change, purpose: Purpose, expire: datetime | None, *, policy_id: str = "") -> Approval:
        """Whoever asks in somebody's name does not vote either: else one alone would name a requester and agree."""
        facts = Facts(
            resource=RESOURCE,
            purpose=purpose,
            kind=change.kind.value,
            risk=change.risk,
            service_ids=change.service_ids,
            team_id=change.team_id,
            category=change.category,
        )
        return await self._approving.ask(
            f"{RESOURCE}/{change.id}",
            facts,
            title=f"{change.number} {change.title}",
            requester_id=change.requester_id,
            barred_ids=[*change.barred_ids, act(self._store).by],
            expire_time=expire,
            policy_id=policy_id,
        )

    async def _void(self, change: Change, reason: str) -> None:
        if change.approval_id:
            await self._approving.end(change.approval_id, ApprovalState.VOID, reason)

    async def _from_template(self, tx: Transaction, fields: Mapping[str, Any]) -> dict[str, Any]:
        template = await tx.get(ChangeTemplate, fields["template_id"])
        copied = template.fields()
        own = sorted(name for name in copied if name in fields and fields[name] != copied[name])
        if own:
            raise Invalid(dict.fromkeys(own, "comes from the template of a standard change"))
        begun = {"kind": ChangeKind.STANDARD, "service_ids": template.service_ids, **fields, **copied}
        template.check_scope(begun["service_ids"])
        return begun | {"template_id": template.id}

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Change, Act]]:  # noqa: A002 - as above
        """The change inside a transaction, saved after the block."""
        async with self._store.transaction() as tx:
            change = await tx.get(Change, id, etag=etag)
            yield change, act(self._store)
            tx.save(change)

    async def _unopposed(self, change: Change, verb: str) -> None:
        if against := await self._against(change, verb):
            raise ForbiddenMove(change.state, verb, "; ".join(against))

    async def _against(self, change: Change, verb: str) -> list[str]:
        return [each for objecting in self._objections for each in await objecting.against(change, verb)]

    async def _record(self, service_ids: Sequence[str]) -> Record:
        """How the last changes of these services ended."""
        if not service_ids:
            return Record()
        query = {"tenant": ctx.current().tenant, "service_ids": {"$in": list(service_ids)}, "outcome": {"$gt": ""}}
        ended = await self._store.backend.find(CHANGES, query, sort=[("create_time", -1)], limit=LOOKED_BACK)
        return Record(len(ended), sum(not Outcome(each["outcome"]).is_good for each in ended))
