"""Change rows → Kafka: in order for each record, at least once, whatever dies in between (docs/architecture.md, "Events").

Rows that this process commits come through memory; those of other replicas, of a former life of this one and those that
memory had no room for are read from `pending`. Sixteen shards, a lease for each, share the work between replicas; order
and completeness rest on versions, never on the leases.

Fails: never towards a writer. While Kafka is away rows stay pending, beyond 20,000 or 64 MiB in the database alone. A row
that cannot be sent stops its own record, with an error in the log and a metric, and is tried again at every sweep.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from chassis import telemetry
from chassis.errors import Unavailable
from chassis.events import wire
from chassis.events.order import Lanes
from chassis.events.publisher import Outgoing, Publisher, TooLarge
from chassis.events.shards import Shards
from chassis.failpoints import OFF, Failpoints
from chassis.service import Service, Stage
from chassis.settings import Settings
from chassis.store import CHANGES, Store
from chassis.store.backend import Document
from chassis.telemetry import Metrics

_log = logging.getLogger(__name__)

_FLYING = 2_000  # unanswered rows: bounds what a lost producer repeats
_TAKE = 500
_GATHER_SECONDS = 0.015  # after a send, so that a busy process sends a few requests with many rows, not one a row
_CLEAR_SECONDS, _CLEAR_ROWS = 0.1, 500
_SWEEP_SECONDS = 5.0
_PAGE = 500
_COUNTED = 100_000
_ORDER = [("shard", 1), ("_id", 1)]  # that of the index


class Relay:
    """Publishes the changes of one service."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        service: str,
        metrics: Metrics,
        failpoints: Failpoints = OFF,
        *,
        topic: str = "",
        audit_topic: str = wire.AUDIT_TOPIC,
    ) -> None:
        self._store, self._backend, self._metrics, self._failpoints = store, store.backend, metrics, failpoints
        self._source = wire.Source(settings.installation, service, settings.epoch)
        self._topic, self._audit_topic = topic or wire.topic_of(service), audit_topic
        self._publisher = Publisher(settings)
        self._lanes = Lanes()
        self._shards = Shards(store.backend, f"{service}-{uuid4().hex}", self._gained, self._lanes.drop)
        self._wake = asyncio.Event()
        self._sweep_now = asyncio.Event()
        self._clearing: list[tuple[str, str]] = []
        self._clear_now = asyncio.Event()
        self._unswept: set[int] = set()
        self._overflowed = False
        store.on_commit(self._committed)

    def _committed(self, rows: Sequence[Document]) -> None:
        mine = self._shards.mine
        for row in rows:
            if row["shard"] in mine and not self._lanes.offer(row):
                self._overflowed = True
        self._wake.set()

    def _gained(self, shards: frozenset[int]) -> None:
        self._unswept |= shards
        self._sweep_now.set()

    def attach(self, service: Service) -> None:
        """Makes it part of a process: publishing goes on until the last request is answered."""
        service.background("relay", self.run, stage=Stage.PRODUCER)
        service.on_stop(Stage.PRODUCER, self.drain)

    async def run(self) -> None:
        """Publishes until it is canceled; gives its shards back then."""
        # What an earlier run had under way is found again in the database.
        self._lanes.clear()
        self._gained(self._shards.mine)
        try:
            async with asyncio.TaskGroup() as tasks:
                for loop in (self._shards.run, self._publish, self._clear, self._sweep, self._listen):
                    tasks.create_task(loop())
        finally:
            await self._close()

    async def drain(self, seconds: float = 5.0) -> None:
        """Waits until what was committed here is out and cleared, at most `seconds`. For a stop, while `run` still runs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._lanes.count or self._publisher.flying or self._clearing:  # noqa: ASYNC110 - four conditions
                    await asyncio.sleep(0.02)

    async def _close(self) -> None:
        with suppress(Unavailable):  # the next holder finds the rows pending, and the leases end by themselves
            await self._clear_some()
            await self._shards.release()
        await self._publisher.close()

    async def _publish(self) -> None:
        while True:
            await self._publisher.ready()
            self._wake.clear()
            room = _FLYING - self._publisher.flying
            leaving, settled, unsure = self._lanes.take(min(_TAKE, room)) if room > 0 else ([], [], [])
            self._settle(settled)
            if leaving:
                await self._failpoints.reached("R5")
                await self._send(leaving)
                await asyncio.sleep(_GATHER_SECONDS)
            if unsure:
                await self._look_up(unsure)
            if not leaving and not unsure:
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):  # so that a silent producer is noticed
                        await self._wake.wait()

    async def _send(self, rows: list[Document]) -> None:
        links = [row["trace"] for row in rows if row.get("trace")]
        with telemetry.span(f"send {self._topic}", telemetry.SpanKind.PRODUCER, links=links):
            for row in rows:
                try:
                    records = self._told(row)
                except Exception as error:  # whatever is in a row, it stops its own record alone
                    self._stop(row, "unspeakable", error)
                else:
                    await self._publisher.send(records, partial(self._answered, row))

    def _told(self, row: Document) -> list[Outgoing]:
        key, headers = wire.key_of(row).encode(), wire.headers_of(row, self._source)
        event = Outgoing(self._topic, key, row["data"].encode(), headers)
        return [event, Outgoing(self._audit_topic, key, wire.audit_value(row), headers)]

    def _stop(self, row: Document, reason: str, error: Exception) -> None:
        _log.error("A change cannot be published.", extra={"change": row["_id"], "type": row["type"]}, exc_info=error)
        self._lanes.failed(row, reason)

    def _answered(self, row: Document, error: Exception | None) -> None:
        if error is None:
            self._lanes.acknowledged(row)
            self._metrics.events_published.labels(row["type"]).inc()
            self._settle([row])
        elif isinstance(error, TooLarge):
            self._stop(row, "too large", error)
        else:
            self._lanes.failed(row)
        self._wake.set()

    def _settle(self, rows: list[Document]) -> None:
        self._clearing.extend((row["tenant"], row["_id"]) for row in rows)
        if len(self._clearing) >= _CLEAR_ROWS:
            self._clear_now.set()

    async def _look_up(self, rows: list[Document]) -> None:
        """Finds out whether the predecessors of rows are published: by their own rows, on the majority."""
        wanted = [{"tenant": row["tenant"], "subject": row["subject"], "version": row["version"] - 1} for row in rows]
        try:
            found = await self._backend.find(CHANGES, {"$or": wanted}, majority=True)
        except Unavailable:
            self._lanes.again(rows)
            await asyncio.sleep(_CLEAR_SECONDS)
            return
        before = {(wire.key_of(row), row["version"]): row for row in found}
        for row in rows:
            key = wire.key_of(row)
            previous = before.get((key, row["version"] - 1))
            if previous is None:
                _log.error("A change is missing before this one.", extra={"change": row["_id"], "type": row["type"]})
                self._lanes.block(row, "predecessor missing")
            elif not previous.get("pending"):
                self._lanes.published(key, previous["version"])
            else:
                self._overflowed |= not self._lanes.precede(previous)

    async def _clear(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLEAR_SECONDS):
                    await self._clear_now.wait()
            self._clear_now.clear()
            if self._clearing:
                await self._failpoints.reached("R6")
            with suppress(Unavailable):  # they stay noted, and are cleared with the next ones
                await self._clear_some()

    async def _clear_some(self) -> None:
        cleared = self._clearing[: 4 * _CLEAR_ROWS]
        if cleared:
            tenants, ids = sorted({tenant for tenant, _ in cleared}), [id for _, id in cleared]  # noqa: A001 - the field's name
            query = {"tenant": {"$in": tenants}, "_id": {"$in": ids}}
            await self._backend.update_many(CHANGES, query, {"$unset": {"pending": ""}})
            del self._clearing[: len(cleared)]

    async def _sweep(self) -> None:
        while True:
            seconds = 0.2 if self._overflowed and self._lanes.count < _FLYING else self._shards.sweep_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._sweep_now.wait()
            self._sweep_now.clear()
            with suppress(Unavailable):  # the next sweep comes soon
                await self._sweep_once()

    async def _sweep_once(self) -> None:
        mine, gained = self._shards.mine, frozenset(self._unswept)
        self._lanes.revive()
        # While thousands wait in memory already, reading more of them would only cost.
        if self._lanes.count < _FLYING:
            inherited, complete = 0, True
            async for row in self._pending(sorted(mine)):
                inherited += row["shard"] in gained
                if not self._lanes.offer(row):
                    complete = False
                    break
            self._overflowed = not complete
            if complete:
                self._unswept -= gained
            if inherited:
                # The former holder may have published them without coming to say so.
                self._metrics.events_duplicated.inc(inherited)
                _log.info("Pending changes taken over.", extra={"rows": inherited, "shards": len(gained)})
            self._wake.set()
        await self._measure(mine)

    async def _pending(self, shards: list[int]) -> AsyncIterator[Document]:
        """What waits in these shards, one after the other: where nothing does, that is one question."""
        after: dict[str, Any] = {}
        while shards:
            query = {"pending": True, "shard": {"$in": shards}, **after}
            page = await self._backend.find(CHANGES, query, sort=_ORDER, limit=_PAGE, majority=True)
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            last = page[-1]
            shards = [shard for shard in shards if shard >= last["shard"]]
            after = {"$or": [{"shard": {"$gt": last["shard"]}}, {"shard": last["shard"], "_id": {"$gt": last["_id"]}}]}

    async def _measure(self, mine: frozenset[int]) -> None:
        pending = 0
        if mine:
            pending = await self._backend.count(CHANGES, {"pending": True, "shard": {"$in": sorted(mine)}}, limit=_COUNTED)
        self._metrics.changes_pending.set(pending)
        oldest = self._lanes.oldest
        age = (self._store.clock() - oldest).total_seconds() if oldest is not None else 0.0
        self._metrics.changes_oldest_pending.set(max(age, 0.0))
        self._metrics.changes_blocked_keys.set(len(self._lanes.blocked))

    async def _listen(self) -> None:
        """Hears of other replicas' commits, while there are other replicas. It only wakes: what it misses, sweeps find."""
        while True:
            await self._shards.accompanied.wait()
            try:
                async for row in self._backend.watch(CHANGES):
                    if row.get("pending") and row["shard"] in self._shards.mine and not self._lanes.offer(row):
                        self._overflowed = True
                    self._wake.set()
                    if not self._shards.accompanied.is_set():
                        break
            except Unavailable:
                await asyncio.sleep(1)
            self._sweep_now.set()
