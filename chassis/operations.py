"""Dead letters and replays, the same in every service: `itsm.operations.v1.OperationsService`.

Both are aggregates, so whatever an operator does to them is told by a change row and audited like any other change. They
belong to the tenant of the event; a dead letter whose tenant cannot be trusted belongs to the installation (`-`).

Fails: `NotFound` for another service's name; `ForbiddenMove` for a dead letter that is not open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from itsm.operations import v1 as pb

from chassis import context as ctx
from chassis.codec import document_to_message, given, to_message
from chassis.domain import Aggregate, new_id
from chassis.emptying import Emptying
from chassis.errors import ForbiddenMove, Invalid, NotFound
from chassis.events import wire
from chassis.events.records import DEAD_LETTERS, Record
from chassis.events.versions import SEEN
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import CHANGES, Index, Insert, Kind, Store, Transaction, Update
from chassis.store.backend import Document

REPLAYS = "replays"
_COUNTED = 1_000_000


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "OPEN"
    REQUEUED = "REQUEUED"
    RESOLVED = "RESOLVED"
    DISCARDED = "DISCARDED"


class ReplayState(StrEnum):
    """How far a replay is."""

    RUNNING = "RUNNING"
    DONE = "DONE"


@dataclass(slots=True, kw_only=True)
class DeadLetter(Aggregate):
    """A record that a consumer group gave up. The record itself lies beside these fields in the same document."""

    state: LetterState
    group: str
    topic: str
    partition: int
    offset: int
    type: str
    subject: str
    reason: str
    detail: str
    attempts: int
    time: datetime
    discard_reason: str = ""

    def requeue(self) -> None:
        """Wants it handled again. Raises `ForbiddenMove` unless it is open."""
        self._leave("requeue", LetterState.REQUEUED)
        self.record(pb.DeadLetterRequeued())

    def discard(self, reason: str) -> None:
        """Never wants it handled. Raises `ForbiddenMove` unless it is open."""
        self._leave("discard", LetterState.DISCARDED)
        self.discard_reason = reason
        self.record(pb.DeadLetterDiscarded(reason=reason))

    def _leave(self, verb: str, state: LetterState) -> None:
        if self.state is not LetterState.OPEN:
            raise ForbiddenMove(self.state, verb)
        self.state = state


@dataclass(slots=True, kw_only=True)
class Replay(Aggregate):
    """Past events of a tenant that are published again. `cursor` is the id of the last row that is out."""

    state: ReplayState = ReplayState.RUNNING
    start_time: datetime
    end_time: datetime
    types: list[str] = field(default_factory=list)
    subject: str = ""
    published: int = 0
    create_time: datetime
    cursor: str = ""

    def query(self) -> dict[str, Any]:
        """Which change rows it means; the tenant is added by the store."""
        wanted: dict[str, Any] = {"type": {"$exists": True}, "time": {"$gte": self.start_time, "$lt": self.end_time}}
        if self.types:
            wanted["type"] = {"$in": self.types}
        if self.subject:
            wanted["subject"] = self.subject
        return wanted

    def finish(self, published: int) -> None:
        """All of it is out."""
        self.state, self.published = ReplayState.DONE, published
        self.record(pb.ReplayFinished())


KINDS = (
    Kind(DeadLetter, pb.DeadLetter, DEAD_LETTERS),
    Kind(Replay, pb.Replay, REPLAYS),
)
INDEXES = (Index(REPLAYS, [("state", 1)], partial={"state": "RUNNING"}),)
FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "state": Field(path="state", kind=Of.ENUM, values=tuple(LetterState)),
    "group": Field(path="group"),
    "topic": Field(path="topic"),
    "type": Field(path="type"),
    "subject": Field(path="subject"),
    "reason": Field(path="reason"),
    "time": Field(path="time", kind=Of.TIMESTAMP, sortable=True),
}


class Operations:
    """What operators may do about the events of one service."""

    def __init__(self, store: Store, listing: Listing) -> None:
        self._store, self._listing = store, listing

    async def letters(self, query: str, order: str, size: int | None, token: str) -> tuple[list[Document], str]:
        """A page of dead letters, those that are open unless `query` says otherwise. Raises `Invalid`."""
        page = self._listing.page(ctx.current().tenant, query or "state = OPEN", order, size, token)
        found = await self._store.find(DEAD_LETTERS, page.query, sort=page.sort, limit=page.limit)
        rows, following = page.cut(found)
        return list(rows), following

    async def letter(self, id: str) -> Document:  # noqa: A002 - the field's name everywhere
        """One dead letter with its record, as stored. Raises `NotFound`."""
        return await self._store.document(DeadLetter, id)

    async def requeue(self, id: str, *, etag: str, dry_run: bool) -> DeadLetter:  # noqa: A002 - as above
        """Has a worker of its group handle it again. Raises `NotFound`, `Stale`, `ForbiddenMove`."""
        async with self._store.transaction() as tx:
            letter = await tx.get(DeadLetter, id, etag=etag)
            letter.requeue()
            if not dry_run:
                tx.save(letter)
        return letter

    async def discard(self, id: str, reason: str, *, etag: str, dry_run: bool) -> DeadLetter:  # noqa: A002 - as above
        """Gives it up for good, and with it the version that later ones wait for. Raises as `requeue` does."""
        record = Record.kept(await self.letter(id))
        async with self._store.transaction() as tx:
            letter = await tx.get(DeadLetter, id, etag=etag)
            letter.discard(reason)
            if not dry_run:
                tx.save(letter)
                await self._pass_over(tx, letter.group, record)
        return letter

    async def _pass_over(self, tx: Transaction, group: str, record: Record) -> None:
        """Counts the version as seen, so that later ones go on."""
        try:
            envelope = wire.parse(record.headers, record.key)
        except wire.Unreadable:
            return  # nobody waits for what cannot even be told apart
        identity = {"_id": f"{group}|{envelope.key}", "tenant": envelope.tenant}
        seen = await self._store.backend.find_one(SEEN, identity)
        now = {"version": envelope.version, "epoch": envelope.epoch}
        if seen is None:
            tx.write(Insert(SEEN, {**identity, **now}))
        elif (seen["epoch"], seen["version"] + 1) == (envelope.epoch, envelope.version):
            before = {"version": seen["version"], "epoch": seen["epoch"]}
            tx.write(Update(SEEN, {**identity, **before}, {"$set": now}))

    async def start_replay(self, fields: Mapping[str, Any], *, dry_run: bool) -> Replay:
        """Publishes past events of the caller's tenant again; a dry run only counts them. Raises `Invalid`."""
        now = self._store.clock()
        replay = Replay(id=new_id("rpl"), create_time=now, **{"end_time": now, **fields})
        if replay.end_time > now or replay.start_time >= replay.end_time:
            raise Invalid({"replay.startTime": "is before endTime, and both are past"})
        if dry_run:
            replay.published = await self._store.count(CHANGES, replay.query(), limit=_COUNTED)
            return replay
        replay.record(pb.ReplayStarted())
        async with self._store.transaction() as tx:
            tx.add(replay)
        return replay

    async def replay(self, id: str) -> Replay:  # noqa: A002 - as above
        """One replay. Raises `NotFound`."""
        return await self._store.get(Replay, id)


class OperationsApi(pb.OperationsServiceServicer):
    """`itsm.operations.v1.OperationsService` of one service."""

    def __init__(self, service: str, operations: Operations, emptying: Emptying) -> None:
        self._service, self._operations, self._emptying = service, operations, emptying

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:  # noqa: ARG002, N802
        self._ours(request.service)
        size = request.page_size if request.HasField("page_size") else None
        rows, token = await self._operations.letters(request.filter, request.order_by, size, request.page_token)
        letters = [document_to_message(row, pb.DeadLetter) for row in rows]
        return pb.ListDeadLettersResponse(dead_letters=letters, next_page_token=token)

    async def GetDeadLetter(self, request: pb.GetDeadLetterRequest, context: Any) -> pb.GetDeadLetterResponse:  # noqa: ARG002, N802
        self._ours(request.service)
        document = await self._operations.letter(request.id)
        record = Record.kept(document)
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        letter = document_to_message(document, pb.DeadLetter)
        return pb.GetDeadLetterResponse(dead_letter=letter, headers=headers, value=record.value)

    async def RequeueDeadLetter(self, request: pb.RequeueDeadLetterRequest, context: Any) -> pb.DeadLetter:  # noqa: ARG002, N802
        self._ours(request.service)
        letter = await self._operations.requeue(request.id, etag=request.etag, dry_run=request.dry_run)
        return to_message(letter, pb.DeadLetter)

    async def DiscardDeadLetter(self, request: pb.DiscardDeadLetterRequest, context: Any) -> pb.DeadLetter:  # noqa: ARG002, N802
        self._ours(request.service)
        letter = await self._operations.discard(request.id, request.reason, etag=request.etag, dry_run=request.dry_run)
        return to_message(letter, pb.DeadLetter)

    async def StartReplay(self, request: pb.StartReplayRequest, context: Any) -> pb.Replay:  # noqa: ARG002, N802
        self._ours(request.service)
        fields = given(request.replay, Replay)
        return to_message(await self._operations.start_replay(fields, dry_run=request.dry_run), pb.Replay)

    async def GetReplay(self, request: pb.GetReplayRequest, context: Any) -> pb.Replay:  # noqa: ARG002, N802
        self._ours(request.service)
        return to_message(await self._operations.replay(request.id), pb.Replay)

    async def EmptyTenant(self, request: pb.EmptyTenantRequest, context: Any) -> pb.EmptyTenantResponse:  # noqa: ARG002, N802
        self._ours(request.service)
        return pb.EmptyTenantResponse(removed_count=await self._emptying.run())

    def _ours(self, service: str) -> None:
        if service != self._service:
            raise NotFound("service", service)


def listing(key: bytes, clock: Callable[[], datetime]) -> Listing:
    """How dead letters are listed."""
    return Listing("deadLetters", FIELDS, "time desc", key, clock)
