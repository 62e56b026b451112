"""The figures of a dashboard in one answer. What several tiles ask, or several people at once, is asked of the store once.

A figure is the same for everybody of a tenant with the same row scope, so that it may be kept for a moment: a wall of screens
costs what one costs.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from chassis import context as ctx
from chassis.domain import Clock
from chassis.errors import Denied, Invalid
from services.analytics.domain.dashboard import USUAL_DAYS
from services.analytics.domain.definitions import GroupBy, group_named
from services.analytics.domain.facts import midnight
from services.analytics.domain.summary import Row
from services.analytics.domain.tile import MOST_DAYS, Tile, TileKind, bounds, fault
from services.analytics.usecases.kpis import Figure, Kpis

FRESH = 3.0
"""For how many seconds a figure is not asked for again."""
MOST_GROUPS = 50
LONGEST = timedelta(days=3_660)
_MOST_KEPT, _AT_ONCE = 500, 4
_NEEDED = "kpis.get"
_BACKLOG = "incident-backlog"

Period = tuple[datetime | None, datetime | None]
_Question = tuple[str, str, str, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileData:
    """What one tile shows; a figure, or why there is none."""

    tile_id: str
    figure: Figure | None = None
    previous: Figure | None = None
    fault: str = ""
    left_out: int = 0
    start: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What all tiles show."""

    tiles: list[TileData]
    start: datetime
    end: datetime
    at: datetime
    questions: int
    etag: str


class DashboardData:
    """Computes tiles."""

    def __init__(self, kpis: Kpis, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kpis, self._clock, self._monotonic = kpis, clock, monotonic
        self._kept: OrderedDict[tuple[str, bytes, _Question], tuple[float, asyncio.Future[Figure]]] = OrderedDict()
        self._door = asyncio.Semaphore(_AT_ONCE)

    async def of(
        self,
        tiles: Sequence[Tile],
        days: int = 0,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        edition: int = 0,
    ) -> Data:
        """What these tiles show. Raises `Invalid` for too many and for a period that makes no sense, `Denied`."""
        if _NEEDED not in ctx.current().permissions:
            raise Denied(_NEEDED)
        now = self._clock()
        begin, until = _period(days, start, end, now)
        if wrong := {name: text for name, text in bounds(tiles).items() if name == "tiles"}:
            raise Invalid(wrong)
        asked: dict[_Question, asyncio.Task[Figure]] = {}

        def ask(tile: Tile, period: Period) -> asyncio.Task[Figure]:
            question = (tile.kpi, tile.filter, tile.group_by, *period)
            if question not in asked:
                asked[question] = asyncio.ensure_future(self._figure(question))
            return asked[question]

        shown = await asyncio.gather(*(self._shown(tile, begin, end, until, ask) for tile in tiles))
        parts = [[edition], *([each.tile_id, each.fault, _rows(each.figure), _rows(each.previous)] for each in shown)]
        etag = hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
        return Data(tiles=shown, start=begin, end=until, at=now, questions=len(asked), etag=etag)

    async def _shown(
        self,
        tile: Tile,
        begin: datetime,
        end: datetime | None,
        until: datetime,
        ask: Callable[[Tile, Period], "asyncio.Task[Figure]"],
    ) -> TileData:
        """One tile; `end` is the end of the period where one was named."""
        if wrong := fault(tile):
            return TileData(tile_id=tile.id, fault=wrong)
        if tile.kind is TileKind.TEXT:
            return TileData(tile_id=tile.id)
        start = midnight(until) - timedelta(days=tile.days - 1) if tile.days else begin
        period: Period = (None, None) if tile.all_time else (start, end)
        before: Period | None = None
        if tile.kind is TileKind.NUMBER:
            if not tile.all_time:
                before = (start - (until - start), start)
            elif tile.kpi == _BACKLOG:
                before = (None, start)
        try:
            found, *was = await asyncio.gather(*(ask(tile, each) for each in (period, before) if each is not None))
        except Invalid as error:
            return TileData(tile_id=tile.id, fault=error.message)
        rows, left_out = _largest(found.rows, tile)
        begins = None if tile.all_time else start
        return TileData(
            tile_id=tile.id, figure=replace(found, rows=rows), previous=was[0] if was else None, left_out=left_out, start=begins
        )

    async def _figure(self, question: _Question) -> Figure:
        """A figure as it was a moment ago, or as it is."""
        caller, now = ctx.current(), self._monotonic()
        key = caller.tenant, orjson.dumps(caller.scope, option=orjson.OPT_SORT_KEYS, default=str), question
        known = self._kept.get(key)
        if known is None or now - known[0] >= FRESH:
            known = now, asyncio.ensure_future(self._ask(question))
            self._kept[key] = known
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        try:
            # Whoever goes away must not take the answer along that others wait for.
            return await asyncio.shield(known[1])
        except BaseException:
            if self._kept.get(key) is known and (not known[1].done() or known[1].cancelled() or known[1].exception()):
                del self._kept[key]
            raise

    async def _ask(self, question: _Question) -> Figure:
        name, filter_text, group_by, start, end = question
        async with self._door:
            return await self._kpis.get(name, filter_text=filter_text, group_by=group_by, start=start, end=end)


def _period(days: int, start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    if not 0 <= days <= MOST_DAYS:
        raise Invalid({"days": f"may be 1 to {MOST_DAYS}"})
    until = end or now
    begin = start or midnight(until) - timedelta(days=(days or USUAL_DAYS) - 1)
    if begin >= until:
        raise Invalid({"to": "must be later than from"})
    if until - begin > LONGEST:
        raise Invalid({"from": f"may be {LONGEST.days} days before the end"})
    return begin, until


def _largest(rows: list[Row], tile: Tile) -> tuple[list[Row], int]:
    """The rows of the groups with most behind them, and how many groups are left out; days are never."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.group] = counts.get(row.group, 0) + row.count
    if group_named(tile.group_by) is GroupBy.DAY or len(counts) <= MOST_GROUPS:
        return rows, 0
    kept = set(sorted(counts, key=lambda group: (-counts[group], group))[:MOST_GROUPS])
    return [row for row in rows if row.group in kept], len(counts) - MOST_GROUPS


def _rows(figure: Figure | None) -> list[object]:
    if figure is None:
        return []
    return [[row.group, row.series, row.value, row.median, row.p90, row.count] for row in figure.rows]
