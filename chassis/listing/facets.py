"""Facets of a list: how often each value of some fields occurs among what a filter finds, for the same caller.

A list is asked for as ever, with the names of the fields in the metadata of the call; its filter, its permission and the row
scope are those of the list, because it is the list. The store counts where it would have read a page, and the counts leave
beside an answer that stays empty. At most 10,000 records are looked at. Where only `TOTAL`
is named, the records are counted and nothing else, up to 100,000.

Fails: `Invalid` on `fields` for a name that the list does not have, or whose values are not such that one counts them.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import orjson

from chassis.errors import Invalid
from chassis.listing.fields import Field, Fields, Kind

ASKED_KEY = "facets"  # in the metadata of a call: names, separated by commas
ANSWER_KEY = "facets-bin"  # in the trailing metadata of its answer
LOOKED_AT = 10_000
MAX_FIELDS = 5
TOTAL = "*"
COUNTED = 100_000
"""Up to how many records are counted exactly where nothing else is asked."""
MAX_VALUES = 20
_LARGEST = 6_000  # bytes: gRPC carries 8 KiB beside an answer
_COUNTED = frozenset({Kind.ENUM, Kind.BOOL, Kind.KEYWORD})


class Faceted(Exception):
    """No error: the list was counted instead of read. `answer` is what leaves beside the empty answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("the list was counted")
        self.answer = answer


@dataclass(slots=True)
class Facets:
    """What one call asks for; a listing that is asked for a page fills in where the fields are stored."""

    names: Sequence[str]
    fields: dict[str, Field] = field(default_factory=dict)
    settled: bool = False

    @classmethod
    def of(cls, text: str) -> "Facets | None":
        """What the metadata asks for; `None` where it asks for nothing."""
        return cls(list(dict.fromkeys(text.split(",")))) if text else None

    def settle(self, known: Fields) -> None:
        """Looks the names up in the allow-list of a list. Raises `Invalid`."""
        self.settled = True
        if self.names == [TOTAL]:
            return
        if len(self.names) > MAX_FIELDS:
            raise Invalid({"fields": f"may name {MAX_FIELDS} fields"})
        for name in self.names:
            found = known.get(name)
            if found is None or found.keyed or found.kind not in _COUNTED or found.path == "_id":
                raise Invalid({"fields": f"{name[:100]}: has no values that are counted here"})
            self.fields[name] = found

    def pipeline(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The aggregation that counts; one document comes of it."""
        branches: dict[str, list[dict[str, Any]]] = {"looked_at": [{"$count": "n"}]}
        for place, item in enumerate(self.fields.values()):
            branches[f"f{place}"] = list(_branch(item))
        # What is not asked for is not named, not even the id: an index that holds the rest then spares reading the records.
        paths = {item.path.partition(".")[0]: 1 for item in self.fields.values()} or {"tenant": 1}
        identified = {"_id": int(any(item.many for item in self.fields.values()))}
        most = LOOKED_AT if self.fields else COUNTED
        return [{"$match": dict(query)}, {"$limit": most + 1}, {"$project": identified | paths}, {"$facet": branches}]

    def answer(self, found: Mapping[str, Any]) -> bytes:
        """The counts as they travel; rare values are left out where there are too many to tell."""
        looked_at = found["looked_at"][0]["n"] if found["looked_at"] else 0
        if not self.fields:
            return zlib.compress(orjson.dumps({"count": min(looked_at, COUNTED), "capped": looked_at > COUNTED}))
        told = {name: found[f"f{place}"] for place, name in enumerate(self.fields)}
        for most in (MAX_VALUES, MAX_VALUES // 2, MAX_VALUES // 4, 1):
            facets = {name: _told(rows, most) for name, rows in told.items()}
            packed = zlib.compress(orjson.dumps({"facets": facets, "capped": looked_at > LOOKED_AT}))
            if len(packed) <= _LARGEST:
                return packed
        raise Invalid({"fields": "the values are too long to be told"})


_asked: ContextVar[Facets | None] = ContextVar("itsm_facets", default=None)


def asked() -> Facets | None:
    """What the running call asks for."""
    return _asked.get()


@contextmanager
def asking(facets: Facets | None) -> Iterator[None]:
    """Makes lists inside the block be counted."""
    token = _asked.set(facets)
    try:
        yield
    finally:
        _asked.reset(token)


def unpacked(answer: bytes) -> bytes:
    """The counts as JSON."""
    return zlib.decompress(answer)


def _branch(item: Field) -> Sequence[dict[str, Any]]:
    value: Any = f"${item.path}"
    last: list[dict[str, Any]] = [{"$sort": {"n": -1, "_id": 1}}, {"$limit": MAX_VALUES + 1}]
    if not item.many:
        return [{"$group": {"_id": {"$ifNull": [value, None]}, "n": {"$sum": 1}}}, *last]
    parts = item.path.split(".")
    unwound = [{"$unwind": "$" + ".".join(parts[: end + 1])} for end in range(len(parts))]
    # A record counts once for a value, however often the value occurs in it.
    once = {"$group": {"_id": {"record": "$_id", "value": value}}}
    return [*unwound, once, {"$group": {"_id": "$_id.value", "n": {"$sum": 1}}}, *last]


def _told(rows: Sequence[Mapping[str, Any]], most: int) -> dict[str, Any]:
    values = [{"value": row["_id"], "count": row["n"]} for row in rows[:most]]
    return {"values": values, "more": len(rows) > most}
