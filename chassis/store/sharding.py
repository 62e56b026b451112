"""Where a document lies when there are several shards: by its tenant, then by a hash of its id (docs/scale.md).

There is one rule, so that a collection cannot be forgotten: whatever is not named in `INSTALLATION` is sharded. An id is unique
within its tenant, because one tenant's document of one id has one place; nothing else may be unique but a claim's id.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chassis.store.backend import Document, Index, Query

TENANT = "tenant"
SHARD_KEY: tuple[tuple[str, int | str], ...] = ((TENANT, 1), ("_id", "hashed"))

INSTALLATION: Mapping[str, str] = {
    "attempts": "one row for each record that may have killed a process, for a day",
    "issuer_keys": "the last keys of each issuer of tokens",
    "leases": "one row for each background work and relay shard",
    "migrations": "one row for each migration",
    "offsets": "one row for each group and partition",
    "policies": "the present table of roles",
}
"""Collections of the installation, none of a tenant's, a few hundred rows at most → what is in them. They are not sharded."""

_WRITES_ONE = {"update": "updates", "delete": "deletes"}


def compatible(index: Index) -> bool:
    """Whether a sharded collection can have the index: a unique one has to begin with the fields of the shard key."""
    leading = [name for name, _ in index.keys[: len(SHARD_KEY)]]
    return not index.unique or index.collection in INSTALLATION or leading == [name for name, _ in SHARD_KEY]


def across(indexes: Sequence[Index]) -> dict[str, set[str]]:
    """Collection → fields that are looked for over all tenants: those that an index begins with, other than the tenant."""
    found: dict[str, set[str]] = {}
    for index in indexes:
        first = index.keys[0][0]
        if first != TENANT and index.expire_after is None:
            found.setdefault(index.collection, set()).add(first)
    return found


def named(query: Query, field: str) -> bool:
    """Whether every match has a value of `field` that the query says: by equality, or one of a list."""
    if field in query:
        value = query[field]
        operators = isinstance(value, Mapping) and any(str(name).startswith("$") for name in value)
        return not operators or "$eq" in value or "$in" in value
    either = query.get("$or", ())
    return any(named(part, field) for part in query.get("$and", ())) or bool(
        either and all(named(part, field) for part in either)
    )


def asked(command: str, body: Mapping[str, Any]) -> Iterator[tuple[Query | None, bool]]:
    """What a command of the driver looks for, and whether it needs one shard that the key names.

    No query stands for an insert. Raises `ValueError` for a command that nobody has thought about.
    """
    match command:
        case "find":
            yield body.get("filter", {}), False
        case "count":
            yield body.get("query", {}), False
        case "aggregate":
            first: Mapping[str, Any] = next(iter(body["pipeline"]), {})
            if "$changeStream" not in first:  # it is told by every shard, and only wakes
                yield first.get("$match", {}), False
        case "findAndModify":
            yield body.get("query", {}), True
        case "update" | "delete":
            for each in body[_WRITES_ONE[command]]:
                many = bool(each.get("multi")) or (command == "delete" and each.get("limit") == 0)
                yield each["q"], not many
        case "insert":
            yield None, True
        case _:
            raise ValueError(f"nobody has said where {command} goes")


def astray(command: str, body: Mapping[str, Any], scans: Mapping[str, set[str]], whole: Mapping[str, str]) -> str:
    """Why a command cannot be sent to the shards that it is about; empty when it can, or is about the installation.

    What writes one document names tenant and id. What reads, or writes many, names the tenant, or says that all are meant, or
    goes along the ids, or names a field that an index of the collection begins with (`scans`, see `across`), or asks for a
    collection that is read as a whole (`whole`).
    """
    collection = str(body[command])
    if collection in INSTALLATION:
        return ""
    for query, single in asked(command, body):
        if query is None:
            lacking = [document for document in body.get("documents", ()) if not _placed(document)]
            if lacking:
                return f"{collection}: inserted without a tenant: {lacking[0]}"
        elif single:
            if not (named(query, TENANT) and named(query, "_id")):
                return f"{collection}: {command} of one document without tenant and id: {query}"
        elif not (
            named(query, TENANT)
            or collection in whole
            or _everywhere(query)
            or _mentioned(query) & scans.get(collection, set())
        ):
            return f"{collection}: {command} over all tenants that no index serves: {query}"
    return ""


def _everywhere(query: Query) -> bool:
    """Whether it says that every tenant is meant, or goes along the ids: each shard has an index for either."""
    ids = query.get("_id")
    return query.get(TENANT) == {"$gt": ""} or (isinstance(ids, Mapping) and bool({"$gt", "$gte"} & ids.keys()))


def _placed(document: Document) -> bool:
    return isinstance(document.get(TENANT), str) and "_id" in document


def _mentioned(query: Query) -> set[str]:
    return {name for name in query if not name.startswith("$")} | {
        name for part in query.get("$and", ()) for name in _mentioned(part)
    }


def statements(database: str, collections: Sequence[str]) -> list[dict[str, Any]]:
    """The commands that shard a database's collections, for a router's `admin` database; each may be given again."""
    sharded = sorted(set(collections) - INSTALLATION.keys())
    keyed = ({"shardCollection": f"{database}.{collection}", "key": dict(SHARD_KEY)} for collection in sharded)
    return [{"enableSharding": database}, *keyed]
