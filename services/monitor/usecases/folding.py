"""Moves samples from the blocks they came in to the buckets of their series, and complete buckets into roll-ups.

All of it may be done twice: buckets are unions of samples, and of two roll-ups of the same window the fuller one counts.
Blocks go only when their samples are in buckets; so a kill at any place loses nothing, and the next round does the rest.
"""

import asyncio
import logging
import zlib
from array import array
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Busy, Unavailable
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Store, Update
from chassis.store.backend import Delete, Document, Write
from chassis.telemetry import Metrics
from services.monitor.domain.samples import SPAN, Columns, packed, plain, read
from services.monitor.domain.series import hints, public_id
from services.monitor.domain.windows import FIVE_MINUTES, HOUR, combined, kept, windows
from services.monitor.ports import Assets
from services.monitor.usecases.catalog import SERIES, labels_from
from services.monitor.usecases.samples import BLOCKS

BUCKETS = "sample_buckets"
ROLLUPS = "sample_rollups"

DAY = 24 * HOUR
ROLLED = ((FIVE_MINUTES, "5m", DAY), (HOUR, "1h", 16 * DAY))
"""Milliseconds of a window, its name, milliseconds of a document of them."""

ROLL_AFTER = 15 * 60 * 1000
"""How long after its end a bucket waits for late samples, in milliseconds."""
_SURELY_BEFORE = 5 * 60 * 1000  # up to here a bucket is not rolled up yet, also by a holder that was paused
_LATE_STEP = 10 * 60 * 1000
_SEEN_STEP = 10 * 60 * 1000  # how often the last time of a series is written
_SEEN = 300_000  # series of which that is remembered, about 40 MB
_MOST_SAMPLES = 300_000  # in memory at once, about 20 MB
_MOST_BLOCKS = 2_000
_AT_ONCE = 500
_ROLL_AT_ONCE = 100
_MATCH_SECONDS = 300.0
_MATCHES = 20  # portions of series at a time
_UNREADABLE = timedelta(hours=1)  # until a bucket that this release cannot read is tried again
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long samples and roll-ups are kept, after the end of what they tell of."""

    raw: timedelta = timedelta(days=7)
    five_minutes: timedelta = timedelta(days=60)
    hour: timedelta = timedelta(days=400)

    def of(self, name: str) -> timedelta:
        """By the name of a roll-up."""
        return self.five_minutes if name == "5m" else self.hour


class Folding:
    """The work of whoever holds the lease, over all tenants."""

    def __init__(self, store: Store, assets: Assets, retention: Retention, metrics: Metrics, *, every: timedelta) -> None:
        self._store, self._backend, self._assets, self._metrics = store, store.backend, assets, metrics
        self._retention, self._every = retention, every
        self._seen: dict[tuple[str, int], int] = {}
        self._matched = ""
        self._spans: dict[int, tuple[datetime, datetime, datetime]] = {}
        self._lease = Lease(store.backend, "series", "monitor")

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background("series", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        await self._lease.lead(self._rounds)

    async def _rounds(self) -> None:
        matched = float("-inf")
        while True:
            with suppress(Unavailable):  # tried again in the next round
                await self._all_of(self.fold)
                await self._all_of(self.roll)
                if asyncio.get_running_loop().time() - matched > _MATCH_SECONDS:
                    matched = asyncio.get_running_loop().time()
                    await self.match()
            await asyncio.sleep(self._every.total_seconds())

    async def _all_of(self, work: Callable[[], Awaitable[bool]]) -> None:
        more = True
        while more:
            more = await work()

    async def fold(self) -> bool:
        """Moves the oldest blocks; says whether there are more."""
        listed = await self._backend.find(
            BLOCKS, {}, sort=[("_id", 1)], limit=_MOST_BLOCKS, projection={"tenant": 1, "count": 1}
        )
        fitting = [total <= _MOST_SAMPLES for total in accumulate(row["count"] for row in listed)]
        chosen = listed[: max(sum(fitting), 1)]
        self._metrics.samples_pending.set(sum(row["count"] for row in listed))
        by_tenant: dict[str, list[str]] = {}
        for row in chosen:
            by_tenant.setdefault(row["tenant"], []).append(row["_id"])
        for tenant, ids in by_tenant.items():
            blocks = await self._backend.find(BLOCKS, {"tenant": tenant, "_id": {"$in": ids}})
            groups: dict[tuple[int, int], Columns] = {}
            for block in blocks:
                group(block, groups)
                await asyncio.sleep(0)
            await self._write(self._updates(tenant, groups))
            await self._write([Delete(BLOCKS, {"_id": block["_id"], "tenant": tenant}) for block in blocks])
        return len(listed) > len(chosen) or len(listed) == _MOST_BLOCKS

    def _updates(self, tenant: str, groups: dict[tuple[int, int], Columns]) -> Iterable[Write]:
        now = int(self._store.clock().timestamp() * 1000)
        newest: dict[int, int] = {}
        for (number, start), columns in groups.items():
            yield self._bucket(tenant, number, start, columns, now)
            newest[number] = max(newest.get(number, 0), max(columns.times))
        for number, last in newest.items():
            if last - self._seen.get((tenant, number), 0) >= _SEEN_STEP:
                self._seen[tenant, number] = last
                yield Update(
                    SERIES,
                    {"_id": public_id(number), "tenant": tenant},
                    {"$max": {"last_time": _moment(last), "expire_time": _moment(last) + self._retention.hour}},
                    strict=False,
                )
        if len(self._seen) > _SEEN:
            self._seen.clear()

    def _bucket(self, tenant: str, number: int, start: int, columns: Columns, now: int) -> Update:
        series, (begin, expiry, complete) = public_id(number), self._span(start)
        first: dict[str, Any] = {"series": series, "start": begin, "expire_time": expiry}
        update: dict[str, Any] = {"$push": {"chunks": plain(columns, start)}, "$inc": {"pushes": 1}, "$setOnInsert": first}
        if now < start + SPAN + _SURELY_BEFORE:
            first["roll_time"] = complete
        else:
            # It may be rolled up already, and has to be again; the same instant for a while spares the index.
            update["$set"] = {"roll_time": _moment(now - now % _LATE_STEP + _LATE_STEP)}
        return Update(BUCKETS, {"_id": f"{series}|{start}", "tenant": tenant}, update, strict=False, upsert=True)

    def _span(self, start: int) -> tuple[datetime, datetime, datetime]:
        """When a bucket begins, goes, and is complete. Thousands begin at the same time."""
        known = self._spans.get(start)
        if known is None:
            if len(self._spans) > 100:
                self._spans.clear()
            end = start + SPAN
            known = self._spans[start] = _moment(start), _moment(end) + self._retention.raw, _moment(end + ROLL_AFTER)
        return known

    async def roll(self) -> bool:
        """Rolls up buckets that are complete; says whether there are more."""
        due = await self._backend.find(
            BUCKETS, {"roll_time": {"$gt": _EVER, "$lte": self._store.clock()}}, sort=[("roll_time", 1)], limit=_ROLL_AT_ONCE
        )
        try:
            await self._backend.write([write for bucket in due for write in self._rolled(bucket)])
        except Busy:
            # A bucket that was added to meanwhile holds up only itself.
            for bucket in due:
                with suppress(Busy):
                    await self._backend.write(list(self._rolled(bucket)))
            return False
        return len(due) == _ROLL_AT_ONCE

    def _rolled(self, bucket: Document) -> Iterable[Write]:
        tenant, series, start = bucket["tenant"], bucket["series"], _milliseconds(bucket["start"])
        try:
            samples = read(bucket["chunks"], start)
        except (ValueError, zlib.error):
            # Of a newer release, or damaged: others go on, and whoever understands it does it.
            _log.exception("A bucket of samples cannot be read.", extra={"bucket": bucket["_id"]})
            later = {"$set": {"roll_time": self._store.clock() + _UNREADABLE}}
            yield Update(BUCKETS, {"_id": bucket["_id"], "tenant": tenant}, later, strict=False)
            return
        yield Update(
            BUCKETS,
            {"_id": bucket["_id"], "tenant": tenant, "pushes": bucket["pushes"]},
            {"$set": {"chunks": [packed(samples, start)]}, "$unset": {"roll_time": 1}},
        )
        found = windows(samples, FIVE_MINUTES)
        if not found:
            return
        for step, name, length in ROLLED:
            begin = start - start % length
            first = {
                "series": series,
                "resolution": name,
                "start": _moment(begin),
                "expire_time": _moment(begin + length) + self._retention.of(name),
            }
            yield Update(
                ROLLUPS,
                {"_id": f"{series}|{name}|{begin}", "tenant": tenant},
                {"$push": {"chunks": kept(combined(found, step))}, "$setOnInsert": first},
                strict=False,
                upsert=True,
            )

    async def match(self) -> None:
        """Looks for the asset of series that have none: it may have become known after them. Goes on where it ended."""
        for _ in range(_MATCHES):
            rows = await self._backend.find(
                SERIES,
                {"asset_id": "", "_id": {"$gt": self._matched}},
                sort=[("asset_id", 1), ("_id", 1)],
                limit=_AT_ONCE,
                projection={"tenant": 1, "pairs": 1},
            )
            by_tenant: dict[str, list[Document]] = {}
            for row in rows:
                by_tenant.setdefault(row["tenant"], []).append(row)
            for tenant, found in by_tenant.items():
                await self._match(tenant, found)
            self._matched = rows[-1]["_id"] if len(rows) == _AT_ONCE else ""
            if not self._matched:
                return

    async def _match(self, tenant: str, rows: Sequence[Document]) -> None:
        with ctx.use(Context(tenant=tenant, actor=Actor(id="itsm-monitor", kind="service"))):
            assets = await self._assets.of([hints(labels_from(row["pairs"])) for row in rows])
        await self._write(
            Update(SERIES, {"_id": row["_id"], "tenant": tenant}, {"$set": {"asset_id": asset}}, strict=False)
            for row, asset in zip(rows, assets, strict=True)
            if asset
        )

    async def _write(self, writes: Iterable[Write]) -> None:
        portion: list[Write] = []
        for write in writes:
            portion.append(write)
            if len(portion) == _AT_ONCE:
                await self._together(portion)
                portion = []
        await self._together(portion)

    async def _together(self, portion: Sequence[Write]) -> None:
        try:
            await self._backend.write(portion)
        except (Busy, Unavailable):
            raise
        except Exception:  # one document that has become too large, say, would else hold up every series for ever
            for write in portion:
                await self._alone(write)

    async def _alone(self, write: Write) -> None:
        try:
            await self._backend.write([write])
        except (Busy, Unavailable):
            raise
        except Exception:  # the reason is in the log; these samples are given up
            _log.exception("Samples cannot be kept.", extra={"collection": write.collection})


def group(block: Document, found: dict[tuple[int, int], Columns]) -> None:
    """Adds the samples of a block to `found`, by number of their series and beginning of their bucket."""
    for number, time, value in zip(
        array("Q", block["numbers"]), array("q", block["times"]), array("d", block["values"]), strict=True
    ):
        key = number, time - time % SPAN
        columns = found.get(key)
        if columns is None:
            columns = found[key] = Columns.empty()
        columns.times.append(time)
        columns.values.append(value)


def _moment(at: int) -> datetime:
    return _EVER + timedelta(milliseconds=at)


def _milliseconds(moment: datetime) -> int:
    return round((moment - _EVER).total_seconds() * 1000)
