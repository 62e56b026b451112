"""What the store needs of a database: a handful of primitives, all-or-nothing writes first among them.

Two kinds implement it, the real one (`mongo.py`) and the fake of the test kit (`chassis/testing`); both pass the same tests.
Documents in a query are Mongo's; the fake understands the operators that this code base uses and refuses others.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from chassis.errors import Busy

Document = dict[str, Any]
Query = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


class Taken(Busy):
    """An insert met a document with the same `_id`: another writer was first. `key` is that id."""

    reason = "TAKEN"

    def __init__(self, collection: str, key: str) -> None:
        super().__init__(f"{collection} has {key} already")
        self.collection = collection
        self.key = key


@dataclass(frozen=True, slots=True)
class Insert:
    """Adds a document; `Taken` when its id exists."""

    collection: str
    document: Document


@dataclass(frozen=True, slots=True)
class Update:
    """Changes the one document that `query` names; with `strict`, `Busy` when there is none (compare-and-set)."""

    collection: str
    query: Query
    update: Mapping[str, Any]
    strict: bool = True
    upsert: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes what `query` names, if it is there."""

    collection: str
    query: Query


Write = Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Index:
    """An index that a service declares. `expire_after` makes it a TTL index on its only key."""

    collection: str
    keys: Sequence[tuple[str, int | str]]
    partial: Query | None = None
    unique: bool = False
    expire_after: timedelta | None = None

    @property
    def name(self) -> str:
        """Stable name, so that declaring an index again finds it."""
        return "_".join(f"{key}_{direction}" for key, direction in self.keys)


class Backend(Protocol):
    """The primitives. Each raises `Unavailable` when the database does not answer and `Busy` when a write lost a race."""

    async def find_one(
        self, collection: str, query: Query, projection: Mapping[str, Any] | None = None, *, naive: bool = False
    ) -> Document | None:
        """The first match; `naive` as in `find`."""

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
        """All matches up to `limit` (0: no limit); with `majority`, only what cannot be rolled back any more.

        With `naive`, instants may come without their zone, UTC: for documents that only become messages, at half the cost.
        """

    async def count(self, collection: str, query: Query, *, limit: int = 0) -> int:
        """How many match, counted up to `limit`."""

    async def write(self, writes: Sequence[Write]) -> None:
        """Does all of them or none, durably on a majority when it returns."""

    async def update_many(self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Changes all matches, each for itself; says how many."""

    async def delete_many(self, collection: str, query: Query) -> int:
        """Removes all matches, each for itself; says how many."""

    async def collection_names(self) -> list[str]:
        """The names of all collections, in order."""

    async def find_one_and_update(
        self, collection: str, query: Query, update: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, upsert: bool = False
    ) -> Document | None:
        """Changes one document atomically and returns it as it is afterwards."""

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Runs an aggregation that begins with a `$match` on the tenant."""

    async def ensure_indexes(self, indexes: Sequence[Index]) -> None:
        """Makes the indexes that are missing."""

    def watch(self, collection: str) -> AsyncIterator[Document]:
        """Documents inserted into a collection from now on."""

    async def ping(self) -> None:
        """Proves that the database answers this user."""

    async def close(self) -> None:
        """Lets go of the connections."""


_LEAVING = frozenset({"$lookup", "$unionWith", "$graphLookup", "$out", "$merge", "$where", "$function", "$accumulator"})


def leaving(pipeline: Sequence[Mapping[str, Any]]) -> list[str]:
    """Stages and operators of an aggregation that reach documents beyond those that it began with."""
    return sorted(_LEAVING & set(_names(pipeline)))


def _names(value: Any) -> Iterator[str]:
    """The stages and operators in a pipeline, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
