"""What a question about impact costs: a tree and a chain of a thousand assets, in memory and through the stack.

Like the mass of incidents, the assets go through the store's own writes with rows that are not pending; the service hears of
them as it hears of what another process committed. Their ids are fixed, so that a stack keeps them for the next run.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from itsm.asset import v1 as pb

from bench.cpu import Meter, foreign_share, per_operation
from bench.data import SEED
from bench.measure import Bench
from bench.plan import IMPACT, IMPACT_IN_MEMORY
from chassis import context as ctx
from chassis.codec import to_document
from chassis.domain import Aggregate, SystemClock, uuid7
from chassis.settings import MongoDriver
from chassis.store import CHANGES, Insert, Kind
from chassis.store.changes import change_row
from chassis.store.mongo import MongoBackend
from services.asset.domain.asset import Asset
from services.asset.domain.graph import Graph, Item, Link
from services.asset.domain.impact import Downwards
from services.asset.domain.relation import Relation, RelationKind
from services.asset.store import KINDS

SIZE = 1_000
SHAPES = ("tree", "chain")
SERVING = ("gateway", "asset", "mongo", "kafka")
_BRANCHES = 10
_BATCH = 200
_KNOWN_WITHIN = 60.0
_SETTLE = 0.3
_KINDS: dict[type[Aggregate], Kind] = {kind.aggregate: kind for kind in KINDS}


async def rows(bench: Bench) -> list[dict[str, Any]]:
    """A row for each shape and way in, and one for each shape without any way in."""
    await _load(bench.description["backing"]["mongo"]["uris"]["asset"], bench.tenant)
    found = [_in_memory(bench, shape) for shape in SHAPES]
    return found + [await _cell(bench, shape, transport) for transport in bench.transports() for shape in SHAPES]


def asset_id(shape: str, place: int) -> str:
    """The id of one of the thousand; place 0 is the one above all others."""
    return f"ast_bench{shape}{place:06d}"


def above(shape: str, place: int) -> int:
    """Which one serves it."""
    return (place - 1) // _BRANCHES if shape == "tree" else place - 1


def _in_memory(bench: Bench, shape: str) -> dict[str, Any]:
    graph = Graph()
    graph.put_all(
        (Item(asset_id(shape, place), f"{shape} {place}", "server", "IN_USE", "MEDIUM") for place in range(SIZE)),
        (Link(f"{place}", asset_id(shape, above(shape, place)), asset_id(shape, place), "USES") for place in range(1, SIZE)),
    )
    count, began = 0, time.process_time()
    while (used := time.process_time() - began) < min(bench.plan.seconds, 1.0):
        count += len(Downwards(graph, [0]).down) == SIZE
    row: dict[str, Any] = {
        "operation": f"{shape} in memory",
        "driver": bench.driver,
        "seed": SEED,
        "records": SIZE,
        "count": count,
        "cpu": {},
        "cpu_ms": round(1000 * used / count, 3),
    }
    row["targets"] = [IMPACT_IN_MEMORY.judge(row["cpu_ms"])]
    bench.say(f"impact of a {shape} in memory {row['cpu_ms']:.2f} ms CPU")
    return row


async def _cell(bench: Bench, shape: str, transport: str, concurrency: int = 8) -> dict[str, Any]:
    async def run(seconds: float) -> dict[str, Any]:
        job: dict[str, Any] = {"id": asset_id(shape, 0), "hits": SIZE}
        return await bench.run("impact", transport, concurrency, seconds, bench.plan.most, service="asset", **job)

    async with asyncio.timeout(_KNOWN_WITHIN):
        while (await run(bench.plan.warm_seconds))["errors"]:  # noqa: ASYNC110 - the service is about to hear of the assets
            await asyncio.sleep(0.5)
    meter = Meter({**bench.description["processes"], "load generator": bench.generator.pid})
    before, began = meter.read(), time.perf_counter()
    result = await run(bench.plan.seconds)
    await asyncio.sleep(_SETTLE)
    after, seconds = meter.read(), time.perf_counter() - began
    cpu = per_operation(before, after, result["count"])
    client = cpu.pop("load generator")
    row: dict[str, Any] = {
        "operation": f"impact of a {shape}",
        "transport": transport,
        "concurrency": concurrency,
        "driver": bench.driver,
        "seed": SEED,
        "records": SIZE,
        **{name: result[name] for name in ("count", "errors", "first_error", "p50", "p95", "p99") if name in result},
        "throughput": round(result["count"] / result["seconds"], 1),
        "cpu": cpu,
        "cpu_ms": round(sum(ms for name, ms in cpu.items() if name in SERVING), 3),
        "client_cpu_ms": client,
        "foreign_share": foreign_share(before, after, seconds),
    }
    row["targets"] = [IMPACT.judge(row["cpu_ms"])] if transport == "rest" else []
    bench.say(f"{transport:5}{row['operation']:20} {row['cpu_ms']:6.2f} ms CPU {row['throughput']:7.0f}/s")
    return row


async def _load(uri: str, tenant: str) -> None:
    backend = MongoBackend(uri, MongoDriver.PYMONGO)
    try:
        known: set[str] = set()
        for kind, prefix in ((Asset, "ast_bench"), (Relation, "rel_bench")):
            query = {"tenant": tenant, "_id": {"$gt": prefix, "$lt": f"{prefix}~"}}
            known |= {row["_id"] for row in await backend.find(_KINDS[kind].collection, query, projection={"_id": 1})}
        missing = ((one, event) for shape in SHAPES for one, event in _made(shape) if one.id not in known)
        # Rows are made right before they are written, as those of the service are: their ids say when that was.
        while batch := [write for one, event in islice(missing, _BATCH) for write in _kept(one, event, tenant)]:
            await backend.write(batch)
    finally:
        await backend.close()


def _made(shape: str) -> Iterator[tuple[Aggregate, Any]]:
    """Assets and relations, each with its event."""
    now = SystemClock()()
    for place in range(SIZE):
        if place:
            relation = Relation.make(
                id=f"rel_bench{shape}{place:06d}",
                provider_id=asset_id(shape, above(shape, place)),
                consumer_id=asset_id(shape, place),
                kind=RelationKind.USES,
                at=now,
            )
            yield relation, pb.RelationAdded()
        name = f"{shape} {place}"
        asset = Asset(id=asset_id(shape, place), name=name, class_="server", create_time=now, update_time=now)
        yield asset, pb.AssetCreated(source="manual")


def _kept(aggregate: Aggregate, event: Any, tenant: str) -> tuple[Insert, Insert]:
    kind = _KINDS[type(aggregate)]
    aggregate.version = 1
    document = to_document(aggregate)
    context = ctx.Context(tenant=tenant, actor=ctx.Actor(id="bench"))
    row = change_row(kind, context, event, None, document, SystemClock()())
    del row["pending"]
    return Insert(kind.collection, {**document, "tenant": tenant}), Insert(CHANGES, {**row, "_id": uuid7()})
