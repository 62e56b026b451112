"""Filters, orders and pages mean the same to mongod as to a predicate in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient

from chassis.listing import Field, Kind, Listing, compile_predicate, compile_query, parse

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
NAIVE = NOW.replace(tzinfo=None)
FIELDS = {
    "id": Field(path="_id", sortable=True),
    "title": Field(path="title", kind=Kind.TEXT, sortable=True),
    "state": Field(path="state", kind=Kind.ENUM, values=("NEW", "OPEN", "DONE"), sortable=True),
    "createTime": Field(path="create_time", kind=Kind.TIMESTAMP, sortable=True),
    "count": Field(path="count", kind=Kind.NUMBER, sortable=True),
    "enabled": Field(path="enabled", kind=Kind.BOOL, sortable=True),
    "target": Field(path="target", kind=Kind.DURATION),
    "tags": Field(path="tags", many=True),
    "remarks": Field(path="remarks", kind=Kind.TEXT, many=True),
    "clocks.due": Field(path="clocks.due", kind=Kind.TIMESTAMP, many=True),
    "clocks.steps.name": Field(path="clocks.steps.name", many=True),
    "place.city": Field(path="place.city"),
    "labels": Field(path="labels", keyed=True),
}
SLOW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
async def things(backing: dict[str, Any]) -> AsyncIterator[Any]:
    client = AsyncIOMotorClient(backing["mongo"]["root_uri"])
    name = f"itsm_listing_test_{uuid4().hex}"
    yield client[name]["things"]
    await client.drop_database(name)
    client.close()


# Letters whose upper and lower case engines disagree about, and signs that mean something in a pattern.
_letters = st.sampled_from("aAäÄiIkK\u00df\u1e9e\u0131\u0130\u017f\u212a\u03a3\u03c2\u01c5\U0001f600[.\\$^#\n ")
_texts = st.lists(_letters, max_size=4).map("".join)
_hours = st.integers(-30, 2).map(lambda hours: timedelta(hours=hours, microseconds=hours * 900))
_moments = _hours.map(lambda back: NAIVE + back) | _hours.map(lambda back: NOW + back)
_numbers = st.one_of(
    st.integers(-2, 3),
    st.sampled_from([0.5, 2.0, -0.0, float("inf"), float("nan"), 2**53 + 1, float(2**53), 2**63 - 1, -(2**63)]),
)
_keywords = st.sampled_from(["a", "b", "c", "true", "null", ""])
_anything = st.one_of(st.none(), st.booleans(), st.integers(0, 2), _keywords, _moments, st.just([]), st.just({}))


def _stored(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, values, _anything, st.lists(st.one_of(values, _anything), max_size=3))


_steps = st.fixed_dictionaries({}, optional={"name": _stored(_keywords)})
_clocks = st.fixed_dictionaries({}, optional={"due": _stored(_moments), "steps": _stored(_steps)})
_documents = st.fixed_dictionaries(
    {},
    optional={
        "title": _stored(_texts),
        "state": _stored(st.sampled_from(["NEW", "OPEN", "DONE", "PARKED"])),
        "create_time": _stored(_moments),
        "count": _stored(_numbers),
        "enabled": _stored(st.booleans()),
        "target": _stored(st.sampled_from(["PT90S", "PT5400S", "PT0.5S"])),
        "tags": _stored(st.lists(_keywords, max_size=3)),
        "remarks": _stored(st.lists(_texts, max_size=3)),
        "clocks": _stored(st.lists(_clocks, max_size=3)),
        "place": _stored(st.fixed_dictionaries({}, optional={"city": _stored(_keywords)})),
        "labels": st.dictionaries(st.sampled_from(["a", "0", "b"]), _stored(_keywords), max_size=2) | _keywords,
    },
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _comparisons(names: list[str], operators: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    name = st.sampled_from(names)
    return st.one_of(
        st.tuples(name, st.sampled_from(operators), values).map(" ".join),
        st.tuples(name, st.lists(values, min_size=1, max_size=3)).map(lambda pair: f"{pair[0]} IN ({','.join(pair[1])})"),
        st.tuples(name, st.sampled_from([":*", "= null", "!= null"])).map(" ".join),
    )


_all = ["=", "!=", "<", "<=", ">", ">=", ":"]
_same = ["=", "!=", ":"]
_words = ["tags", "clocks.steps.name", "place.city", "labels.a", "labels.0"]
_written_times = st.one_of(
    _hours.map(lambda back: (NOW + back).isoformat()),
    st.sampled_from(["now()", 'ago("3h")', 'ago("90m")', 'startOfDay("Europe/Berlin")', 'startOfDay("Asia/Kolkata")']),
)
_written_numbers = st.sampled_from(
    ["-1", "0", "1", "2", "2.0", "0.5", "1e3", "9007199254740993", "9007199254740992.0", "9223372036854775807"]
)
_atoms = st.one_of(
    _comparisons(["title", "remarks"], _all, _texts.filter(bool).map(_quoted)),
    _comparisons(["state"], _same, st.sampled_from(["NEW", '"OPEN"', "DONE"])),
    _comparisons(["createTime", "clocks.due"], _all, _written_times),
    _comparisons(["count"], _all, _written_numbers),
    _comparisons(["enabled"], _same, st.sampled_from(["true", "false"])),
    _comparisons(["target"], _same, st.sampled_from(["90s", '"1h30m"', "500ms"])),
    _comparisons(_words, _all, _keywords.map(_quoted)),
)
_filters = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        inner.map(lambda text: f"NOT ({text})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " AND ".join(f"({part})" for part in parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " OR ".join(f"({part})" for part in parts)),
    ),
    max_leaves=5,
)


@SLOW
@given(st.lists(_documents, min_size=1, max_size=8), st.lists(_filters, min_size=1, max_size=6))
@example([{"count": float("nan")}, {"count": [None]}, {"count": []}], ["count != 1", "count:*", "NOT (count <= 2)"])
@example([{"title": letter} for letter in "kK\u212aiI\u0130\u0131s\u017f"], ["title:k", "title:i", "title:s"])
async def test_mongod_and_the_predicate_choose_the_same_documents(
    things: Any, documents: list[dict[str, Any]], filters: list[str]
) -> None:
    await things.delete_many({})
    await things.insert_many([{"_id": index, **document} for index, document in enumerate(documents)])
    for text in filters:
        tree = parse(text, FIELDS)
        by_store = [row["_id"] async for row in things.find(compile_query(tree, NOW)).sort("_id", 1)]
        predicate = compile_predicate(tree, lambda: NOW)
        in_memory = [index for index, document in enumerate(documents) if predicate(document)]
        assert by_store == in_memory, text


_rows = st.lists(
    st.fixed_dictionaries(
        {"_id": st.text("abc", min_size=1, max_size=3)},
        optional={
            "title": st.none() | _texts,
            "state": st.none() | st.sampled_from(["NEW", "OPEN"]),
            "create_time": st.none() | _moments,
            "count": st.none() | st.integers(0, 2) | st.sampled_from([0.5, 2.0]),
            "enabled": st.none() | st.booleans(),
        },
    ),
    unique_by=lambda row: row["_id"],
    min_size=1,
    max_size=20,
)
_orders = st.lists(
    st.sampled_from(["title", "state", "createTime", "count", "enabled", "id"]), unique=True, max_size=3
).flatmap(lambda names: st.tuples(*(st.sampled_from([name, f"{name} desc"]) for name in names)).map(", ".join))


@SLOW
@given(_rows, _rows, _orders, st.integers(1, 5), st.data())
async def test_a_walk_over_mongod_gives_each_row_exactly_once_during_inserts(
    things: Any, before: list[dict[str, Any]], inserted: list[dict[str, Any]], order: str, size: int, data: st.DataObject
) -> None:
    await things.delete_many({})
    await things.insert_many(before)
    waiting = [row for row in inserted if row["_id"] not in {row["_id"] for row in before}]
    stored = list(before)
    listing = Listing("things", FIELDS, "id", b"k" * 32, lambda: NOW)
    seen: list[str] = []
    token = ""
    while True:
        page = listing.page("main", order_by=order, page_size=size, page_token=token)
        found = await things.find(page.query).sort(page.sort).limit(page.limit).to_list(None)
        in_memory = sorted((row for row in stored if page.predicate(row)), key=page.sort_key)[: page.limit]
        assert [row["_id"] for row in found] == [row["_id"] for row in in_memory]
        rows, token = page.cut(found)
        seen.extend(row["_id"] for row in rows)
        if not token:
            break
        for _ in range(data.draw(st.integers(0, len(waiting)))):
            stored.append(waiting.pop())
            await things.insert_one(stored[-1])
    assert len(seen) == len(set(seen))
    assert {row["_id"] for row in before} <= set(seen)


@pytest.mark.parametrize("order", ["createTime desc", "createTime"])
async def test_a_page_far_behind_reads_no_more_of_the_index_than_the_first(things: Any, order: str) -> None:
    direction = -1 if order.endswith("desc") else 1
    await things.create_index([("tenant", 1), ("create_time", direction), ("_id", 1)])
    # Every time is shared by four rows, so that pages begin among equals.
    rows = [
        {"_id": f"{index:05}", "tenant": "main", "create_time": NOW + timedelta(seconds=index // 4), "count": index % 2}
        for index in range(4000)
    ]
    await things.insert_many(rows)
    listing = Listing("things", FIELDS, order, b"k" * 32, lambda: NOW)
    first = listing.page("main", "count = 1", page_size=50)
    in_order = sorted(rows, key=first.sort_key)
    far = listing.page("main", "count = 1", page_size=50, page_token=first.next_token(in_order[3001]))
    for page in (first, far):
        plan = await things.database.command(
            "explain",
            {
                "find": things.name,
                "filter": {"tenant": "main", **page.query},
                "sort": dict(page.sort),
                "limit": page.limit,
            },
            verbosity="executionStats",
        )
        assert plan["executionStats"]["nReturned"] == 51
        assert plan["executionStats"]["totalKeysExamined"] <= 120
