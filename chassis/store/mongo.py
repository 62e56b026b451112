"""The real database behind the store: motor or PyMongo's own asynchronous client, whichever the settings name.

The only module that imports a driver. A write of several documents is a transaction with majority write concern; a lost race is
`Busy`, a duplicate id `Taken`, silence of the server `Unavailable`. A commit whose outcome is unknown is asked again (the
server makes that safe), then reported as `Unavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import UTC
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pymongo
from bson import decode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from chassis.context import refuse_dry_run
from chassis.errors import Busy, Unavailable
from chassis.settings import MongoDriver
from chassis.store.backend import Delete, Document, Index, Insert, Query, Sort, Taken, Update, Write
from chassis.trust import bundle

_OPTIONS: dict[str, Any] = {"tz_aware": True, "serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "retryWrites": True}
_COMMIT_ATTEMPTS = 3
_NAIVE: CodecOptions[Document] = CodecOptions()
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
_THREADS = 16  # transactions at once of one process
_DUPLICATE = 11000
_RACES = frozenset({112, 251})  # WriteConflict, NoSuchTransaction
_FULL = 14031  # OutOfDiskSpace
_REFUSED = 18  # AuthenticationFailed: of a user that is not there yet, or whose password has just been changed

Steps = Generator[Any, Any, None]


class MongoBackend:
    """One database of one user, as the address says."""

    def __init__(
        self,
        uri: str,
        driver: MongoDriver = MongoDriver.MOTOR,
        *,
        listeners: Sequence[Any] = (),
        authorities: Path | None = None,
    ) -> None:
        """`authorities` are trusted, beside the system's, where the address asks for TLS."""
        options = {**_OPTIONS, "event_listeners": list(listeners)}
        asked = parse_uri(uri)["options"] if uri else {}
        if authorities is not None and asked.get("tls") and "tlsCAFile" not in asked:
            options["tlsCAFile"] = bundle(authorities)
        self._motor = driver is MongoDriver.MOTOR
        self._client: Any = AsyncIOMotorClient(uri, **options) if self._motor else pymongo.AsyncMongoClient(uri, **options)
        # A transaction is one call in a thread: motor would hop to one and back for every step of it.
        self._threads = ThreadPoolExecutor(_THREADS, "mongo") if self._motor else None
        self._database: Any = self._client.get_database(
            parse_uri(uri)["database"],
            codec_options=_AWARE,
            write_concern=WriteConcern("majority"),
        )
        self._naive: Any = self._database.with_options(codec_options=_NAIVE)
        # A page that motor's thread takes apart lies in the caches of the wrong core: it hands the bytes over instead.
        self._undecoded: Any = self._database.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))

    async def find_one(
        self, collection: str, query: Query, projection: Mapping[str, Any] | None = None, *, naive: bool = False
    ) -> Document | None:
        """See `Backend`."""
        source = (self._naive if naive else self._database)[collection]
        with _translated():
            found: Document | None = await source.find_one(query, projection)
        return found

    async def find(
        self,
        collection: str,
        query: Query,
        *,
        sort: Sort = (),
        limit: int = 0,
        projection: Mapping[str, Any] | None = None,
        majority: bool = False,
        naive: bool = False,
    ) -> list[Document]:
        """See `Backend`."""
        source = (self._undecoded if self._motor else self._naive if naive else self._database)[collection]
        if majority:
            source = source.with_options(read_concern=ReadConcern("majority"))
        # One round trip for a page: the first batch holds it all.
        cursor = source.find(query, projection, limit=limit, batch_size=limit + 1 if limit else 1000)
        if sort:
            cursor = cursor.sort(list(sort))
        with _translated():
            found: list[Any] = await cursor.to_list(None)
        if self._motor:
            options = _NAIVE if naive else _AWARE
            return [decode(each.raw, options) for each in found]
        return found

    async def count(self, collection: str, query: Query, *, limit: int = 0) -> int:
        """See `Backend`."""
        with _translated():
            number: int = await self._database[collection].count_documents(query, **({"limit": limit} if limit else {}))
        return number

    async def write(self, writes: Sequence[Write]) -> None:
        """See `Backend`. A caller that is canceled does not know what became of it, as with silence during a commit."""
        if not writes:
            return
        refuse_dry_run()
        batches = _batches(writes)
        with _translated():
            if self._motor:
                steps = _steps(self._client.delegate, self._database.delegate, batches, alone=len(writes) == 1)
                run = partial(copy_context().run, _run_blocking, steps)
                await asyncio.get_running_loop().run_in_executor(self._threads, run)
            else:
                await _run(_steps(self._client, self._database, batches, alone=len(writes) == 1))

    async def update_many(self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """See `Backend`."""
        refuse_dry_run()
        with _translated():
            result = await self._database[collection].update_many(query, update)
        return int(result.modified_count)

    async def delete_many(self, collection: str, query: Query) -> int:
        """See `Backend`."""
        refuse_dry_run()
        with _translated():
            result = await self._database[collection].delete_many(query)
        return int(result.deleted_count)

    async def collection_names(self) -> list[str]:
        """See `Backend`."""
        with _translated():
            names: list[str] = await self._database.list_collection_names(filter={"type": "collection"})
        return sorted(name for name in names if not name.startswith("system."))

    async def find_one_and_update(
        self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, upsert: bool = False
    ) -> Document | None:
        """See `Backend`."""
        refuse_dry_run()
        with _translated():
            found: Document | None = await self._database[collection].find_one_and_update(
                query, update, upsert=upsert, return_document=ReturnDocument.AFTER
            )
        return found

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """See `Backend`."""
        with _translated():
            cursor = self._database[collection].aggregate(list(pipeline), allowDiskUse=True)
            if not self._motor:
                cursor = await cursor
            found: list[Document] = await cursor.to_list(None)
        return found

    async def ensure_indexes(self, indexes: Sequence[Index]) -> None:
        """See `Backend`."""
        with _translated():
            for index in indexes:
                options: dict[str, Any] = {"name": index.name, "unique": index.unique}
                if index.partial is not None:
                    options["partialFilterExpression"] = dict(index.partial)
                if index.expire_after is not None:
                    options["expireAfterSeconds"] = int(index.expire_after.total_seconds())
                await self._database[index.collection].create_index(list(index.keys), **options)

    async def watch(self, collection: str) -> AsyncIterator[Document]:
        """See `Backend`."""
        stream = self._database[collection].watch([{"$match": {"operationType": "insert"}}])
        with _translated():
            async with stream if self._motor else await stream as changes:
                async for change in changes:
                    yield change["fullDocument"]

    async def ping(self) -> None:
        """An authenticated read: an anonymous ping would pass against somebody else's server too."""
        with _translated():
            await self._database["migrations"].find_one({}, {"_id": 1})

    async def close(self) -> None:
        """See `Backend`."""
        closing = self._client.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        else:
            await closing


def _steps(client: Any, database: Any, batches: Sequence[Sequence[Write]], *, alone: bool) -> Steps:
    """All or nothing; a single write is no transaction. For a client that blocks as for one that is awaited."""
    if alone:
        yield from _apply(database, batches[0], None)
        return
    session = client.start_session()
    try:
        yield session.start_transaction()
        try:
            for batch in batches:
                yield from _apply(database, batch, session)
        except BaseException:
            yield session.abort_transaction()
            raise
        yield from _commit(session)
    finally:
        yield session.end_session()


def _commit(session: Any) -> Steps:
    for attempt in range(_COMMIT_ATTEMPTS):
        try:
            yield session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or attempt + 1 == _COMMIT_ATTEMPTS:
                raise
        else:
            return


def _apply(database: Any, batch: Sequence[Write], session: Any) -> Steps:
    collection: Any = database[batch[0].collection]
    strict = sum(isinstance(write, Update) and write.strict for write in batch)
    if len(batch) == 1 and isinstance(batch[0], Insert):
        yield collection.insert_one(batch[0].document, session=session)
    elif all(isinstance(write, Insert) for write in batch):
        yield collection.insert_many([write.document for write in batch if isinstance(write, Insert)], session=session)
    elif len(batch) == 1 and isinstance(batch[0], Update):
        update = batch[0]
        result = yield collection.update_one(update.query, update.update, upsert=update.upsert, session=session)
        if result.matched_count < strict:
            raise Busy("the record changed meanwhile")
    else:
        # What is released may be claimed again in the same step: the order then counts.
        ordered = len({type(write) for write in batch}) > 1
        result = yield collection.bulk_write([_operation(write) for write in batch], ordered=ordered, session=session)
        if strict and result.matched_count < strict:
            raise Busy("a record changed meanwhile")


def _run_blocking(steps: Steps) -> None:
    """Each step has been done, or has raised inside of the generator, when it is handed out."""
    result = None
    with suppress(StopIteration):
        while True:
            result = steps.send(result)


async def _run(steps: Steps) -> None:
    """Each step is handed out to be awaited; how it ended is told to the generator."""
    result, error = None, None
    with suppress(StopIteration):
        while True:
            waiting = steps.send(result) if error is None else steps.throw(error)
            result, error = None, None
            try:
                result = await waiting
            except BaseException as raised:  # the generator cleans up, and raises it again
                error = raised


def _batches(writes: Sequence[Write]) -> list[list[Write]]:
    """Writes that go in one call each. What inserts or removes goes before what updates, but where an upsert meets it."""
    upserted = {_named(write) for write in writes if isinstance(write, Update) and write.upsert}
    met = {_named(write) for write in writes if upserted and not isinstance(write, Update)} & upserted
    as_said = {collection for collection, _ in met}

    def key(write: Write) -> tuple[str, int]:
        if not isinstance(write, Update):
            return write.collection, 0
        # Strict updates run apart from others, so that the matched count proves each compare-and-set.
        return write.collection, 2 if write.strict else 0 if write.collection in as_said else 1

    return [list(group) for _, group in groupby(sorted(writes, key=key), key=key)]


def _named(write: Write) -> tuple[str, str]:
    named = write.document if isinstance(write, Insert) else write.query
    return write.collection, str(named.get("_id"))


def _operation(write: Write) -> Any:
    match write:
        case Insert():
            return InsertOne(write.document)
        case Update():
            return UpdateOne(write.query, write.update, upsert=write.upsert)
        case Delete():
            return DeleteOne(write.query)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as error:
        raise _taken(error.details or {}) from error
    except (ServerSelectionTimeoutError, ConnectionFailure) as error:
        raise Unavailable("the database does not answer") from error
    except OperationFailure as error:
        failure = ((error.details or {}).get("writeErrors") or [{}])[0] if isinstance(error, BulkWriteError) else {}
        if failure.get("code") == _DUPLICATE:
            raise _taken(failure) from error
        if error.has_error_label("TransientTransactionError") or {error.code, failure.get("code")} & _RACES:
            raise Busy("the write lost a race") from error
        if _FULL in (error.code, failure.get("code")):
            raise Unavailable("the database has no room") from error
        if error.code == _REFUSED:
            raise Unavailable("the database refuses this user") from error
        raise


def _taken(failure: Mapping[str, Any]) -> Taken:
    key = failure.get("keyValue") or {}
    return Taken(str(failure.get("errmsg", "")).partition("collection: ")[2].split(" ")[0], str(key.get("_id", key)))
