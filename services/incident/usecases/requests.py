"""Requests: ordered, approved, fulfilled by their tasks; one public method per command, one transaction each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Invalid
from chassis.store import Store, Transaction
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.domain.plan import outstanding, wanted
from services.incident.domain.request import Request, RequestState
from services.incident.domain.states import HoldReason
from services.incident.domain.task import Task, TaskState
from services.incident.usecases.catalog import Catalog
from services.incident.usecases.escalations import last_heard
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies
from services.incident.usecases.request_approvals import refusal
from services.incident.usecases.tasks import Tasks

FULFILLED = "fulfilled"
_NOT_BY_UPDATE = ("catalog_item_id", "answers", "requester_id", "receiver_id")
_SETTLING = frozenset({"complete", "skip", "update"})


class Asks(Protocol):
    """Asks others whether something may be done; their answer comes back as `Requests.decided`."""

    async def ask(self, request: Request) -> str:
        """Begins the approval of a request by its policy, in the transaction that is under way; its id."""

    async def void(self, request: Request, reason: str) -> None:
        """What was asked about it counts no more."""


class Requests:
    """What people may do with requests. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        catalog: Catalog,
        tasks: Tasks,
        asks: Asks,
        *,
        reopen_window: timedelta = timedelta(days=7),
        ids: Ids = new_id,
    ) -> None:
        self._store = store
        self._policies = policies
        self._catalog = catalog
        self._tasks = tasks
        self._asks = asks
        self._window = reopen_window
        self._ids = ids
        self._notes, self._linking = Notes(store, ids=ids), Linking(store)
        tasks.follow("requests", self._task_moved)

    async def create(self, fields: Mapping[str, Any]) -> Request:
        """A new request: at once with those who approve it, or approved and planned."""
        fields = dict(fields)
        if ctx.current().scope:  # who sees only some requests asks for nobody else
            fields["requester_id"] = ctx.current().actor.id
        item_id = fields.pop("catalog_item_id", "")
        item = await self._catalog.orderable(item_id) if item_id else None
        if item is None and fields.get("answers"):
            raise Invalid({"answers": "belong to an item of the catalog"})
        number, moment = await self._store.number("REQ"), await self._policies.moment()
        async with self._store.transaction() as tx:
            request = Request.open(moment, item, id=self._ids("req"), number=number, **fields)
            tx.add(request)
            await self._send(tx, request, moment)
            tx.answers(request)
        return request

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Request:  # noqa: A002 - as its field
        """Changes the named fields. Raises `Invalid` for one that only other verbs change."""
        async with self._changing(id, etag) as (_, request, moment):
            fixed = [name for name in _NOT_BY_UPDATE if name in fields and getattr(request, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(fixed, "cannot be changed by an update"))
            request.edit(moment, **{name: value for name, value in fields.items() if name not in _NOT_BY_UPDATE})
        return request

    async def submit(self, id: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Sends it to those who approve it, or begins it where nobody has to."""
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            request = await tx.get(Request, id, etag=etag)
            await self._send(tx, request, moment)
            tx.answers(request)
        return request

    async def revise(
        self,
        id: str,  # noqa: A002 - as above
        answers: Mapping[str, Any] | None,
        description: str,
        *,
        etag: str = "",
    ) -> Request:
        """Takes it back to change it."""
        async with self._changing(id, etag) as (_, request, moment):
            asked = request.state is RequestState.WAITING_FOR_APPROVAL
            request.revise(moment, answers=answers, description=description)
            if asked:
                await self._asks.void(request, "the request was changed")
        return request

    async def withdraw(self, id: str, reason: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """It is not wanted any more."""
        return await self._end(id, "withdraw", reason, etag)

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """It comes to nothing, and its tasks with it."""
        return await self._end(id, "cancel", reason, etag)

    async def decided(self, id: str, approval_id: str, *, approved: bool, reason: str) -> None:  # noqa: A002 - as above
        """Those who were asked have decided; in their transaction. What does not wait for them any more is left alone."""
        moment = await self._policies.moment()
        # Who decides need not be one who sees what it is about.
        with ctx.use(replace(ctx.current(), scope={})):
            async with self._store.transaction() as tx:
                await self._decide(tx, id, approval_id, moment, reason if not approved else None)

    async def _decide(self, tx: Transaction, id: str, approval_id: str, moment: Moment, no: str | None) -> None:  # noqa: A002
        request = await tx.get(Request, id)
        if request.state is not RequestState.WAITING_FOR_APPROVAL or request.approval_id != approval_id:
            return
        if no is None:
            await self._approve(tx, request, moment)
        else:
            request.reject(moment, reason=no)
            tx.save(request)

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Gives it to a team and, where named, to a person."""
        async with self._changing(id, etag) as (_, request, moment):
            request.assign(moment, team_id=team_id, assignee_id=assignee_id)
        return request

    async def start(self, id: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Work begins."""
        async with self._changing(id, etag) as (_, request, moment):
            request.start(moment)
        return request

    async def hold(self, id: str, reason: HoldReason, note: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Waits; what the requester is told becomes a public note."""
        async with self._changing(id, etag) as (tx, request, moment):
            request.hold(moment, reason, note=note)
            if note:
                tx.add(self._notes.said(Request, request.id, note, True, moment))
        return request

    async def resume(self, id: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Work goes on."""
        async with self._changing(id, etag) as (_, request, moment):
            request.resume(moment)
        return request

    async def resolve(self, id: str, code: str, resolution: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Says how it ended. Raises `ForbiddenMove` while mandatory tasks are not done."""
        async with self._changing(id, etag) as (tx, request, moment):
            left = await self._tasks.outstanding(tx, f"requests/{request.id}")
            request.resolve(moment, left, resolution_code=code, resolution=resolution)
        return request

    async def reopen(self, id: str, reason: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """It was not over."""
        async with self._changing(id, etag) as (_, request, moment):
            request.reopen(moment, reason=reason, window=self._window)
        return request

    async def close(self, id: str, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Over for good, and what is still open of its tasks with it."""
        async with self._changing(id, etag) as (tx, request, moment):
            request.close(moment)
            await self._tasks.cancel_all(tx, f"requests/{request.id}", moment, "the request is closed")
            await self._tasks.give_back(tx, f"requests/{request.id}", moment)
        return request

    async def link(self, id: str, link: Link, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Refers to another record. Raises `Invalid` for one that the caller cannot see."""
        async with self._changing(id, etag) as (_, request, moment):
            found, _target = await self._linking.known(link)
            request.link(moment, found)
        return request

    async def unlink(self, id: str, link: Link, *, etag: str = "") -> Request:  # noqa: A002 - as above
        """Takes a reference away."""
        async with self._changing(id, etag) as (_, request, moment):
            request.unlink(moment, link)
        return request

    async def note(self, id: str, text: str, public: bool, names: Sequence[str] = ()) -> Note:  # noqa: A002 - as above
        """Says something. The requester's answer to what was asked takes work up again."""
        document, moment = await self._store.document(Request, id), await self._policies.moment()
        async with self._store.transaction() as tx:
            note = self._notes.said(Request, document["_id"], text, public, moment, names)
            awaited = document.get("hold_reason") == HoldReason.CALLER.value and document["requester_id"] == moment.by
            if note.public and awaited and document["assignee_id"] != moment.by:
                request = await tx.get(Request, document["_id"])
                if request.state is RequestState.ON_HOLD:
                    request.resume(moment)
                    tx.save(request)
            tx.add(note)
        return note

    async def _send(self, tx: Transaction, request: Request, moment: Moment) -> None:
        if request.approval_policy_id:
            request.submit(moment, await self._asks.ask(request))
            tx.save(request)
        else:
            await self._approve(tx, request, moment)

    async def _approve(self, tx: Transaction, request: Request, moment: Moment) -> None:
        request.approve(moment)
        tx.save(request)
        plan = wanted(request.planned, request.answers)
        if plan:
            numbers = [await self._store.number("TSK") for _ in plan]
            about = f"requests/{request.id}"
            who = {"requester_id": request.requester_id, "receiver_id": request.receiver_id}
            await self._tasks.begin_plan(tx, about, plan, numbers, moment, **who)

    async def _end(self, id: str, verb: str, reason: str, etag: str) -> Request:  # noqa: A002 - as above
        async with self._changing(id, etag) as (tx, request, moment):
            asked = request.state is RequestState.WAITING_FOR_APPROVAL
            (request.withdraw if verb == "withdraw" else request.cancel)(moment, reason=reason)
            if asked:
                await self._asks.void(request, reason)
            await self._tasks.cancel_all(tx, f"requests/{request.id}", moment, reason)
            await self._tasks.give_back(tx, f"requests/{request.id}", moment)
        return request

    async def _task_moved(self, tx: Transaction, id: str, _now: Act, verb: str, tasks: Sequence[Task]) -> None:  # noqa: A002
        """With its first task work begins; with the last mandatory one it is fulfilled."""
        request = await tx.get(Request, id)
        begun = any(task.state in (TaskState.IN_PROGRESS, TaskState.DONE) for task in tasks)
        if not request.state.is_open or not (begun or verb in _SETTLING):
            return
        moment = await self._policies.moment()
        if request.state is RequestState.APPROVED and begun:
            request.start(moment, by_task=True)
            tx.save(request)
        mandatory = [task for task in tasks if task.mandatory and task.state is TaskState.DONE]
        if verb in _SETTLING and mandatory and not outstanding(tasks):
            told = [f"{task.title}: {task.result}" if task.result else task.title for task in mandatory]
            request.resolve(moment, (), resolution_code=FULFILLED, resolution="\n".join(told)[:10_000])
            tx.save(request)

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Transaction, Request, Moment]]:  # noqa: A002
        """The request inside a transaction, saved after the block and what a repeated call is answered with."""
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            request = await tx.get(Request, id, etag=etag)
            request.hear(moment, await last_heard(self._store, request, moment.at))
            yield tx, request, moment
            tx.save(request)
            tx.answers(request)


class Deciding:
    """Takes what an approval decided to its request."""

    def __init__(self, store: Store, requests: Requests) -> None:
        self._store, self._requests = store, requests

    async def decided(self, approval: Approval) -> None:
        """In the transaction of the vote, whose answer stays the approval."""
        id = approval.subject.partition("/")[2]  # noqa: A001 - as its field
        approved = approval.state is ApprovalState.APPROVED
        async with self._store.transaction() as tx:
            await self._requests.decided(id, approval.id, approved=approved, reason="" if approved else refusal(approval))
            tx.answers(approval)
