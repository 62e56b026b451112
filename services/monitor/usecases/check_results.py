"""Results of checks: heard in the order of their own times, kept, and told to the alert pipeline where they change a state.

A result that changes no state is two plain writes: what the check remembers, and a line of the hour's bucket. One that does
is a version, an event and a signal in one transaction. Whoever writes compares how many results the check had heard, so two
that look at the same check never count one result twice.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document, to_document
from chassis.domain import Clock
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.races import again
from chassis.store import Store, Transaction, Update
from services.monitor.domain.check import KEPT, SILENT_GRACE, SILENT_INTERVALS, Check, CheckResult, Outcome, Turn
from services.monitor.domain.check_signals import signals
from services.monitor.domain.signal import Signal, cut
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.reading import THERE, Paged, Paging, there

CHECKS = "checks"
RESULTS = "check_results"
TOGETHER = 100
"""Checks that change their state in one transaction."""
_HOUR = timedelta(hours=1)
_KEPT_MESSAGE = 200
_ATTEMPTS = 6
_CLOCK_STEP = 5.0
_BUCKETS = 8
_REMEMBERED = ("last_result", "recent", "next_due_time", "stale_time")
"""What a check remembers of results beside its versions."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A result that was not taken: its place in the report, its check, and a word that says why."""

    index: int
    check_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a report."""

    accepted: int
    refused: list[Refusal]


class Presence:
    """Since when results could be taken without a break. A clock that was set counts as a break: its silence is nobody's."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self.begin()

    def begin(self) -> None:
        """It begins now."""
        self._since = self._last = self._clock()
        self._ticked = self._monotonic()

    def since(self) -> datetime:
        """The instant, by the clock of the service."""
        now, ticked = self._clock(), self._monotonic()
        if abs((now - self._last).total_seconds() - (ticked - self._ticked)) > _CLOCK_STEP:
            self.begin()
        self._last, self._ticked = now, ticked
        return self._since


class Results:
    """Results of the tenant of the current context. `listing` signs the page tokens of their lists."""

    def __init__(self, store: Store, intake: Intake, listing: Listing) -> None:
        self._store = store
        self._intake = intake
        self._listing = listing
        self.presence = Presence(store.clock)

    async def report(self, results: Sequence[tuple[str, CheckResult]]) -> Reported:
        """Takes results of checks that the caller reaches, late ones too. Raises `Unavailable`; then nothing may be kept."""
        asked = {"_id": {"$in": sorted({check_id for check_id, _ in results})}, **THERE}
        found = await self._store.find(CHECKS, asked)
        known = {row["_id"]: from_document(row, Check) for row in found}
        now, good, refused = self._store.clock(), defaultdict[str, list[CheckResult]](list), []
        for index, (check_id, result) in enumerate(results):
            try:
                good[check_id].append(_acceptable(known.get(check_id), result, now))
            except Invalid as invalid:
                refused.append(Refusal(index, check_id, invalid.reason))
        # The row scope bounds the checks that were asked for; what follows from their results is nobody's row.
        with ctx.use(replace(ctx.current(), scope={})):
            await self._take([(known[check_id], heard) for check_id, heard in good.items() if heard], now)
        return Reported(len(results) - len(refused), refused)

    async def hear(self, check_id: str, result: CheckResult) -> None:
        """Takes one result. Raises `NotFound` for a check that the caller does not reach, `Invalid` for a wrong result."""
        reported = await self.report([(check_id, result)])
        for refusal in reported.refused:
            if refusal.reason == "unknown-check":
                raise NotFound("check", check_id)
            raise Invalid({"result": f"cannot be taken: {refusal.reason}"}, reason=refusal.reason.upper().replace("-", "_"))

    async def lapse(self, tenant: str, check_id: str) -> None:
        """An agent's check is due and nothing was heard: it is unknown from now on, unless nobody could have been heard."""
        now = self._store.clock()

        async def lapsed() -> None:
            async with self._store.transaction() as tx:
                found = await tx.find(Check, {"_id": check_id})
                if not found or found[0].stale_time is None or found[0].stale_time > now:
                    return
                check = found[0]
                patience = self.presence.since() + SILENT_INTERVALS * check.interval + SILENT_GRACE
                if patience > now:
                    check.stale_time = patience
                elif (turn := check.lapse(now)) is not None:
                    tx.save(check)
                    await self._intake.take(signals(check, turn))
                tx.write(_remember(check, tenant))

        await again(lapsed, attempts=_ATTEMPTS)

    async def page(self, check_id: str, paging: Paging) -> Paged:
        """Results of a check, newest first, to become messages. Raises `NotFound`."""
        there(await self._store.document(Check, check_id, naive=True), "check")
        page = self._listing.page(ctx.current().tenant, f'checkId = "{check_id}"', "", paging.size, paging.token)
        before = datetime.fromisoformat(page.last[0]) if page.last else None
        with ctx.use(replace(ctx.current(), scope={})):
            return page.cut(await self._newest(check_id, before, page.limit))

    async def _newest(self, check_id: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        query: dict[str, Any] = {"check_id": check_id, **({"start": {"$lte": before}} if before else {})}
        while len(rows) < limit:
            buckets = await self._store.find(RESULTS, query, sort=[("start", -1)], limit=_BUCKETS)
            for bucket in buckets:
                rows += [row for row in _rows(bucket) if before is None or row["time"] < before]
            if len(buckets) < _BUCKETS:
                break
            query["start"] = {"$lt": buckets[-1]["start"]}
        return rows[:limit]

    async def _take(self, heard: Sequence[tuple[Check, list[CheckResult]]], now: datetime) -> None:
        turned = {check.id: results for check, results in heard if _hear(check, results, now)}
        quiet = [check for check, _ in heard if check.id not in turned]
        tenant = ctx.current().tenant

        async def keep() -> None:
            async with self._store.transaction() as tx:
                for check in quiet:
                    tx.write(_remember(check, tenant, strict=False))
                for update in _lines(heard, tenant, now):
                    tx.write(update)

        await again(keep, attempts=_ATTEMPTS)
        ids = sorted(turned)
        for start in range(0, len(ids), TOGETHER):
            part = {check_id: turned[check_id] for check_id in ids[start : start + TOGETHER]}
            await again(partial(self._turn, part, now), attempts=_ATTEMPTS)

    async def _turn(self, turned: Mapping[str, list[CheckResult]], now: datetime) -> None:
        """Decides again on the checks as they are stored, saves what changed and tells the pipeline, all in one."""
        told: list[Signal] = []
        async with self._store.transaction() as tx:
            for check in await tx.find(Check, {"_id": {"$in": sorted(turned)}}):
                for result in turned[check.id]:
                    told += _told(tx, check, result, now)
                tx.write(_remember(check, ctx.current().tenant))
            await self._intake.take(told)


def _told(tx: Transaction, check: Check, result: CheckResult, now: datetime) -> list[Signal]:
    turn: Turn | None = check.hear(result, now) if check.enabled and check.is_news(result, now) else None
    if turn is None:
        return []
    tx.save(check)
    return signals(check, turn)


def _hear(check: Check, results: list[CheckResult], now: datetime) -> bool:
    """Tries results on a check that is thrown away when they change its state; says whether they do."""
    results.sort(key=lambda result: result.time)
    turned = False
    for result in results:
        if check.is_news(result, now):
            turned = check.hear(result, now) is not None or turned
            check.take_recorded()
    return turned


def _acceptable(check: Check | None, result: CheckResult, now: datetime) -> CheckResult:
    """The result as it is judged. Raises `Invalid` with a word for programs as its reason."""
    if check is None:
        raise Invalid({"check_id": "there is no such check"}, reason="unknown-check")
    if not check.enabled:
        raise Invalid({"check_id": "the check is disabled"}, reason="disabled")
    if result.time < now - KEPT:
        raise Invalid({"time": "it is older than what is kept"}, reason="too-old")
    try:
        return check.judged(result, now)
    except Invalid as invalid:
        raise Invalid(invalid.violations, reason="no-outcome") from None


def _remember(check: Check, tenant: str, *, strict: bool = True) -> Update:
    """What the check remembers now, unless somebody else was heard meanwhile. It follows the record's own write."""
    document = to_document(check)
    fields = {name: document[name] for name in _REMEMBERED}
    query = {"_id": check.id, "tenant": tenant, "heard": check.heard}
    return Update(CHECKS, query, {"$set": {**fields, "heard": check.heard + 1}}, strict=strict)


def _lines(heard: Sequence[tuple[Check, list[CheckResult]]], tenant: str, now: datetime) -> Iterable[Update]:
    """One write for each hour of each check. A result has its place by its time, so delivering it again changes nothing."""
    buckets: dict[tuple[str, datetime], dict[str, Any]] = defaultdict(dict)
    for check, results in heard:
        for result in results:
            start = result.time.replace(minute=0, second=0, microsecond=0)
            place = int((result.time - start) / timedelta(milliseconds=1))
            buckets[check.id, start][f"results.{place}"] = _line(result)
    for (check_id, start), fields in buckets.items():
        key = {"_id": f"{tenant}|{check_id}|{start:%Y%m%d%H}", "tenant": tenant}
        kept = {"check_id": check_id, "start": start, "expire_time": max(start, now - KEPT) + _HOUR + KEPT}
        yield Update(RESULTS, key, {"$set": {**kept, **fields}}, strict=False, upsert=True)


_CODES = {outcome: number for number, outcome in enumerate(Outcome)}
_OUTCOMES = list(Outcome)


def _line(result: CheckResult) -> list[Any]:
    latency = None if result.latency is None else round(result.latency / timedelta(milliseconds=1), 3)
    code = _CODES[result.outcome or Outcome.UNKNOWN]
    return [code, latency, result.value, cut(result.message, _KEPT_MESSAGE)]


def _rows(bucket: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of a bucket as documents, the newest first; `_id` is the place in a list."""
    rows = []
    for place in sorted(bucket["results"], key=int, reverse=True):
        code, latency, value, message = bucket["results"][place]
        time = bucket["start"] + timedelta(milliseconds=int(place))
        told = {"time": time, "outcome": _OUTCOMES[code].value, "value": value, "message": message}
        rows.append(
            {
                "_id": time.astimezone(UTC).isoformat(),
                **told,
                "latency": None if latency is None else timedelta(milliseconds=latency),
            }
        )
    return rows
