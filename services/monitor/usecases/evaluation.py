"""Evaluating alert rules, every few seconds, by whoever holds the lease.

Where the series of a rule stand is one document, read and written by compare-and-set together with the alerts that follow, so
a holder that was paused, or two at once, tell nothing twice. It is written when something essential changed, and otherwise
once a minute.

Fails: never. A rule that cannot be evaluated is tried again at the next round, with an error in the log; others go on.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from chassis import context as ctx
from chassis.codec import from_document
from chassis.context import Actor, Context
from chassis.errors import Unavailable
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Insert, Store, Update
from chassis.store.backend import Write
from services.monitor.domain.rule import FORGOTTEN, AlertRule, Phase, SeriesState
from services.monitor.domain.signal import Signal
from services.monitor.ports import Samples, Windows
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.rules import RULES, STATES

_log = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
MOST_SERIES = 1_000
"""Series of one rule that are looked at. Of those beyond nothing is said: what is not read is neither bad nor silent."""
_KEPT_EVERY = timedelta(minutes=1)


class Evaluation:
    """Moves every rule on."""

    def __init__(self, store: Store, intake: Intake, samples: Samples, *, every: timedelta = EVERY) -> None:
        self._store, self._intake, self._samples, self._every = store, intake, samples, every
        self._lease = Lease(store.backend, "alert-rules", "monitor")
        self._actor = Actor(id="itsm-monitor", kind="service")
        self._beyond: set[str] = set()

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
        """Evaluates every rule once: those that are on, and those that are off and still have something raised."""
        backend = self._store.backend
        kept = {row["_id"] for row in await backend.find(STATES, {}, projection={"_id": 1})}
        for row in await backend.find(RULES, {}):
            try:
                rule, tenant = from_document(row, AlertRule), row["tenant"]
            except msgspec.ValidationError as error:  # of another release, perhaps; the others are evaluated all the same
                _log.error("An alert rule cannot be read.", extra={"rule": row["_id"]}, exc_info=error)
                continue
            if not rule.enabled and f"{tenant}|{rule.id}" not in kept:
                continue
            with ctx.use(Context(tenant=tenant, actor=self._actor, correlation_id=uuid4().hex)):
                try:
                    await self.evaluate(rule)
                except Unavailable:
                    raise
                except Exception as error:  # whatever is wrong with one rule, the others go on
                    _log.error("An alert rule cannot be evaluated.", extra={"rule": rule.id}, exc_info=error)

    async def evaluate(self, rule: AlertRule) -> None:
        """Moves one rule of the tenant of the current context on. Raises `Busy` where another was first."""
        now, tenant = self._store.clock(), ctx.current().tenant
        key = {"_id": f"{tenant}|{rule.id}", "tenant": tenant}
        kept = await self._store.backend.find_one(STATES, key)
        states = {each["series_id"]: msgspec.convert(each, SeriesState) for each in kept["states"]} if kept else {}
        before = _essence(states)
        windows = Windows()
        if rule.enabled:
            windows = await self._samples.window(rule.selector, now - rule.window, now, limit=MOST_SERIES)
        self._tell_beyond(key["_id"], rule, windows)
        told = move(rule, states, windows, now)
        if not told and before == _essence(states) and (not states or (kept and now - kept["time"] < _KEPT_EVERY)):
            return
        async with self._store.transaction() as tx:
            tx.write(_kept(key, kept, rule, states, now))
            await self._intake.take(told)

    def _tell_beyond(self, key: str, rule: AlertRule, windows: Windows) -> None:
        """Says once of a rule that it means more series than are looked at, and again when that has changed."""
        if not windows.last:
            self._beyond.discard(key)
        elif key not in self._beyond:
            self._beyond.add(key)
            told = {"rule": rule.id, "series": MOST_SERIES}
            _log.warning("An alert rule means more series than are looked at; name more labels.", extra=told)


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
