"""What a queue costs at a million incidents, and whether timers that fall due together fire once each.

`python -m bench.desk [--records N] [--timers N] [--mongo URI]` prints one JSON object; without an address a backing is started.
The incidents are made by the domain, varied, and written into the bench's own database as they would be stored; what is
measured is the service's own code on the real database: list, count, filter, the timer. Gateway and gRPC cost what they cost
any read. The load of the machine is told with the figures.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo

from bench.data import SEED
from bench.plan import QUEUE, QUEUE_FACETS, TIMERS
from chassis import context as ctx
from chassis.codec import to_document
from chassis.context import Actor, Context
from chassis.domain import SystemClock
from chassis.due import DueWorker
from chassis.listing.facets import Faceted, Facets, asking
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from services.incident import store as kept
from services.incident.domain.incident import Incident
from services.incident.domain.levels import Moment, ServiceLevels
from services.incident.domain.states import State
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Asked, Reading
from stack.console import Console
from stack.options import Options
from stack.supervisor import running

QUESTIONS = 100
TENANT, DATABASE = "bench", "bench_desk"
_OPEN = "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)"
_TEAMS, _PEOPLE, _REQUESTERS, _SERVICES, _ASSETS = 40, 400, 20_000, 300, 50_000
_CATEGORIES = ("Mail", "Network", "Accounts", "Printing", "Applications", "Servers", "Telephony", "Workplace")
_DAYS, _PIECE = 730, 5_000
_OPEN_SHARE = 0.02
_CONTEXT = Context(tenant=TENANT, actor=Actor(id="usr_1"))
_FACETS = "state,priority,teamId,category"

Document = dict[str, Any]


def incidents(count: int, now: datetime) -> Iterator[Document]:
    """As they are stored: two years of them, of which the last are open."""
    chance = random.Random(SEED)  # noqa: S311 - nothing is kept secret with it
    levels = ServiceLevels()
    made = Incident.open(
        Moment(at=now, by="usr_1", levels=levels), id="inc_0", number="INC0", title="Printer jams", description="x" * 200
    )
    pattern = to_document(made)
    for number in range(count):
        at = now - timedelta(days=_DAYS) * (1 - (number + 1) / count)
        is_open = chance.random() < (_OPEN_SHARE if number < count * 0.97 else 0.4)
        state = chance.choice(("NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD")) if is_open else State.CLOSED.value
        word = "".join(chance.choices("aeioulnrst", k=7))
        yield {
            **pattern,
            "_id": f"inc_{number:026d}",
            "number": f"INC{number:07d}",
            "title": f"{chance.choice(_CATEGORIES)} does not {word}",
            "tenant": TENANT,
            "state": state,
            "priority": chance.choices(("P1", "P2", "P3", "P4"), (2, 4, 84, 10))[0],
            "team_id": f"team_{min(int(chance.expovariate(0.12)), _TEAMS - 1)}" if state != "NEW" else "",
            "assignee_id": f"usr_{chance.randrange(_PEOPLE)}" if state not in ("NEW", "ASSIGNED") else "",
            "requester_id": f"emp_{chance.randrange(_REQUESTERS)}",
            "service_id": f"ast_{chance.randrange(_SERVICES)}",
            "asset_ids": [f"ast_{chance.randrange(_ASSETS)}"] if chance.random() < 0.5 else [],
            "category": chance.choice(_CATEGORIES),
            "create_time": at,
            "update_time": min(now, at + timedelta(hours=chance.expovariate(1 / 30))),
            "next_due_time": None,
            "clocks": [],
            "version": 4,
        }


def questions(chance: random.Random) -> dict[str, tuple[str, str]]:
    """What people keep open all day: filter and order by name. One person, team and word each time anew."""
    team, person = f"team_{min(int(chance.expovariate(0.12)), _TEAMS - 1)}", f"usr_{chance.randrange(_PEOPLE)}"
    return {
        "newest": ("", ""),
        "open": (_OPEN, ""),
        "open of a team": (f'teamId = "{team}" AND {_OPEN}', ""),
        "open of a team, last touched": (f'teamId = "{team}" AND {_OPEN}', "updateTime desc"),
        "mine": (f'assigneeId = "{person}" AND {_OPEN}', ""),
        "nobody's": (f'assigneeId = "" AND {_OPEN}', "createTime"),
        "heavy": (f"priority IN (P1, P2) AND {_OPEN}", "updateTime desc"),
        "of a category": (f'category = "{chance.choice(_CATEGORIES)}" AND priority = P1', ""),
        "of a service": (f'serviceId = "ast_{chance.randrange(_SERVICES)}"', ""),
        "of an asset": (f'assetIds = "ast_{chance.randrange(_ASSETS)}"', ""),
        "reported by": (f'requesterId = "emp_{chance.randrange(_REQUESTERS)}"', ""),
    }


async def lists(uri: str, records: int) -> dict[str, Any]:
    """Milliseconds of a page of 50 and of its facets, by what is asked."""
    backend = MongoBackend(uri)
    clock = SystemClock()
    store = Store(backend, clock, kept.KINDS, kept.INDEXES)
    reading = Reading(store, kept.listings(b"k" * 32, clock))
    began = time.perf_counter()
    await asyncio.to_thread(_fill, uri, incidents(records, clock()))
    await backend.ensure_indexes([index for index in kept.INDEXES if index.collection == kept.INCIDENTS])
    filled = time.perf_counter() - began
    rows: dict[str, Any] = {}
    for name in questions(random.Random(SEED)):  # noqa: S311 - as above
        chance = random.Random(f"{SEED}{name}")  # noqa: S311 - as above
        asked = [questions(chance)[name] for _ in range(QUESTIONS)]
        rows[name] = {
            "page": await _timed([lambda each=each: _page(reading, each) for each in asked]),  # type: ignore[misc]
            "facets": await _timed([lambda each=each: _facets(reading, each) for each in asked[: QUESTIONS // 4]]),  # type: ignore[misc]
        }
    await backend.close()
    return {"records": records, "fill_seconds": round(filled, 1), "questions": rows}


def _fill(uri: str, documents: Iterator[Document]) -> None:
    with pymongo.MongoClient(uri) as client:
        collection = client.get_default_database()[kept.INCIDENTS]
        piece: list[Document] = []
        for document in documents:
            piece.append(document)
            if len(piece) == _PIECE:
                collection.insert_many(piece, ordered=False)
                piece = []
        if piece:
            collection.insert_many(piece, ordered=False)


async def _page(reading: Reading, asked: tuple[str, str]) -> None:
    with ctx.use(_CONTEXT):
        await reading.page(Incident, Asked(filter=asked[0], order_by=asked[1], size=50, token=""))


async def _facets(reading: Reading, asked: tuple[str, str]) -> None:
    with suppress(Faceted), ctx.use(_CONTEXT), asking(Facets.of(_FACETS)):
        await reading.page(Incident, Asked(filter=asked[0], order_by=asked[1], size=50, token=""))


async def _timed(asks: Sequence[Callable[[], Awaitable[None]]]) -> dict[str, float]:
    took = []
    for ask in asks:
        start = time.perf_counter()
        await ask()
        took.append(1000 * (time.perf_counter() - start))
    took.sort()
    return {"p50": round(took[len(took) // 2], 2), "p99": round(took[min(len(took) - 1, int(len(took) * 0.99))], 2)}


async def timers(uri: str, count: int) -> dict[str, Any]:
    """So many incidents whose next step falls into one minute: how long until all are told, and whether each was, once."""
    backend = MongoBackend(uri)
    store = Store(backend, SystemClock(), kept.KINDS, kept.INDEXES)
    await backend.ensure_indexes(kept.INDEXES)
    levels, chance = ServiceLevels(), random.Random(SEED)  # noqa: S311 - as above
    sample = Incident.open(Moment(at=datetime.now(UTC), by="usr_1", levels=levels), id="inc_0", number="INC0", title="x")
    wait = (sample.next_due_time or sample.create_time) - sample.create_time
    lead, minute = 30 + count / 5_000, 60.0
    due = datetime.now(UTC) + timedelta(seconds=lead)

    def made() -> Iterator[Document]:
        for number in range(count):
            at = due + timedelta(seconds=minute * chance.random()) - wait
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            moment = Moment(at=at, by="usr_1", levels=levels)
            incident = Incident.open(moment, id=f"inc_{number:026d}", number=f"INC{number:07d}", title="Printer jams")
            incident.take_recorded()
            incident.version = 1
            yield {**to_document(incident), "tenant": f"{TENANT}{number % 20}"}

    await asyncio.to_thread(_fill, uri, made())
    tell = Escalations(store, Policies(store))
    worker = DueWorker(
        store, "incident", kept.INCIDENTS, kept.DUE_FIELD, tell.escalate, Metrics(), name="sla", together=tell.together
    )
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    began, used = time.perf_counter(), time.process_time()
    work = asyncio.create_task(worker.rounds())
    last = 0
    while last < count and time.perf_counter() - began < 1_200:
        await asyncio.sleep(0.5)
        last = await backend.count("changes", {"type": "itsm.incident.v1.IncidentEscalated", "version": 2})
    seconds, cost = time.perf_counter() - began, time.process_time() - used
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    twice = await backend.aggregate(
        "changes",
        [
            {"$match": {"version": 2}},
            {"$group": {"_id": "$subject", "n": {"$sum": 1}}},
            {"$match": {"n": {"$gt": 1}}},
            {"$count": "n"},
        ],
    )
    await backend.close()
    return {
        "timers": count,
        "due_within_seconds": minute,
        "told": last,
        "told_twice": twice[0]["n"] if twice else 0,
        "all_after_seconds": round(seconds, 1),
        "each_second": round(last / seconds, 1),
        "cpu_ms": round(1000 * cost / max(last, 1), 3),
    }


@asynccontextmanager
async def _database(address: str) -> AsyncIterator[str]:
    """A database of the bench's own, which goes with the block."""
    if address:
        async with _emptied(address):
            yield _named(address)
        return
    with tempfile.TemporaryDirectory(prefix="itsm-bench-desk-") as folder:
        async with running(Options(state=Path(folder), only_backing=True, light=True), Console()) as stack:
            yield _named(stack.mongo.root_uri)


@asynccontextmanager
async def _emptied(address: str) -> AsyncIterator[None]:
    with pymongo.MongoClient(address) as client:
        client.drop_database(DATABASE)
        try:
            yield
        finally:
            client.drop_database(DATABASE)


def _named(address: str) -> str:
    head, _, options = address.partition("/?")
    return f"{head}/{DATABASE}?{options}"


async def measured(address: str, *, records: int, count: int) -> dict[str, Any]:
    """Both, with the load of the machine before and after."""
    report: dict[str, Any] = {"operation": "desk", "load_before": os.getloadavg(), "seed": SEED}
    if records:
        async with _database(address) as uri:
            report["lists"] = await lists(uri, records)
    if count:
        async with _database(address) as uri:
            report["timers"] = await timers(uri, count)
    return report | {"load_after": os.getloadavg()}


async def rows(records: int, count: int) -> list[dict[str, Any]]:
    """The same as rows of the bench: the slowest page, the slowest counts of what is open, and the timers."""
    report = await measured("", records=records, count=count)
    told, timer = report["lists"]["questions"], report["timers"]
    filters = {name: asked for name, (asked, _) in questions(random.Random(SEED)).items()}  # noqa: S311 - as above
    asks = {"page": list(told), "facets": [name for name, asked in filters.items() if _OPEN in asked]}
    found = []
    for what, target in (("page", QUEUE), ("facets", QUEUE_FACETS)):
        slowest = {figure: max(told[name][what][figure] for name in asks[what]) for figure in ("p50", "p99")}
        kinds = {name: told[name][what] for name in asks[what]}
        row = {"operation": f"queue {what}", "records": records, **slowest, "kinds": kinds, "cpu": {}}
        found.append(row | {"targets": [target.judge(slowest[target.figure])]})
    seconds = timer["all_after_seconds"]
    wrong = timer["timers"] - timer["told"] + timer["told_twice"]
    row = {"operation": "timers", "count": count, "cpu_ms": timer["cpu_ms"], "seconds": seconds, "errors": wrong, "cpu": {}}
    return [*found, row | {"targets": [TIMERS.judge(seconds)]}]


def main() -> int:
    """Measures; exit status 1 when a timer was not told of exactly once."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description="Queues and timers of the desk.")
    parser.add_argument("--records", type=int, default=100_000, help="how many incidents there are to be listed; 0 for none")
    parser.add_argument("--timers", type=int, default=5_000, help="how many fall due within a minute; 0 for none")
    parser.add_argument("--mongo", default="", help="address of a database server to use; without it a backing is started")
    parsed = parser.parse_args()
    report = asyncio.run(measured(parsed.mongo, records=parsed.records, count=parsed.timers))
    print(json.dumps(report, indent=1))
    fired = report.get("timers", {"told": 0, "timers": 0, "told_twice": 0})
    return 0 if fired["told"] == fired["timers"] and not fired["told_twice"] else 1


if __name__ == "__main__":
    sys.exit(main())
