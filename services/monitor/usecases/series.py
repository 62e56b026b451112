"""Reading series: which there are, and their values by steps, from raw samples or roll-ups.

What waits to be folded is read first and buckets after it, so a sample that moves meanwhile is seen in one of both, and a
sample that is seen in both counts once.

Fails: `Invalid` for a question that would cost too much, saying what to narrow; `Unavailable` while the database is silent.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.domain.samples import SPAN, Columns, merged, unpacked
from services.monitor.domain.selector import Selector, parse
from services.monitor.domain.series import SeriesKind, number_of
from services.monitor.domain.windows import (
    FIVE_MINUTES,
    HOUR,
    Aggregate,
    Window,
    combined,
    fullest,
    points,
    unkept,
    windows,
)
from services.monitor.ports import Window as SeriesWindow
from services.monitor.ports import Windows as SeriesWindows
from services.monitor.usecases.catalog import SERIES, labels_from
from services.monitor.usecases.folding import BUCKETS, ROLLED, ROLLUPS, Retention
from services.monitor.usecases.reading import Paged, Paging
from services.monitor.usecases.samples import LATE
from services.monitor.usecases.selecting import query_of
from services.monitor.usecases.waiting import Waiting

MOST_SERIES = 200
MOST_POINTS = 100_000
MOST_STEPS = 11_000
MOST_BUCKETS = 2_000
_STEPS = 250
_GONE = timedelta(days=7)
_AT_ONCE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_STEP = timedelta(days=366)
_NAMES = {step: name for step, name, _ in ROLLED}
_LENGTHS = {step: length for step, _, length in ROLLED}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What a query asks for; what is None has a default."""

    match: str
    start: datetime | None = None
    end: datetime | None = None
    step: timedelta | None = None
    aggregate: Aggregate = Aggregate.LAST


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a series document and its points, instants in milliseconds; `resolution` is `raw`, `5m` or `1h`."""

    rows: Sequence[tuple[Document, Sequence[tuple[int, float]]]]
    step: timedelta
    resolution: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """A question in milliseconds; `base` is the length of the windows that are read, 0 for raw samples."""

    start: int
    end: int
    step: int
    base: int


class SeriesReading:
    """Questions about series of the tenant of the current context. Implements `ports.Samples`."""

    def __init__(self, store: Store, listing: Listing, retention: Retention) -> None:
        self._store, self._listing, self._retention = store, listing, retention
        self._waiting = Waiting(store)

    async def page(self, filter_text: str, order_by: str, match: str, paging: Paging) -> Paged:
        """A page of the series that fit both."""
        page = self._listing.page(ctx.current().tenant, filter_text, order_by, paging.size, paging.token)
        query = {"$and": [page.query, query_of(parse(match))]} if match else page.query
        return page.cut(await self._store.find(SERIES, query, sort=page.sort, limit=page.limit, naive=True))

    async def query(self, question: Question) -> Answer:
        """Values by steps, aligned to 1970."""
        plan = self._plan(question)
        rows = await self._rows(parse(question.match), limit=MOST_SERIES + 1)
        if len(rows) > MOST_SERIES:
            raise Invalid({"match": f"it means more than {MOST_SERIES} series; name more labels"})
        if len(rows) * ((plan.end - plan.start) // plan.step) > MOST_POINTS:
            raise Invalid({"step": f"{len(rows)} series have more than {MOST_POINTS} steps in this range; take a longer step"})
        # A step earlier, so that the first rate has something to begin at.
        found = await self._windows([row["_id"] for row in rows], plan.start - plan.step, plan)
        answered = []
        for row in rows:
            kind = SeriesKind(row["kind"])
            told = points(found.get(row["_id"], ()), plan.step, question.aggregate, kind)
            if shown := [(at, value) for at, value in told if plan.start <= at < plan.end]:
                answered.append((row, shown))
        return Answer(answered, timedelta(milliseconds=plan.step), _NAMES.get(plan.base, "raw"))

    async def window(self, selector: Selector, since: datetime, until: datetime, *, limit: int) -> SeriesWindows:
        """See `ports.Samples`."""
        recent = _recent(selector, since)
        rows = await self._store.find(SERIES, recent, sort=[("_id", 1)], limit=limit + 1)
        last = rows[limit - 1]["_id"] if len(rows) > limit else ""
        rows = rows[:limit]
        found = await self._raw([row["_id"] for row in rows], _milliseconds(since), _milliseconds(until), bounded=False)
        shown = [
            SeriesWindow(
                series_id=row["_id"],
                labels=dict(labels_from(row["pairs"])),
                asset_id=row["asset_id"],
                columns=found[row["_id"]],
            )
            for row in rows
            if row["_id"] in found
        ]
        return SeriesWindows(shown, last, len(rows))

    async def count(self, selector: Selector, *, limit: int) -> int:
        """See `ports.Samples`."""
        return await self._store.count(SERIES, _recent(selector, self._store.clock()), limit=limit)

    async def _rows(self, selector: Selector, *, limit: int) -> list[Any]:
        return await self._store.find(SERIES, query_of(selector), sort=[("_id", 1)], limit=limit)

    def _plan(self, question: Question) -> _Plan:
        now = self._store.clock()
        end = _milliseconds(question.end or now)
        start = _milliseconds(question.start) if question.start else end - HOUR
        if start >= end:
            raise Invalid({"from": "it is not before to"})
        given = question.step
        if given is not None and not timedelta(seconds=1) <= given <= _LONGEST_STEP:
            raise Invalid({"step": "1s to 31622400s"})
        step = max((end - start) // _STEPS, 1000) if given is None else round(given.total_seconds() * 1000)
        if start < _milliseconds(now - self._retention.raw):
            step = max(step, FIVE_MINUTES)
        if start < _milliseconds(now - self._retention.five_minutes):
            step = max(step, HOUR)
        base = HOUR if step >= HOUR else FIVE_MINUTES if step >= FIVE_MINUTES else 0
        # Roll-ups tell only of whole windows.
        step -= step % (base or 1000)
        if (end - start) // step > MOST_STEPS:
            raise Invalid({"step": f"there are more than {MOST_STEPS} steps in this range; take a longer step"})
        return _Plan(start - start % step, end, step, base)

    async def _windows(self, ids: Sequence[str], start: int, plan: _Plan) -> dict[str, list[Window]]:
        if not plan.base:
            return await _windows_of(await self._raw(ids, start, plan.end), plan.step)
        recent = _milliseconds(self._store.clock() - LATE) // SPAN * SPAN - 2 * SPAN
        # Waiting samples before roll-ups, for the same reason as before buckets.
        fresh = await self._raw(ids, max(start, recent), plan.end, pending=True)
        found = await _windows_of(fresh, plan.base)
        for row in await self._rollups(ids, start, plan):
            for chunk in row["chunks"]:
                found.setdefault(row["series"], []).extend(
                    window for window in unkept(chunk) if start <= window.start < plan.end
                )
            await asyncio.sleep(0)
        return {series: combined(fullest(each), plan.step) for series, each in found.items()}

    async def _rollups(self, ids: Sequence[str], start: int, plan: _Plan) -> list[Any]:
        length = _LENGTHS[plan.base]
        begins = range(start - start % length, plan.end, length)
        wanted = [f"{series}|{_NAMES[plan.base]}|{begin}" for series in ids for begin in self._held(begins, length)]
        _check_cost(wanted)
        return await self._by_id(ROLLUPS, wanted, {})

    async def _raw(
        self, ids: Sequence[str], start: int, end: int, *, pending: bool = False, bounded: bool = True
    ) -> dict[str, Columns]:
        """Ordered samples; with `pending`, of those buckets alone that are not rolled up."""
        wanted = {number_of(series): series for series in ids}
        waiting = await self._waiting.of(wanted.keys(), start, end)
        found = {wanted[number]: columns for number, columns in waiting.items()}
        begins = self._held(range(start - start % SPAN, end, SPAN), SPAN)
        keys = [f"{series}|{begin}" for series in ids for begin in begins]
        if bounded:
            _check_cost(keys)
        for row in await self._by_id(BUCKETS, keys, {"roll_time": {"$gt": _EVER}} if pending else {}):
            begin = _milliseconds(row["start"])
            columns = found.setdefault(row["series"], Columns.empty())
            for chunk in row["chunks"]:
                columns.add(unpacked(chunk, begin))
            await asyncio.sleep(0)
        ordered = {series: merged(columns).between(start, end) for series, columns in found.items()}
        return {series: columns for series, columns in ordered.items() if columns.times}

    def _held(self, begins: Iterable[int], length: int) -> list[int]:
        """Those that may hold something: neither long gone nor of the future."""
        now = self._store.clock()
        oldest = _milliseconds(now - (self._retention.raw if length == SPAN else self._retention.hour)) - 2 * length
        newest = _milliseconds(now + LATE)
        return [begin for begin in begins if oldest <= begin <= newest]

    async def _by_id(self, collection: str, keys: Sequence[str], more: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = []
        for at in range(0, len(keys), _AT_ONCE):
            found += await self._store.find(collection, {"_id": {"$in": list(keys[at : at + _AT_ONCE])}, **more})
        return found


async def _windows_of(raw: Mapping[str, Columns], step: int) -> dict[str, list[Window]]:
    found = {}
    for series, columns in raw.items():
        found[series] = windows(columns, step)
        # Others are served in between: a thousand samples take a millisecond.
        await asyncio.sleep(0)
    return found


def _check_cost(keys: Sequence[str]) -> None:
    if len(keys) > MOST_BUCKETS:
        raise Invalid({"step": "too many samples are in this range; take a longer step, a shorter range or fewer series"})


def _milliseconds(moment: datetime) -> int:
    return round((moment - _EVER).total_seconds() * 1000)


def _recent(selector: Selector, since: datetime) -> dict[str, Any]:
    """What was silent for a week is gone: else those of machines that come and go would take all the room."""
    return {"$and": [query_of(selector), {"last_time": {"$gte": since - _GONE}}]}
