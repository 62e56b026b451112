"""A consumer of incident events, as services have them, that does one effect for each: writes a document of its own.

A process that takes jobs like the load generator. `{"do": "backlog", "most": n}` reads a topic from its first record until
it has handled `n` of them or reached the end, and goes on to the end. `{"do": "live"}` stops it and begins to watch what the
analytics service writes for its figures: how old was an incident when it stood there? `{"do": "report"}` tells. It signs in
as the analytics service, whose groups and database it may use.
"""

import asyncio
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from itsm.incident import v1 as pb
from pymongo import AsyncMongoClient
from pymongo.asynchronous.change_stream import AsyncChangeStream

from bench.load import percentiles
from chassis.domain import SystemClock
from chassis.events.consumer import Consumer
from chassis.events.positions import OFFSETS
from chassis.events.subscriptions import Subscriptions
from chassis.events.versions import SEEN
from chassis.events.wire import Envelope
from chassis.settings import Settings
from chassis.store import Store, Update
from chassis.store.backend import Write
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from services.analytics.projections.incidents import INCIDENTS

COLLECTION = "bench_projection"
_JOINING = 30.0  # seconds after which a topic is taken to be empty
_EVENTS = (pb.IncidentOpened, pb.IncidentUpdated, pb.IncidentStarted, pb.IncidentHeld, pb.IncidentResumed)


class Watched(MongoBackend):
    """The backend, which also says when a batch was through."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.mongo_uri.get_secret_value(), settings.mongo_driver)
        self.arriving = 0
        self.handled = 0
        self.batches = 0
        self.last = time.perf_counter()

    async def write(self, writes: Any) -> None:
        """See `Backend`."""
        fresh: list[Write] = [each for each in writes if each.__class__ is Update and each.collection == COLLECTION]
        await super().write(writes)
        if fresh:
            self.handled += self.arriving
            self.batches += 1
            self.last = time.perf_counter()
            self.arriving = 0


class Reader:
    """The consumer and what it has seen."""

    def __init__(self, environment: dict[str, str], driver: str, group: str) -> None:
        self._group = group
        given = {name.removeprefix("ITSM_").lower(): value for name, value in environment.items()}
        settings = Settings.model_validate({**given, "mongo_driver": driver})
        self._uri = settings.mongo_uri.get_secret_value()
        self._backend = Watched(settings)
        self._client: AsyncMongoClient[dict[str, Any]] | None = None
        self._delays: list[float] = []
        store = Store(self._backend, SystemClock(), ())
        subscriptions = Subscriptions("bench", gather=0.05)  # as the projections of analytics

        async def take(event: Any, envelope: Envelope) -> None:
            async with store.transaction() as tx:
                query = {"_id": f"{group}|{envelope.key}", "tenant": envelope.tenant}
                kept = {"state": event.incident.state, "version": envelope.version, "time": envelope.time}
                tx.write(Update(COLLECTION, query, {"$set": kept}, strict=False, upsert=True))
            self._backend.arriving += 1

        for kind in _EVENTS:
            subscriptions.on(kind)(take)
        consumer = Consumer(store, settings, "analytics", subscriptions, Metrics(), group=group)
        self._task = asyncio.create_task(consumer.run())

    async def backlog(self, most: int) -> dict[str, Any]:
        """Until `most` were handled or nothing came for two seconds."""
        backend = self._backend
        while not backend.handled and not self._task.done() and time.perf_counter() - backend.last < _JOINING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        began, first, batches = time.perf_counter(), backend.handled, backend.batches
        while backend.handled < most and time.perf_counter() - backend.last < 2 and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self._raise()
        count, seconds = backend.handled - first, max(backend.last - began, 1e-6)
        while time.perf_counter() - backend.last < 2 and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return {"count": count, "seconds": seconds, "batch": round(count / max(backend.batches - batches, 1), 1)}

    async def live(self) -> dict[str, Any]:
        """From now on; returns when it watches."""
        self._raise()
        await self._ended()
        self._delays.clear()
        self._client = self._client or AsyncMongoClient[dict[str, Any]](self._uri, tz_aware=True)
        figures = self._client.get_default_database()[INCIDENTS]
        new = [{"$match": {"operationType": "insert"}}, {"$project": {"fullDocument.create_time": 1}}]
        stream = await figures.watch(new, max_await_time_ms=100)
        self._task = asyncio.create_task(self._watch(stream))
        return {}

    async def _watch(self, stream: AsyncChangeStream[dict[str, Any]]) -> None:
        async with stream:
            async for change in stream:
                self._delays.append((datetime.now(UTC) - change["fullDocument"]["create_time"]).total_seconds())

    def report(self) -> dict[str, Any]:
        """How old incidents were when they stood in the figures, in ms."""
        self._raise()
        return {"count": len(self._delays), **percentiles(self._delays)}

    def _raise(self) -> None:
        if self._task.done():
            self._task.result()
            raise RuntimeError("what reads has ended")

    async def _ended(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def stop(self) -> None:
        """Leaves the group, and takes its documents along."""
        await self._ended()
        await self._backend.close()
        if self._client:
            await self._client.close()
        own = {"_id": {"$gte": f"{self._group}|", "$lt": f"{self._group}}}"}}  # `}` follows `|`
        async with AsyncMongoClient[dict[str, Any]](self._uri) as client:
            for collection in (COLLECTION, OFFSETS, SEEN):
                await client.get_default_database()[collection].delete_many(own)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader: Reader | None = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = orjson.loads(line)
        if reader is None:
            reader = Reader(job["environment"], job["driver"], job["group"])
        match job["do"]:
            case "backlog":
                answer = await reader.backlog(job["most"])
            case "live":
                answer = await reader.live()
            case _:
                answer = reader.report()
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
        sys.stdout.flush()
    if reader is not None:
        await reader.stop()


if __name__ == "__main__":
    uvloop.run(_main())
