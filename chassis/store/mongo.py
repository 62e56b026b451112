"""The real database behind the store: motor or PyMongo's own asynchronous client, whichever the settings name.

The only module that imports a driver. A write of several documents is a transaction with majority write concern; a lost race is
`Busy`, a duplicate id `Taken`, silence of the server `Unavailable`. A commit whose outcome is unknown is asked again (the
server makes that safe), then reported as `Unavailable`.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from itertools import groupby
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
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

from chassis.errors import Busy, Unavailable
from chassis.settings import MongoDriver
from chassis.store.backend import Delete, Document, Index, Insert, Query, Sort, Taken, Update, Write

_OPTIONS: dict[str, Any] = {"tz_aware": True, "serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "retryWrites": True}
_COMMIT_ATTEMPTS = 3


class MongoBackend:
    """One database of one user, as the address says."""

    def __init__(self, uri: str, driver: MongoDriver = MongoDriver.MOTOR, *, listeners: Sequence[Any] = ()) -> None:
        options = {**_OPTIONS, "event_listeners": list(listeners)}
        self._motor = driver is MongoDriver.MOTOR
        self._client: Any = AsyncIOMotorClient(uri, **options) if self._motor else pymongo.AsyncMongoClient(uri, **options)
        self._database: Any = self._client.get_database(
            parse_uri(uri)["database"],
            codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
            write_concern=WriteConcern("majority"),
        )

    async def find_one(self, collection: str, query: Query, projection: Mapping[str, Any] | None = None) -> Document | None:
        """See `Backend`."""
        with _translated():
            found: Document | None = await self._database[collection].find_one(query, projection)
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
    ) -> list[Document]:
        """See `Backend`."""
        source = self._database[collection]
        if majority:
            source = source.with_options(read_concern=ReadConcern("majority"))
        # One round trip for a page: the first batch holds it all.
        cursor = source.find(query, projection, limit=limit, batch_size=limit + 1 if limit else 1000)
        if sort:
            cursor = cursor.sort(list(sort))
        with _translated():
            found: list[Document] = await cursor.to_list(None)
        return found

    async def count(self, collection: str, query: Query, *, limit: int = 0) -> int:
        """See `Backend`."""
        with _translated():
            number: int = await self._database[collection].count_documents(query, **({"limit": limit} if limit else {}))
        return number

    async def write(self, writes: Sequence[Write]) -> None:
        """See `Backend`."""
        if not writes:
            return
        batches = [list(group) for _, group in groupby(sorted(writes, key=_batch_key), key=_batch_key)]
        with _translated():
            if len(writes) == 1:
                await self._run(batches[0], None)
                return
            session = await self._client.start_session() if self._motor else self._client.start_session()
            try:
                started = session.start_transaction()
                if not self._motor:
                    await started
                try:
                    for batch in batches:
                        await self._run(batch, session)
                except BaseException:
                    await session.abort_transaction()
                    raise
                await self._commit(session)
            finally:
                await session.end_session()

    async def _commit(self, session: Any) -> None:
        for attempt in range(_COMMIT_ATTEMPTS):
            try:
                await session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or attempt + 1 == _COMMIT_ATTEMPTS:
                    raise
            else:
                return

    async def _run(self, batch: Sequence[Write], session: Any) -> None:
        collection: Any = self._database[batch[0].collection]
        strict = sum(isinstance(write, Update) and write.strict for write in batch)
        if len(batch) == 1 and isinstance(batch[0], Insert):
            await collection.insert_one(batch[0].document, session=session)
        elif all(isinstance(write, Insert) for write in batch):
            await collection.insert_many([write.document for write in batch if isinstance(write, Insert)], session=session)
        elif len(batch) == 1 and isinstance(batch[0], Update):
            update = batch[0]
            result = await collection.update_one(update.query, update.update, upsert=update.upsert, session=session)
            if result.matched_count < strict:
                raise Busy("the record changed meanwhile")
        else:
            result = await collection.bulk_write([_operation(write) for write in batch], ordered=False, session=session)
            if strict and result.matched_count < strict:
                raise Busy("a record changed meanwhile")

    async def update_many(self, collection: str, query: Query, update: Mapping[str, Any]) -> int:
        """See `Backend`."""
        with _translated():
            result = await self._database[collection].update_many(query, update)
        return int(result.modified_count)

    async def find_one_and_update(
        self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, upsert: bool = False
    ) -> Document | None:
        """See `Backend`."""
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
        if not self._motor:
            await closing


def _batch_key(write: Write) -> tuple[str, int]:
    # Strict updates run apart from others, so that the matched count proves each compare-and-set.
    return write.collection, (2 if write.strict else 1) if isinstance(write, Update) else 0


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
    except BulkWriteError as error:
        failures = error.details.get("writeErrors") or [{}]
        if failures[0].get("code") == 11000:
            raise _taken(failures[0]) from error
        raise Busy("the write lost a race") from error
    except (ServerSelectionTimeoutError, ConnectionFailure) as error:
        raise Unavailable("the database does not answer") from error
    except OperationFailure as error:
        if error.has_error_label("TransientTransactionError") or error.code in (112, 251):
            raise Busy("the write lost a race") from error
        raise


def _taken(failure: Mapping[str, Any]) -> Taken:
    key = failure.get("keyValue") or {}
    return Taken(str(failure.get("errmsg", "")).partition("collection: ")[2].split(" ")[0], str(key.get("_id", key)))
