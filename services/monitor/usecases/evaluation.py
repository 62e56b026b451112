"""Evaluating alert rules, every few seconds, by whoever holds the lease.

Where the series of a rule stand is one document, read and written by compare-and-set together with the alerts that follow, so
a holder that was paused, or two at once, tell nothing twice. It is written when something essential changed, and otherwise
once a minute.

Fails: never. A rule that cannot be evaluated is tried again at the next round, with an error in the log and a word on the rule;
others go on. A rule that came to mean more series than are looked at says so itself, for whoever relies on it.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from chassis import context as ctx
from chassis.codec import from_document
from chassis.context import Actor, Context
from chassis.errors import Busy, Error, NotFound, Unavailable
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Delete, Insert, Store, Update
from chassis.store.backend import Write
from services.monitor.domain.rule import COUNTED, FORGOTTEN, MOST_SERIES, REMOVED_KEPT, AlertRule, Condition, Phase, SeriesState
from services.monitor.domain.rule import Evaluation as RuleEvaluation
from services.monitor.domain.signal import VALUE, Signal, cut
from services.monitor.ports import Samples, Windows
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.rules import RULES, STATES

_log = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
EXPIRY_FIELD = "expire_time"
"""When the record of a removed rule goes: not before what it had raised has ended, however long nothing was evaluated."""
_KEPT_EVERY = timedelta(minutes=1)


class Evaluation:
    """Moves every rule on."""

    def __init__(
        self, store: Store, intake: Intake, samples: Samples, *, every: timedelta = EVERY, most: int = MOST_SERIES
    ) -> None:
        self._store, self._intake, self._samples, self._every, self._most = store, intake, samples, every, most
        self._lease = Lease(store.backend, "alert-rules", "monitor")
        self._actor = Actor(id="itsm-monitor", kind="service")
        self._counted: dict[str, datetime] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background("alert rules", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        await self._lease.lead(self._rounds)

    async def _rounds(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.round()
            except Unavailable:
                _log.warning("Alert rules are not evaluated: the database is silent.")
            await asyncio.sleep(max(self._every.total_seconds() - (time.monotonic() - began), 0.1))

    async def round(self) -> None:
        """Evaluates every rule once: those that are on, those that are off and still have something raised, and those that
        were removed and have not been seen off."""
        backend = self._store.backend
        kept = {row["_id"] for row in await backend.find(STATES, {}, projection={"_id": 1})}
        for row in await backend.find(RULES, {}):
            try:
                rule, tenant = from_document(row, AlertRule), row["tenant"]
            except msgspec.ValidationError as error:  # of another release, perhaps; the others are evaluated all the same
                _log.error("An alert rule cannot be read.", extra={"rule": row["_id"]}, exc_info=error)
                continue
            leaving = rule.remove_time is not None and row.get(EXPIRY_FIELD) is None
            if not rule.enabled and not leaving and f"{tenant}|{rule.id}" not in kept:
                continue
            with ctx.use(Context(tenant=tenant, actor=self._actor, correlation_id=uuid4().hex)):
                try:
                    await self.evaluate(rule)
                except Unavailable:
                    raise
                except Exception as error:  # whatever is wrong with one rule, the others go on
                    _log.error("An alert rule cannot be evaluated.", extra={"rule": rule.id}, exc_info=error)
                    if not isinstance(error, Busy):
                        await self._failed(rule, error)

    async def evaluate(self, rule: AlertRule) -> None:
        """Moves one rule of the tenant of the current context on. Raises `Busy` where another was first."""
        now, tenant = self._store.clock(), ctx.current().tenant
        key = {"_id": f"{tenant}|{rule.id}", "tenant": tenant}
        kept = await self._store.backend.find_one(STATES, key)
        states = {each["series_id"]: msgspec.convert(each, SeriesState) for each in kept["states"]} if kept else {}
        before = _essence(states)
        windows = Windows()
        if rule.enabled:
            windows = await self._samples.window(rule.selector, now - rule.window, now, limit=self._most)
        told = move(rule, states, windows, now)
        lately = not states or (kept is not None and now - kept["time"] < _KEPT_EVERY)
        removed = rule.remove_time is not None
        if told or before != _essence(states) or not lately or removed:
            async with self._store.transaction() as tx:
                for write in _ended(key, kept, rule, now) if removed else (_kept(key, kept, rule, states, now),):
                    tx.write(write)
                await self._intake.take(told)
        if rule.enabled:
            await self._assess(rule, windows, now)

    async def _assess(self, rule: AlertRule, windows: Windows, now: datetime) -> None:
        """Says on the rule how many of its series are looked at: a change of its condition at once, counts once a minute."""
        before, partial = rule.evaluation, bool(windows.last)
        expected = Condition.PARTIAL if partial else Condition.COMPLETE
        counted = self._counted.get(rule.id)
        if before is not None and before.condition is expected and counted is not None and now - counted < _KEPT_EVERY:
            return
        self._counted[rule.id] = now
        series = await self._samples.count(rule.selector, limit=COUNTED) if partial else windows.read
        await self._say(rule, RuleEvaluation.over(max(series, windows.read + partial), windows.read, now))

    async def _failed(self, rule: AlertRule, error: Exception) -> None:
        said = str(error) if isinstance(error, Error) else "a defect; the log of the monitor service says more"
        try:
            now = self._store.clock()
            await self._say(rule, RuleEvaluation(condition=Condition.FAILED, message=cut(said, VALUE), condition_time=now))
        except (Busy, NotFound):
            _log.info("Somebody changes an alert rule that could not be evaluated.", extra={"rule": rule.id})

    async def _say(self, rule: AlertRule, found: RuleEvaluation) -> None:
        before, tenant = rule.evaluation, ctx.current().tenant
        if before is not None and before.condition is found.condition:
            found = replace(found, condition_time=before.condition_time)
        if found == before:
            return
        self._store.recent.pop((tenant, AlertRule, rule.id), None)  # no version tells of what is written beside it
        async with self._store.transaction() as tx:
            kept = await tx.get(AlertRule, rule.id)
            if kept.match != rule.match or not kept.enabled:
                return
            if kept.assess(found):
                tx.save(kept)
            else:
                query = {"_id": rule.id, "tenant": tenant, "version": kept.version}
                tx.write(
                    Update(
                        RULES,
                        query,
                        {"$set": {"evaluation": msgspec.to_builtins(found, builtin_types=(datetime,))}},
                        strict=False,
                    )
                )


def move(rule: AlertRule, states: dict[str, SeriesState], windows: Windows, now: datetime) -> list[Signal]:
    """Moves the states of a rule on by what its series show, new and forgotten ones too; what is to be told."""
    told: list[Signal] = []
    shown = {window.series_id: window for window in windows.found}
    selector = rule.selector
    for series_id, state in list(states.items()):
        if not rule.enabled or not selector.fits(state.labels):
            told += rule.forget(state, now, "the rule is not about it any more")
        elif not windows.covers(series_id):
            continue
        elif series_id not in shown and state.sample_time is not None and now - state.sample_time >= FORGOTTEN:
            told += rule.forget(state, now, "nothing was heard of it for a week")
        else:
            continue
        del states[series_id]
    for series_id, window in shown.items():
        state = states.setdefault(series_id, SeriesState(series_id=series_id, phase=Phase.WELL, phase_time=now))
        state.labels, state.asset_id = dict(window.labels), window.asset_id
        told += rule.step(state, rule.measure(window.columns), now)
    for series_id, state in states.items():
        if series_id not in shown and windows.covers(series_id):
            told += rule.step(state, None, now)
    return told


def _essence(states: Mapping[str, SeriesState]) -> list[tuple[str, Any]]:
    return sorted((series_id, state.essence) for series_id, state in states.items())


def _kept(
    key: Mapping[str, Any], kept: Mapping[str, Any] | None, rule: AlertRule, states: Mapping[str, SeriesState], now: datetime
) -> Write:
    listed = [msgspec.to_builtins(state, builtin_types=(datetime,)) for _, state in sorted(states.items())]
    if kept is None:
        return Insert(STATES, {**key, "rule_id": rule.id, "states": listed, "time": now, "round": 1})
    return Update(STATES, {**key, "round": kept["round"]}, {"$set": {"states": listed, "time": now}, "$inc": {"round": 1}})


def _ended(key: Mapping[str, Any], kept: Mapping[str, Any] | None, rule: AlertRule, now: datetime) -> list[Write]:
    """Of a rule that was removed nothing stands anywhere any more, and only then may its record go."""
    query, goes = {"_id": rule.id, "tenant": key["tenant"]}, {"$set": {EXPIRY_FIELD: now + REMOVED_KEPT}}
    return [*([Delete(STATES, key)] if kept is not None else []), Update(RULES, query, goes, strict=False)]
