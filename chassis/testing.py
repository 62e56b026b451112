"""The test kit: a clock that stands still, a database in memory that the store's own tests prove, a caller to act as.

The memory database understands the query and update operators that this code base uses and refuses every other one, so that
a test can never pass on a question which the real one would answer differently.
"""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.context import Actor, Context, refuse_dry_run
from chassis.errors import Busy
from chassis.store.backend import Delete, Document, Index, Insert, Query, Sort, Taken, Update, Write

_MISSING = object()
_RANK = {type(None): 0, bool: 8, int: 1, float: 1, str: 2, dict: 3, list: 4, bytes: 5, datetime: 9}


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> datetime:
        """Moves on by a `timedelta` of these parts and says the new instant."""
        self.now += timedelta(**parts)
        return self.now


def caller(tenant: str = "main", subject: str = "user-1", **more: Any) -> Context:
    """Somebody to act as."""
    return Context(tenant=tenant, actor=Actor(id=subject), **more)


class MemoryBackend:
    """The database of the unit tests; all-or-nothing like the real one."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[Any, Document]] = {}
        self._watchers: list[tuple[str, asyncio.Queue[Document]]] = []

    def _documents(self, collection: str) -> dict[Any, Document]:
        return self.collections.setdefault(collection, {})

    async def find_one(
        self, collection: str, query: Query, projection: Mapping[str, Any] | None = None, *, naive: bool = False
    ) -> Document | None:
        """See `Backend`."""
        found = await self.find(collection, query, limit=1, projection=projection, naive=naive)
        return found[0] if found else None

    async def find(
        self,
        collection: str,
        query: Query,
        *,
        sort: Sort = (),
        limit: int = 0,
        projection: Mapping[str, Any] | None = None,
        majority: bool = False,  # noqa: ARG002 - all that is in memory is on the majority
        naive: bool = False,  # noqa: ARG002 - instants may come without their zone, and need not
    ) -> list[Document]:
        """See `Backend`."""
        found = [document for document in self._documents(collection).values() if matches(document, query)]
        for key, direction in reversed(list(sort)):
            found.sort(key=lambda document: _sort_key(_lookup(document, key)), reverse=direction < 0)
        if projection:
            wanted = {name for name, on in projection.items() if on} | {"_id"}
            found = [{name: value for name, value in document.items() if name in wanted} for document in found]
        return copy.deepcopy(found[:limit] if limit else found)

    async def count(self, collection: str, query: Query, *, limit: int = 0) -> int:
        """See `Backend`."""
        return len(await self.find(collection, query, limit=limit))

    async def write(self, writes: Sequence[Write]) -> None:
        """See `Backend`."""
        refuse_dry_run()
        kept = copy.deepcopy(self.collections)
        inserted: list[tuple[str, Document]] = []
        try:
            for write in writes:
                if isinstance(write, Insert):
                    inserted.append((write.collection, write.document))
                self._apply(write)
        except Busy:
            self.collections = kept
            raise
        for collection, document in inserted:
            for watched, queue in self._watchers:
                if watched == collection:
                    queue.put_nowait(copy.deepcopy(document))

    def _apply(self, write: Write) -> None:
        documents = self._documents(write.collection)
        match write:
            case Insert():
                if write.document["_id"] in documents:
                    raise Taken(write.collection, str(write.document["_id"]))
                documents[write.document["_id"]] = copy.deepcopy(write.document)
            case Delete():
                for key in [key for key, document in documents.items() if matches(document, write.query)][:1]:
                    del documents[key]
            case Update():
                found = next((document for document in documents.values() if matches(document, write.query)), None)
                if found is None and write.upsert:
                    found = {name: value for name, value in write.query.items() if not isinstance(value, Mapping)}
                    _update(found, {"$set": write.update.get("$setOnInsert", {})})
                    documents[found["_id"]] = found
                elif found is None and write.strict:
                    raise Busy("the record changed meanwhile")
                if found is not None:
                    _update(found, {name: part for name, part in write.update.items() if name != "$setOnInsert"})

    async def update_many(self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """See `Backend`. Pipelines, as leases use them, need the real server's clock and are refused."""
        refuse_dry_run()
        if not isinstance(update, Mapping):
            raise NotImplementedError("an update pipeline needs the real database")
        found = [document for document in self._documents(collection).values() if matches(document, query)]
        for document in found:
            _update(document, update)
        return len(found)

    async def delete_many(self, collection: str, query: Query) -> int:
        """See `Backend`."""
        refuse_dry_run()
        documents = self._documents(collection)
        gone = [key for key, document in documents.items() if matches(document, query)]
        for key in gone:
            del documents[key]
        return len(gone)

    async def collection_names(self) -> list[str]:
        """See `Backend`."""
        return sorted(self.collections)

    async def find_one_and_update(
        self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, upsert: bool = False
    ) -> Document | None:
        """See `Backend`. Pipelines are refused as there."""
        refuse_dry_run()
        if not isinstance(update, Mapping):
            raise NotImplementedError("an update pipeline needs the real database")
        self._apply(Update(collection, query, update, strict=False, upsert=upsert))
        return await self.find_one(collection, query)

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Refused: aggregations are tested on the real database."""
        raise NotImplementedError("an aggregation needs the real database")

    async def ensure_indexes(self, indexes: Sequence[Index]) -> None:
        """Nothing to make in memory."""

    async def watch(self, collection: str) -> AsyncIterator[Document]:
        """See `Backend`."""
        queue: asyncio.Queue[Document] = asyncio.Queue()
        self._watchers.append((collection, queue))
        while True:
            yield await queue.get()

    async def ping(self) -> None:
        """Memory always answers."""

    async def close(self) -> None:
        """Nothing to let go of."""


def matches(document: Mapping[str, Any], query: Query) -> bool:
    """Whether Mongo would find the document by this query."""
    for key, condition in query.items():
        match key:
            case "$and":
                fits = all(matches(document, part) for part in condition)
            case "$or":
                fits = any(matches(document, part) for part in condition)
            case "$nor":
                fits = not any(matches(document, part) for part in condition)
            case _:
                fits = _fits(_lookup(document, key), condition)
        if not fits:
            return False
    return True


def _lookup(document: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(document, list):
            found = [_lookup(item, part) for item in document]
            document = [item for item in found if item is not _MISSING]
        elif isinstance(document, Mapping) and part in document:
            document = document[part]
        else:
            return _MISSING
    return document


def _fits(value: Any, condition: Any) -> bool:
    if not (isinstance(condition, Mapping) and any(str(name).startswith("$") for name in condition)):
        return _equals(value, condition)
    return all(_operator(value, name, operand, condition) for name, operand in condition.items())


def _operator(value: Any, name: str, operand: Any, condition: Mapping[str, Any]) -> bool:  # noqa: C901 - a line an operator
    candidates = [value, *value] if isinstance(value, list) else [value]
    match name:
        case "$eq":
            return _equals(value, operand)
        case "$ne":
            return not _equals(value, operand)
        case "$in":
            return any(_equals(value, item) for item in operand)
        case "$nin":
            return not any(_equals(value, item) for item in operand)
        case "$exists":
            return (value is not _MISSING) == bool(operand)
        case "$gt" | "$gte" | "$lt" | "$lte":
            return any(_compares(item, name, operand) for item in candidates)
        case "$not":
            return not _fits(value, operand)
        case "$size":
            return isinstance(value, list) and len(value) == operand
        case "$elemMatch":
            return isinstance(value, list) and any(matches(item, operand) for item in value)
        case "$regex":
            flags = re.IGNORECASE if "i" in condition.get("$options", "") else 0
            return any(isinstance(item, str) and re.search(operand, item, flags) is not None for item in candidates)
        case "$options":
            return True
        case "$type":
            wanted = [operand] if isinstance(operand, str) else operand
            return any(_type_name(item) in wanted for item in candidates)
    raise NotImplementedError(f"the memory database does not know {name}")


def _type_name(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case datetime():
            return "date"
        case list():
            return "array"
        case Mapping():
            return "object"
        case None:
            return "null"
    return "missing"


def _equals(value: Any, wanted: Any) -> bool:
    if value is _MISSING:
        return wanted is None
    if isinstance(value, bool) != isinstance(wanted, bool):
        return isinstance(value, list) and wanted in value
    return bool(value == wanted) or (isinstance(value, list) and any(_equals(item, wanted) for item in value))


def _compares(value: Any, name: str, operand: Any) -> bool:
    if value is _MISSING or _RANK.get(type(value)) != _RANK.get(type(operand)):
        return False
    if value is None:
        return name in ("$gte", "$lte")
    comparisons = {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}
    return bool(comparisons[name])


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is _MISSING or value is None:
        return (0, 0)
    if isinstance(value, list):
        return min((_sort_key(item) for item in value), default=(-1, 0))
    return (_RANK[type(value)], value)


def _update(document: Document, update: Mapping[str, Any]) -> None:  # noqa: C901 - a line an operator
    for operator, parts in update.items():
        for path, value in parts.items():
            *parents, name = path.split(".")
            target = document
            for parent in parents:
                target = target.setdefault(parent, {})
            match operator:
                case "$set":
                    target[name] = copy.deepcopy(value)
                case "$unset":
                    target.pop(name, None)
                case "$inc":
                    target[name] = target.get(name, 0) + value
                case "$max":
                    target[name] = max(target.get(name, value), value)
                case "$min":
                    target[name] = min(target.get(name, value), value)
                case "$push":
                    target.setdefault(name, []).append(copy.deepcopy(value))
                case "$addToSet":
                    kept = target.setdefault(name, [])
                    kept.extend(each for each in dict.fromkeys(value["$each"]) if each not in kept)
                case _:
                    raise NotImplementedError(f"the memory database does not know {operator}")
