"""The series store on a real mongod: what memory cannot prove (races, indexes, patterns, bytes, plans)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from chassis import context as ctx
from chassis.settings import MongoDriver
from chassis.store.migrations import migrate
from chassis.store.mongo import MongoBackend
from chassis.testing import caller
from services.monitor import store as kept_where
from services.monitor.domain.samples import STALE
from services.monitor.domain.selector import parse
from services.monitor.domain.windows import Aggregate
from services.monitor.usecases.catalog import SERIES
from services.monitor.usecases.folding import BUCKETS, ROLLUPS
from services.monitor.usecases.reading import Paging
from services.monitor.usecases.samples import BLOCKS
from services.monitor.usecases.selecting import query_of
from tests.unit.monitor.measuring import Kept, Rows, at

UP = {"__name__": "up", "job": "node"}


@pytest.fixture(params=list(MongoDriver))
async def kept(request: pytest.FixtureRequest, mongo_uri: str) -> AsyncIterator[Kept]:
    """The whole way in and out on a database of its own, with either driver."""
    backend = MongoBackend(mongo_uri, request.param)
    await migrate(backend, kept_where.INDEXES, ())
    yield Kept(backend=backend)
    await backend.close()


async def stored(kept: Kept, collection: str) -> list[dict[str, Any]]:
    return await kept.backend.find(collection, {"tenant": kept.tenant})


async def test_samples_come_out_as_they_went_in_before_and_after_each_move(kept: Kept) -> None:
    counter = [(at(place * 30), place * 60.0) for place in range(-480, 0)]
    for start in range(0, len(counter), 120):
        await kept.write([(UP, counter[start : start + 120])])
        if start:
            await kept.fold()
    asked = {"seconds": -14_400, "until": 0, "step": 600}
    before = {each: await kept.values("up", **asked, aggregate=each) for each in Aggregate}
    assert before[Aggregate.RATE] == {"__name__=up,job=node": [pytest.approx(2.0)] * 24}
    raw = await kept.values("up", -14_400, 0, 30)
    assert raw == {"__name__=up,job=node": [value for _, value in counter]}
    await kept.fold()
    kept.clock.advance(hours=3)
    await kept.folding.roll()
    assert {len(bucket["chunks"]) for bucket in await stored(kept, BUCKETS)} == {1}
    assert {row["resolution"] for row in await stored(kept, ROLLUPS)} == {"5m", "1h"}
    assert await stored(kept, BLOCKS) == []
    assert await kept.values("up", -14_400, 0, 30) == raw
    assert {each: await kept.values("up", **asked, aggregate=each) for each in Aggregate} == before


async def test_the_end_of_a_series_keeps_its_bits(kept: Kept) -> None:
    await kept.write([(UP, [(at(0), 1.0), (at(10), STALE)])])
    assert await kept.values("up", step=60) == {}
    await kept.fold()
    assert await kept.values("up", step=60) == {}
    assert await kept.values("up", step=60, aggregate=Aggregate.COUNT) == {"__name__=up,job=node": [1.0]}


async def test_processes_that_meet_the_same_new_series_at_once_register_it_once(kept: Kept, mongo_uri: str) -> None:
    others = [Kept(backend=MongoBackend(mongo_uri)) for _ in range(3)]
    rows: Rows = [({"__name__": "a", "n": str(n)}, [(at(0), float(n))]) for n in range(700)]
    everybody = [kept, *others]
    done = await asyncio.gather(*(each.write(rows) for each in everybody))
    assert {(each.written, sum(each.refused.values())) for each in done} == {(700, 0)}
    assert len(await stored(kept, SERIES)) == 700
    found = await kept.values('a{n=~"1."}')
    assert found == {f"__name__=a,n={n}": [float(n)] for n in range(10, 20)}
    for each in others:
        await each.backend.close()


async def test_two_that_fold_at_once_lose_nothing_and_double_nothing(kept: Kept, mongo_uri: str) -> None:
    other = Kept(backend=MongoBackend(mongo_uri))
    for place in range(6):
        await kept.write([({"__name__": "a", "n": str(n)}, [(at(place), 1.0)]) for n in range(50)])
    await asyncio.gather(kept.fold(), other.fold(), return_exceptions=True)  # who lost a race does it again in the next round
    await kept.fold()
    assert await stored(kept, BLOCKS) == []
    counted = await kept.values("a", step=3600, aggregate=Aggregate.COUNT)
    assert set(map(tuple, counted.values())) == {(6.0,)}
    assert len(counted) == 50
    await other.backend.close()


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ('up{job="a"}', {"a"}),
        ('{job!="a",__name__="up"}', {"b.c"}),
        ('{job=~"a|d"}', {"a", "d"}),
        (r'{job=~"b\\.c"}', {"b.c"}),
        ('{job=~".+", extra=""}', {"a", "b.c"}),
        ('{job=~".+", extra!=""}', {"d"}),
        ('{job=~".+", extra!~"y.s"}', {"a", "b.c"}),
        ('{job=~".+", extra=~"|yes"}', {"a", "b.c", "d"}),
        ('{"dotted.name"="x y=z"}', {"d"}),
    ],
)
async def test_the_database_selects_as_memory_does(kept: Kept, match: str, names: set[str]) -> None:
    await kept.write(
        [
            ({"__name__": "up", "job": "a"}, [(at(0), 1.0)]),
            ({"__name__": "up", "job": "b.c"}, [(at(0), 1.0)]),
            ({"__name__": "down", "job": "d", "extra": "yes", "dotted.name": "x y=z"}, [(at(0), 1.0)]),
        ]
    )
    with ctx.use(caller()):
        page, _ = await kept.reading.page("", "", match, Paging())
    labels = [dict(pair.split("=", 1) for pair in row["pairs"]) for row in page]
    assert {each["job"] for each in labels} == names
    assert all(parse(match).fits(each) for each in labels)


async def test_pages_of_series_with_a_filter(kept: Kept) -> None:
    await kept.write([({"__name__": f"m{n % 3}", "n": str(n)}, [(at(0), 1.0)]) for n in range(30)])
    seen, token = [], ""
    with ctx.use(caller()):
        while True:
            rows, token = await kept.reading.page('name = "m1"', "", "", Paging(4, token))
            seen += [row["_id"] for row in rows]
            if not token:
                break
    assert len(seen) == len(set(seen)) == 10


async def test_what_is_asked_for_often_has_an_index(kept: Kept, mongo_uri: str) -> None:
    await kept.write([({"__name__": "m", "n": str(n)}, [(at(0), 1.0)]) for n in range(20)])
    client: Any = AsyncMongoClient(mongo_uri)
    database = client.get_default_database()
    questions = {
        SERIES: query_of(parse('m{n="3"}')) | {"tenant": "main"},
        BLOCKS: {"tenant": "main"},
    }
    for collection, query in questions.items():
        plan = await database.command("explain", {"find": collection, "filter": query}, verbosity="queryPlanner")
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), collection
    for collection in (SERIES, BUCKETS, ROLLUPS):
        indexes = await (await database[collection].list_indexes()).to_list(None)
        assert any(index.get("expireAfterSeconds") == 0 and "expire_time" in index["key"] for index in indexes), collection
    await client.close()
