"""The store and its unit of work; the only place that stamps the tenant and applies the row scope."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis import context as ctx
from chassis.codec import document_to_message, from_document, to_document, to_message
from chassis.demonstration import undated
from chassis.domain import Aggregate, Clock
from chassis.errors import Busy, Error, NotFound, Stale
from chassis.failpoints import OFF, Failpoints
from chassis.listing.facets import Faceted, asked
from chassis.store.backend import Backend, Delete, Document, Index, Insert, Query, Sort, Taken, Update, Write, leaving
from chassis.store.changes import CHANGES, INDEXES, Kind, change_row
from chassis.store.numbers import Numbers

A = TypeVar("A", bound=Aggregate)

CLAIMS = "claims"
REQUEST_KEPT = timedelta(hours=24)  # how long an idempotency key is remembered (docs/reference/rest.md)
RECENT = 2_000  # records that a process remembers as it saved them: spares the next command on them a read
RECENT_LARGEST = 16 * 1024  # bytes in an event, above which a record is not worth its memory

CommitListener = Callable[[Sequence[Document]], None]
_ambient: ContextVar["Transaction | None"] = ContextVar("itsm_transaction", default=None)


class Replay(Exception):
    """No error: the same request key was used before. What it was for, and what it answered."""

    def __init__(self, request_hash: str, answer_type: str, answer: bytes) -> None:
        super().__init__("the request was done before")
        self.request_hash = request_hash
        self.answer_type = answer_type
        self.answer = answer


@dataclass(slots=True)
class _Loaded:
    """A record inside a transaction: as first read, as last saved, and how it began."""

    tenant: str
    aggregate: Aggregate
    kind: Kind
    base: Document | None
    saved: Document
    touched: bool = False
    remembered: bool = False


class Store:
    """The collections of one service, for one tenant at a time: the tenant of the current context."""

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        kinds: Iterable[Kind],
        indexes: Iterable[Index] = (),
        failpoints: Failpoints = OFF,
    ) -> None:
        self.backend = backend
        self.failpoints = failpoints
        self.clock = clock
        self.kinds: dict[type[Aggregate], Kind] = {kind.aggregate: kind for kind in kinds}
        self.indexes: tuple[Index, ...] = (*INDEXES, *indexes)
        self._listeners: list[CommitListener] = []
        self._numbers = Numbers(backend)
        self.recent: OrderedDict[tuple[str, type[Aggregate], str], Document] = OrderedDict()

    def on_commit(self, listener: CommitListener) -> None:
        """Tells `listener` of the change rows of each commit of this process, as they are committed."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """The unit of work of a use case. Inside another one it joins that one and leaves the commit to it."""
        outer = _ambient.get()
        # A task that was begun inside of a transaction carries it along, and may live longer.
        if outer is not None and outer.store is self and not outer.over:
            yield outer
            return
        tx = Transaction(self)
        token = _ambient.set(tx)
        try:
            yield tx
        except Error as error:
            if tx.forget_remembered():
                raise Busy("decided on a remembered record; its present state decides") from error
            raise
        finally:
            tx.over = True
            _ambient.reset(token)
        await tx.commit()

    async def get(self, kind: type[A], id: str) -> A:  # noqa: A002 - the field's name everywhere
        """One record by id or human number, in any case. Raises `NotFound`, also for what the caller may not see."""
        return from_document(await self.document(kind, id), kind)

    async def document(self, kind: type[Aggregate], id: str, *, naive: bool = False) -> Document:  # noqa: A002 - as above
        """The same as stored; `naive` for what only becomes a message, as in `find`."""
        registered = self.kinds[kind]
        by = {"_id": id} if "_" in id or not registered.numbered else {"number": id.upper()}
        document = await self.backend.find_one(registered.collection, self.scoped(by), naive=naive)
        if document is None:
            raise NotFound(kind.__name__.lower(), id)
        return document

    async def message(self, kind: type[Aggregate], id: str) -> Message:  # noqa: A002 - as above
        """The same as the world sees it, without an aggregate in between."""
        return document_to_message(await self.document(kind, id, naive=True), self.kinds[kind].message)

    async def find(
        self, collection: str, query: Query, *, sort: Sort = (), limit: int = 0, naive: bool = False
    ) -> list[Document]:
        """Documents of the caller's tenant and scope. With `naive` they may only become messages (see `Backend.find`).

        Where a list is to be counted instead, its counts leave as `Faceted`.
        """
        if sort and (facets := asked()) is not None and facets.settled:
            (found,) = await self.aggregate(collection, facets.pipeline(query))
            raise Faceted(facets.answer(found))
        return await self.backend.find(collection, self.scoped(query), sort=sort, limit=limit, naive=naive)

    async def count(self, collection: str, query: Query, *, limit: int) -> int:
        """How many there are of the caller's tenant and scope, counted up to `limit`."""
        return await self.backend.count(collection, self.scoped(query), limit=limit)

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Runs an aggregation over documents of the caller's tenant and scope. A stage that leaves them is a defect."""
        if beyond := leaving(pipeline):
            raise RuntimeError(f"{', '.join(beyond)} would reach documents that nobody has scoped")
        return await self.backend.aggregate(collection, [{"$match": self.scoped({})}, *pipeline])

    async def history(self, subject: str, *, before: str = "", limit: int) -> list[Document]:
        """Change rows of a record and of what belongs to its timeline, newest first, older than the row id `before`."""
        older = {"_id": {"$lt": before}} if before else {}
        own = await self.backend.find(
            CHANGES, {"tenant": ctx.current().tenant, "subject": subject, **older}, sort=[("version", -1)], limit=limit
        )
        belonging = await self.backend.find(
            CHANGES, {"tenant": ctx.current().tenant, "about": subject, **older}, sort=[("_id", -1)], limit=limit
        )
        return sorted([*own, *belonging], key=lambda row: str(row["_id"]), reverse=True)[:limit]

    def scoped(self, query: Query) -> Document:
        """The query with the caller's tenant, and row scope where it has one. There is no other way to ask."""
        context = ctx.current()
        scoped: Document = {"tenant": context.tenant, **query}
        if scoped["tenant"] != context.tenant:
            raise NotFound("tenant", str(scoped["tenant"]))
        if context.scope:
            return {"$and": [scoped, dict(context.scope)], "tenant": context.tenant}
        return scoped

    async def number(self, prefix: str) -> str:
        """The next human number (chassis/store/numbers.py)."""
        return await self._numbers.next(prefix)

    async def replay(self, tenant: str, request_id: str) -> Replay | None:
        """What a request key was used for, if it was."""
        claim = await self.backend.find_one(CHANGES, {"_id": _request_key(tenant, request_id), "tenant": tenant})
        return Replay(claim["hash"], claim["answer_type"], bytes(claim["answer"])) if claim else None

    def committed(self, rows: Sequence[Document]) -> None:
        """Hands fresh change rows to those who asked for them."""
        for listener in self._listeners:
            listener(rows)


@dataclass(slots=True)
class Transaction:
    """What one use case reads and writes. Nothing is written before `commit`."""

    store: Store
    _records: dict[tuple[str, type[Aggregate], str], _Loaded] = field(default_factory=dict)
    _rows: list[Document] = field(default_factory=list)
    _writes: list[Write] = field(default_factory=list)
    _documents: dict[tuple[str, str, str], Document | None] = field(default_factory=dict)
    _absent: set[tuple[str, type[Aggregate], str]] = field(default_factory=set)
    _answer: tuple[Aggregate, Kind] | None = None
    over: bool = False

    async def get(self, kind: type[A], id: str, *, etag: str = "") -> A:  # noqa: A002 - the field's name everywhere
        """One record by id or human number, the same object each time. Raises `NotFound`; `Stale` when `etag` is another."""
        tenant = ctx.current().tenant
        loaded = self._records.get((tenant, kind, id))
        if loaded is None and (tenant, kind, id) in self._absent:
            raise NotFound(kind.__name__.lower(), id)
        # Nothing would prove in a dry run that what is remembered is still so.
        fresh = ctx.current().scope or ctx.current().dry_run
        remembered = None if loaded or fresh else self.store.recent.get((tenant, kind, id))
        if loaded is None:
            document = remembered or await self.store.document(kind, id)
            loaded = self._records.get((tenant, kind, document["_id"]))
        if loaded is None:
            aggregate = from_document(document, kind)
            loaded = _Loaded(tenant, aggregate, self.store.kinds[kind], document, document, remembered=remembered is not None)
            self._records[tenant, kind, aggregate.id] = loaded
        if etag and etag != loaded.aggregate.etag:
            raise Stale(loaded.aggregate.etag, given=etag)
        return loaded.aggregate  # type: ignore[return-value] # the key holds the type

    async def find(self, kind: type[A], query: Query, *, limit: int = 0) -> list[A]:
        """The records that match as they are stored, in one question; each the same object as from `get`."""
        tenant, registered, found = ctx.current().tenant, self.store.kinds[kind], []
        for document in await self.store.find(registered.collection, query, limit=limit):
            key = (tenant, kind, document["_id"])
            if key not in self._records:
                self._records[key] = _Loaded(tenant, from_document(document, kind), registered, document, document)
            found.append(self._records[key].aggregate)
        return found  # type: ignore[return-value] # the key holds the type

    async def load(self, kind: type[Aggregate], ids: Iterable[str]) -> None:
        """Reads records by id in one question, so that `get` asks no more; what is remembered is not read again."""
        tenant = ctx.current().tenant
        recent = {} if ctx.current().scope or ctx.current().dry_run else self.store.recent
        keys = {(tenant, kind, each) for each in ids}
        if wanted := {key for key in keys if key not in self._records and key not in recent}:
            await self.find(kind, {"_id": {"$in": sorted(key[2] for key in wanted)}})
            self._absent |= wanted - self._records.keys()

    def add(self, aggregate: Aggregate, *, at: datetime | None = None) -> None:
        """Keeps a new record and tells of the event that it recorded; `at` is when it happened, now by default."""
        tenant = ctx.current().tenant
        loaded = _Loaded(tenant, aggregate, self.store.kinds[type(aggregate)], None, {})
        self._records[tenant, type(aggregate), aggregate.id] = loaded
        self._save(loaded, at)

    def save(self, aggregate: Aggregate, *, at: datetime | None = None) -> None:
        """Keeps the changes of a record and tells of the event that it recorded.

        Without an event nothing is saved but what the caller's request key was used for.
        """
        self._save(self._records[ctx.current().tenant, type(aggregate), aggregate.id], at)

    def _save(self, loaded: _Loaded, at: datetime | None) -> None:
        aggregate, context = loaded.aggregate, ctx.current()
        event: Any = aggregate.take_recorded()
        if event is None:
            self._answer = self._answer or (aggregate, loaded.kind)
            return
        before = loaded.saved or None
        aggregate.version += 1
        after = to_document(aggregate)
        self._rows.append(change_row(loaded.kind, context, event, before, after, at or self.store.clock()))
        loaded.saved, loaded.touched = after, True
        self._answer = (aggregate, loaded.kind)

    def answers(self, aggregate: Aggregate) -> None:
        """Makes a record what a repeated request is answered with, though others are saved after it."""
        self._answer = (aggregate, self.store.kinds[type(aggregate)])

    async def documents(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        """Documents of the tenant by id, those that are there; each is asked for once in a transaction, all in one question."""
        tenant, known, wanted = ctx.current().tenant, self._documents, list(dict.fromkeys(ids))
        if missing := [each for each in wanted if (tenant, collection, each) not in known]:
            query = {"_id": {"$in": missing}, "tenant": tenant}
            found = {document["_id"]: document for document in await self.store.backend.find(collection, query)}
            known |= {(tenant, collection, each): found.get(each) for each in missing}
        return {each: document for each in wanted if (document := known[tenant, collection, each]) is not None}

    def claim(self, kind: str, key: str, holder: str) -> None:
        """Takes something unique for a record: a second taker in another transaction gets `Taken` and runs again."""
        claim = _claim(kind, key, holder)
        self._writes.append(Insert(CLAIMS, claim))
        self._documents[claim["tenant"], CLAIMS, claim["_id"]] = claim

    def point(self, kind: str, key: str, holder: str, *, until: datetime | None = None) -> None:
        """Lets a name stand for a record from now on, whatever it stood for before.

        After `until` nobody asks for it: it goes by itself where the service has an index that removes claims by `expire_time`.
        """
        claim = _claim(kind, key, holder)
        query = {"_id": claim["_id"], "tenant": claim["tenant"]}
        said = {"holder": holder} | ({"expire_time": until} if until is not None else {})
        self._writes.append(Update(CLAIMS, query, {"$set": said}, strict=False, upsert=True))
        self._documents[claim["tenant"], CLAIMS, claim["_id"]] = claim

    def release(self, kind: str, key: str) -> None:
        """Gives something unique back."""
        claim = _claim(kind, key, "")
        self._writes.append(Delete(CLAIMS, {"_id": claim["_id"], "tenant": claim["tenant"]}))
        self._documents[claim["tenant"], CLAIMS, claim["_id"]] = None

    async def holder(self, kind: str, key: str) -> str | None:
        """Who holds something unique, this transaction's own claims included."""
        return (await self.holders([(kind, key)])).get((kind, key))

    async def holders(self, claims: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The same of many, by kind and key, in one question."""
        asked = {_claim(kind, key, "")["_id"]: (kind, key) for kind, key in claims}
        found = await self.documents(CLAIMS, asked)
        return {asked[each]: str(claim["holder"]) for each, claim in found.items()}

    def write(self, write: Write) -> None:
        """Adds a write beside the aggregates, such as a projection's. Its document or query must name the tenant."""
        named = write.document if isinstance(write, Insert) else write.query
        if "tenant" not in named:
            raise RuntimeError(f"a write to {write.collection} names no tenant")
        self._writes.append(write)

    async def commit(self) -> None:
        """Writes everything at once; nothing at all in a dry run. Raises `Busy` when a record changed since it was read.

        A caller that is canceled meanwhile does not learn how it ended; it ends nevertheless.
        """
        context = ctx.current_or_none()
        if context is not None and context.dry_run:
            return
        if any(loaded.remembered and not loaded.touched for loaded in self._records.values()):
            # No compare-and-set will prove what was only read from memory.
            self.forget_remembered()
            raise Busy("decided on a remembered record; its present state decides")
        writes = [*self._record_writes(), *self._writes, *(Insert(CHANGES, row) for row in self._rows)]
        request = self._request_claim(context) if context else None
        if request is not None:
            writes.append(request)
        if not writes:
            return
        for key in self._records:
            self.store.recent.pop(key, None)
        await self.store.failpoints.reached("R3")
        try:
            # Who stops waiting does not stop the database: what it commits has to be told all the same.
            await asyncio.shield(self._write(writes))
        except Taken as taken:
            if context and request is not None and taken.key == request.document["_id"]:
                replay = await self.store.replay(context.tenant, context.request_id)
                if replay is not None:
                    raise replay from taken
            raise
        await self.store.failpoints.reached("R4")

    async def _write(self, writes: Sequence[Write]) -> None:
        await self.store.backend.write(writes)
        self._remember()
        if self._rows:
            self.store.committed(self._rows)

    def forget_remembered(self) -> bool:
        """Drops what this transaction took from memory instead of the database; says whether there was any."""
        keys = [key for key, loaded in self._records.items() if loaded.remembered]
        for key in keys:
            self.store.recent.pop(key, None)
        return bool(keys)

    def _remember(self) -> None:
        recent = self.store.recent
        large = {(row["tenant"], row["key"]) for row in self._rows if len(row["data"]) > RECENT_LARGEST}
        for key, loaded in self._records.items():
            if loaded.touched and (loaded.tenant, loaded.aggregate.id) not in large:
                recent[key] = loaded.saved
        while len(recent) > RECENT:
            recent.popitem(last=False)

    def _record_writes(self) -> Iterable[Write]:
        for loaded in self._records.values():
            if not loaded.touched:
                continue
            if loaded.base is None:
                yield Insert(loaded.kind.collection, {**loaded.saved, "tenant": loaded.tenant})
            else:
                changed = {name: value for name, value in loaded.saved.items() if loaded.base.get(name, ...) != value}
                query = {"tenant": loaded.tenant, "_id": loaded.saved["_id"], "version": loaded.base["version"]}
                yield Update(loaded.kind.collection, query, {"$set": changed})

    def _request_claim(self, context: ctx.Context) -> Insert | None:
        if not context.request_id or self._answer is None:
            return None
        answer = to_message(self._answer[0], self._answer[1].message)
        return Insert(
            CHANGES,
            {
                "_id": _request_key(context.tenant, context.request_id),
                "tenant": context.tenant,
                "hash": context.request_hash,
                "change": self._rows[-1]["_id"] if self._rows else "",
                "answer_type": answer.DESCRIPTOR.full_name,
                "answer": answer.SerializeToString(),
                "expire_time": undated(self.store.clock) + REQUEST_KEPT,
            },
        )


def _claim(kind: str, key: str, holder: str) -> Document:
    tenant = ctx.current().tenant
    return {"_id": f"{tenant}|{kind}|{key}", "tenant": tenant, "holder": holder}


def _request_key(tenant: str, request_id: str) -> str:
    return f"{tenant}|request|{request_id}"
