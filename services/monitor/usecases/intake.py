"""Taking signals in: one transaction for a batch, so that hundreds cost little more than one.

New episodes become alerts, go through the pipeline and are told; repeated signals are counted beside the versions; ends
resolve. Everything is decided again when another process was first (`Busy`), so a fingerprint has one open alert at most,
whoever takes its signals.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.races import again
from chassis.store import Store, Transaction, Update
from chassis.store.transaction import CLAIMS
from services.monitor.domain import pipeline
from services.monitor.domain.alert import Alert, Ending, State
from services.monitor.domain.episodes import NOTHING, Known, Verdict, ending, judge
from services.monitor.domain.pipeline import DEDUPLICATE, STAGES, Outcome, Situation, Stage, Step
from services.monitor.domain.signal import AssetHint, Signal, Status
from services.monitor.ports import Batch, Follow, NoSituation, Situations
from services.monitor.usecases.evidence import keep, keep_repeated

ALERTS = "alerts"
EPISODES = "alert_episodes"
OPEN_CLAIM = "open-alert"
LARGEST = 500
"""Signals in one transaction."""
REMEMBERED = timedelta(days=30)
"""How long a late signal is known to belong to what is over."""
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of signals; together as many as there were."""

    opened: int = 0
    repeated: int = 0
    resolved: int = 0
    ignored: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.opened + other.opened,
            self.repeated + other.repeated,
            self.resolved + other.resolved,
            self.ignored + other.ignored,
        )


class Intake:
    """The way in for every signal, of the tenant of the current context. `follow` is called inside of each batch."""

    def __init__(
        self,
        store: Store,
        situations: Situations | None = None,
        *,
        stages: Sequence[Stage] = STAGES,
        follow: Sequence[Follow] = (),
        ids: Ids = new_id,
    ) -> None:
        self._store = store
        self._situations = situations or NoSituation()
        self._stages = stages
        self._follow = follow
        self._ids = ids

    async def take(self, signals: Sequence[Signal]) -> Taken:
        """Takes signals in their order; what it returned for is durable. Raises `Unavailable`, then nothing may be kept."""
        taken = Taken()
        for start in range(0, len(signals), LARGEST):
            taken += await self._with_attempts(signals[start : start + LARGEST])
        return taken

    async def _with_attempts(self, signals: Sequence[Signal]) -> Taken:
        taken = await again(lambda: self._batch(signals), attempts=_ATTEMPTS)
        await self._store.failpoints.reached("S3")
        return taken

    async def _batch(self, signals: Sequence[Signal]) -> Taken:
        now = self._store.clock()
        async with self._store.transaction() as tx:
            work = _Work(self._store, tx, now, self._ids)
            await work.load(signals)
            for signal in signals:
                work.judge(signal)
            situation = await self._situations.load(work.batch.opened, work.hints, now)
            work.finish(situation, self._stages)
            for follow in self._follow:
                await follow(tx, work.batch, situation)
            await self._store.failpoints.reached("S2")
        return work.taken


class _Work:
    """One batch in the making. Signals are judged in their order first; what they change is done when all is decided."""

    def __init__(self, store: Store, tx: Transaction, now: datetime, ids: Ids) -> None:
        self.batch = Batch()
        self.hints: dict[str, AssetHint] = {}
        self.taken = Taken()
        self._store, self._tx, self._now, self._ids = store, tx, now, ids
        self._dated_back = ctx.current().time is not None
        self._open: dict[str, Alert] = {}
        self._known: dict[str, Known] = {}
        self._last: dict[str, str] = {}  # the alert that a fingerprint had before
        self._later: list[tuple[Alert, Callable[[], None]]] = []
        self._ended: dict[str, None] = {}
        self._repeats: Counter[str] = Counter()
        self._expiry: dict[str, datetime] = {}

    async def load(self, signals: Sequence[Signal]) -> None:
        """What is known of the fingerprints: the open alerts through their claims, and how far the past is over."""
        tenant = ctx.current().tenant
        prints = list(dict.fromkeys(signal.fingerprint for signal in signals))
        claims, past = await asyncio.gather(
            self._store.find(CLAIMS, {"_id": {"$in": [f"{tenant}|{OPEN_CLAIM}|{each}" for each in prints]}}),
            self._store.find(EPISODES, {"_id": {"$in": [f"{tenant}|{each}" for each in prints]}}),
        )
        for row in past:
            self._known[row["fingerprint"]] = Known(ended_start=row.get("ended_start"), ended_time=row.get("ended_time"))
            self._last[row["fingerprint"]] = row.get("alert_id", "")
        if claims:
            for alert in await self._tx.find(Alert, {"_id": {"$in": [claim["holder"] for claim in claims]}}):
                if alert.is_open:  # else its claim is being released at this moment, and the commit will say so
                    self._watch(alert)

    def judge(self, signal: Signal) -> None:
        """Plans what the first stage says of a signal."""
        known = self._known.get(signal.fingerprint, NOTHING)
        verdict, alert = judge(signal, known), self._open.get(signal.fingerprint)
        match verdict:
            case Verdict.OPEN:
                self._begin(Alert.fired(signal, id=self._ids("alr"), at=self._now), signal.asset_hint)
                self.taken += Taken(opened=1)
            case Verdict.REPEAT if alert is not None:
                self._repeat(alert, signal, known)
                self.taken += Taken(repeated=1)
            case Verdict.RESOLVE if alert is not None:
                self._end(alert, signal, known.latest_start or signal.start_time)
                self.taken += Taken(resolved=1)
            case Verdict.RESOLVE_AND_OPEN if alert is not None and known.latest_start is not None:
                self._end(alert, signal, signal.start_time)
                again = alert.again(known.latest_start, id=self._ids("alr"), at=self._now)
                self._begin(again, AssetHint(asset_id=alert.asset_id))
                self.taken += Taken(resolved=1)
            case _:
                self._ignore(signal, verdict)
                self.taken += Taken(ignored=1)

    def finish(self, situation: Situation, stages: Sequence[Stage]) -> None:
        """Lets the pipeline decide about what is new, then does what was planned. Counts are written beside the versions."""
        for alert in self.batch.opened:
            alert.asset_id = alert.asset_id or self.hints[alert.id].fallback_id
            steps = pipeline.decide(alert, situation, stages)
            pipeline.take(alert, steps, self._now)
            alert.begin()
            self._tx.add(alert, at=self._now)
            opened = Step(stage=DEDUPLICATE, outcome=Outcome.OPENED, reason="the first signal of a new episode")
            keep(self._tx, alert.id, [opened, *steps], self._now)
        for alert, act in self._later:
            act()
            self._tx.save(alert, at=self._now)
        for alert in self.batch.resolved:
            step = Step(stage=DEDUPLICATE, outcome=Outcome.RESOLVED, reason="its sender says that it is over")
            keep(self._tx, alert.id, [step], self._now)
        for fingerprint in self._ended:
            self._write_past(fingerprint)
        for alert_id in self._repeats.keys() | self._expiry.keys():
            self._write_repeats(alert_id)

    def _watch(self, alert: Alert) -> None:
        known = self._known.get(alert.fingerprint, NOTHING)
        self._open[alert.fingerprint] = alert
        self._known[alert.fingerprint] = replace(known, start=alert.start_time, latest_start=alert.latest_start_time)

    def _begin(self, alert: Alert, hint: AssetHint) -> None:
        self._tx.claim(OPEN_CLAIM, alert.fingerprint, alert.id)
        self._watch(alert)
        self.hints[alert.id] = hint
        self.batch.opened.append(alert)

    def _repeat(self, alert: Alert, signal: Signal, known: Known) -> None:
        self._repeats[alert.id] += 1
        if signal.expire_time is not None:
            self._expiry[alert.id] = max(signal.expire_time, self._expiry.get(alert.id, signal.expire_time))
        if signal.start_known and known.latest_start is not None:
            newest = max(known.latest_start, signal.start_time)
            self._known[alert.fingerprint] = replace(known, latest_start=newest)
        if alert.differs(signal, self._now):
            self._later.append((alert, partial(alert.follow, signal, self._now)))
            self.batch.changed.append(alert)

    def _end(self, alert: Alert, signal: Signal, ended_start: datetime) -> None:
        end = ending(signal)
        if self._dated_back and alert.hold_until is not None and alert.hold_until <= self._now:
            # What is due rests while a history is told: what waited would have been let through before it was over.
            self._later.append((alert, partial(alert.route, alert.hold_until)))
        self._later.append((alert, partial(alert.resolve, Ending.RESOLVED, end, self._now)))
        self.batch.resolved.append(alert)
        self._tx.release(OPEN_CLAIM, alert.fingerprint)
        del self._open[alert.fingerprint]
        self._expiry.pop(alert.id, None)
        self._past(alert.fingerprint, max(ended_start, signal.start_time), end, alert.id)

    def _ignore(self, signal: Signal, verdict: Verdict) -> None:
        if verdict is Verdict.REMEMBER:
            reason = "it ended before it was heard of"
            self._past(signal.fingerprint, signal.start_time, ending(signal), "")
        elif signal.status is Status.FIRING:
            reason = "a late signal of an episode that is over"
        else:
            reason = "the end of an episode that is over already"
        step = Step(stage=DEDUPLICATE, outcome=Outcome.IGNORED, reason=reason)
        keep_repeated(self._tx, self._last.get(signal.fingerprint, ""), signal.fingerprint, step, self._now)

    def _past(self, fingerprint: str, start: datetime, end: datetime, alert_id: str) -> None:
        before = self._known.get(fingerprint, NOTHING)
        self._known[fingerprint] = Known(
            ended_start=max(start, before.ended_start or start), ended_time=max(end, before.ended_time or end)
        )
        self._last[fingerprint] = alert_id or self._last.get(fingerprint, "")
        self._ended[fingerprint] = None

    def _write_past(self, fingerprint: str) -> None:
        known = self._known[fingerprint]
        over(self._tx, fingerprint, self._last[fingerprint], known.ended_start, known.ended_time, self._now)

    def _write_repeats(self, alert_id: str) -> None:
        update: dict[str, Any] = {"$inc": {"count": self._repeats[alert_id]}, "$max": {"last_time": self._now}}
        query: dict[str, Any] = {"_id": alert_id, "tenant": ctx.current().tenant}
        if alert_id in self._expiry:
            update["$set"] = {"expire_time": self._expiry[alert_id]}
            query["state"] = {"$ne": State.RESOLVED.value}  # what is over is due no more
        self._tx.write(Update(ALERTS, query, update, strict=False))


def over(tx: Transaction, fingerprint: str, alert_id: str, start: datetime | None, end: datetime | None, now: datetime) -> None:
    """Remembers how far the past of a fingerprint is over: late signals up to `start` or before `end` open nothing."""
    tenant = ctx.current().tenant
    greatest = {name: value for name, value in (("ended_start", start), ("ended_time", end)) if value is not None}
    update = {
        "$set": {"fingerprint": fingerprint, "alert_id": alert_id, "expire_time": now + REMEMBERED},
        "$max": greatest,
    }
    tx.write(Update(EPISODES, {"_id": f"{tenant}|{fingerprint}", "tenant": tenant}, update, strict=False, upsert=True))
