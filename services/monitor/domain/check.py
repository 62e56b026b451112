"""The check: what its results make of its state, and the one event that tells of each change of it.

A result changes the state only together with those before it: it takes `raise_after` bad ones in a row to be believed and
`clear_after` better ones. A row of results is as bad as its mildest one when it gets worse, and as bad as its worst one when
it gets better, so that an alternation of DEGRADED and DOWN after UP is DEGRADED.

Silence is another thing than being down: a check that nobody hears of any more, or whose look itself fails, is UNKNOWN. What
it had raised before stays as it was until a result says otherwise.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from zlib import crc32

from itsm.monitor import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.monitor.domain import check_settings as settings
from services.monitor.domain.check_settings import (
    DnsSettings,
    HttpSettings,
    Kind,
    Limits,
    PingSettings,
    ProcessSettings,
    TlsSettings,
)
from services.monitor.domain.signal import Severity, cut

SHARDS = 16
"""Parts into which the checks of the workers are divided among replicas."""

SILENT_INTERVALS = 3
SILENT_GRACE = timedelta(seconds=15)
"""A check of an agent is UNKNOWN when nothing was heard for this many intervals and so long."""

SOON = timedelta(seconds=10)
MESSAGE = 500
AHEAD = timedelta(minutes=1)
"""How far ahead of ours the clock of an agent may be; what is later counts as of now."""

REMOVED_KEPT = timedelta(days=1)
"""How long the record of a removed check is kept, so that whoever runs it hears of it; its changes are kept for ever."""

KEPT = timedelta(days=30)
"""How long results are kept."""


class State(StrEnum):
    """What is known of a check."""

    PENDING = "PENDING"
    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


class Outcome(StrEnum):
    """What one look means."""

    OK = "OK"
    DEGRADED = "DEGRADED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


_LEVELS = {Outcome.OK: State.UP, Outcome.DEGRADED: State.DEGRADED, Outcome.FAILED: State.DOWN}
_RANKS = {State.UP: 0, State.DEGRADED: 1, State.DOWN: 2}


@dataclass(slots=True, kw_only=True, frozen=True)
class CheckResult:
    """What one look found. Without an outcome the value is judged by the limits of the check."""

    time: datetime
    outcome: Outcome | None = None
    latency: timedelta | None = None
    message: str = ""
    value: float | None = None


@dataclass(slots=True, frozen=True)
class Seen:
    """A result as the state remembers it; no level for a look that failed."""

    time: datetime
    level: State | None


@dataclass(slots=True, frozen=True, kw_only=True)
class Turn:
    """A change of state: what was told before, and what is to be told now. A level of UP tells nothing.

    `problem` and `silence` are when that began which is there now or was there before; None where there is neither.
    `level_time` is since when the level is what it is now, where that is new: being down begins later than being slow before.
    """

    level_before: State
    level: State
    silent_before: bool
    silent: bool
    problem: datetime | None
    silence: datetime | None
    at: datetime
    message: str = ""
    level_time: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Check(Aggregate):
    """Something that is looked at again and again."""

    name: str
    kind: Kind
    target: str = ""
    interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = settings.USUAL_LOOK
    asset_id: str = ""
    agent_id: str = ""
    enabled: bool = True
    state: State = State.PENDING
    state_time: datetime
    raise_after: int = 2
    clear_after: int = 1
    severity: Severity = Severity.ERROR
    slow_after: timedelta | None = None
    http: HttpSettings | None = None
    ping: PingSettings | None = None
    dns: DnsSettings | None = None
    tls: TlsSettings | None = None
    process: ProcessSettings | None = None
    limits: Limits | None = None
    last_result: CheckResult | None = None
    next_due_time: datetime | None = None
    create_time: datetime
    update_time: datetime
    remove_time: datetime | None = None
    # Kept inside: what the state machine remembers, since when there is a problem or silence, when silence is looked for,
    # how many results were heard (each writer compares it), the shard of its worker, and the key of its agent.
    level: State | None = None
    recent: list[Seen] = field(default_factory=list)
    problem_time: datetime | None = None
    silence_time: datetime | None = None
    stale_time: datetime | None = None
    heard: int = 0
    shard: int = 0
    agent_subject: str = ""

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new check. Raises `Invalid`."""
        if "name" not in given or "kind" not in given:
            raise Invalid({name: "is needed" for name in ("name", "kind") if name not in given})
        interval = given.get("interval", timedelta(minutes=1))
        given.setdefault("timeout", min(settings.USUAL_LOOK, interval / 2))
        whole = settings.completed(given)
        check = cls(id=id, state_time=at, create_time=at, update_time=at, shard=crc32(id.encode()) % SHARDS, **whole)
        check._validate()
        if check.enabled:
            check._expect(at)
        check.record(pb.CheckCreated())
        return check

    @property
    def is_local(self) -> bool:
        """Whether an agent runs it."""
        return bool(self.agent_id)

    def edit(self, at: datetime, **named: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        named = {name: value for name, value in named.items() if getattr(self, name) != value}
        if not named:
            return
        for name, value in settings.completed({"kind": self.kind, **named}).items():
            if name in named:
                setattr(self, name, value)
        self._validate()
        if self.enabled and "interval" in named:
            self._expect(at)
        self.update_time = at
        self.record(pb.CheckUpdated())

    def enable(self, at: datetime) -> None:
        """It is run from now on."""
        if self.enabled:
            return
        self.enabled = True
        self._expect(at)
        self.update_time = at
        self.record(pb.CheckEnabled())

    def disable(self, at: datetime) -> Turn | None:
        """It is run no more, and nothing is known of it; the turn says what it had raised."""
        if not self.enabled:
            return None
        turn = self._stop(at, "the check was disabled")
        self.record(pb.CheckDisabled())
        return turn

    def remove(self, at: datetime) -> Turn | None:
        """It is gone; the turn says what it had raised."""
        turn = self._stop(at, "the check was removed") if self.enabled else None
        self.remove_time = self.update_time = at
        self.record(pb.CheckRemoved())
        return turn

    def _stop(self, at: datetime, message: str) -> Turn:
        turn = Turn(
            level_before=self.level or State.UP,
            level=State.UP,
            silent_before=self.silence_time is not None,
            silent=False,
            problem=self.problem_time,
            silence=self.silence_time,
            at=at,
            message=message,
        )
        self.enabled, self.level, self.recent = False, None, []
        self.problem_time = self.silence_time = self.next_due_time = self.stale_time = None
        if self.state is not State.PENDING:
            self.state, self.state_time = State.PENDING, at
        self.update_time = at
        return turn

    def judged(self, result: CheckResult, at: datetime) -> CheckResult:
        """The result with its outcome, within its limits. Raises `Invalid` for one without an outcome or a value to judge."""
        outcome = result.outcome or self._judge(result.value)
        if outcome is None:
            raise Invalid({"outcome": "must be said where there is no value and no limit to judge it by"})
        return CheckResult(
            time=result.time if result.time <= at + AHEAD else at,
            outcome=outcome,
            latency=result.latency,
            message=cut(result.message or _measured(self.kind, result.value), MESSAGE),
            value=result.value,
        )

    def is_news(self, result: CheckResult, at: datetime) -> bool:
        """Whether the result is newer than all that were heard, or they are of a clock that has been set back since."""
        return self.last_result is None or result.time > self.last_result.time or self.last_result.time > at + AHEAD

    def hear(self, result: CheckResult, at: datetime) -> Turn | None:
        """Takes a judged result that is news, heard at `at`; the turn that it is, if it is one."""
        self.last_result = result
        self._expect(at, result.time)
        level = _LEVELS.get(result.outcome or Outcome.UNKNOWN)
        self.recent = [*self.recent, Seen(result.time, level)][-max(self.raise_after, self.clear_after) :]
        silence = self._unknown_since() if level is None else None
        believed, since = self._believed(), result.time
        if self.level is not None and believed is not None and _RANKS[believed] < _RANKS[self.level]:
            since = self.recent[-self.clear_after].time
        return self._turn(believed, silence, since, result.message)

    def lapse(self, at: datetime) -> Turn | None:
        """Nothing was heard for too long; the turn, if that is news."""
        if not self.enabled or self.stale_time is None or self.stale_time > at:
            return None
        self.stale_time, self.recent = None, []
        if self.silence_time is not None:
            return None
        since = self.last_result.time if self.last_result is not None else self.update_time
        for_whom = f"the agent {self.agent_id}" if self.is_local else "the workers"
        return self._turn(self.level, since, at, f"nothing was heard from {for_whom} since {since:%H:%M:%S} UTC")

    def _turn(self, level: State | None, silence: datetime | None, at: datetime, message: str) -> Turn | None:
        level_before, silence_before, problem = self.level or State.UP, self.silence_time, self.problem_time
        before = self.state
        if level in (None, State.UP):
            self.problem_time = None
        elif problem is None:
            problem = self.problem_time = self._began(level)
        level_time = at
        if level is not None and _RANKS[level] > _RANKS[level_before]:
            level_time = self._began(level)
        self.level, self.silence_time = level, silence
        state = State.UNKNOWN if silence is not None else level or State.PENDING
        if state is before:
            return None
        self.state, self.state_time = state, at
        self.update_time = max(self.update_time, at)
        self.record(pb.CheckStateChanged(previous=before.value))
        return Turn(
            level_before=level_before,
            level=level or State.UP,
            silent_before=silence_before is not None,
            silent=silence is not None,
            problem=problem,
            silence=silence or silence_before,
            at=at,
            message=message,
            level_time=level_time if level is not level_before else None,
        )

    def _unknown_since(self) -> datetime | None:
        """Since when looks fail, once enough of them did in a row."""
        row = self.recent[-self.raise_after :]
        enough = len(row) == self.raise_after and all(seen.level is None for seen in row)
        return self.silence_time or (row[0].time if enough else None)

    def _believed(self) -> State | None:
        """The level that the newest results show, given the one before."""
        now = _RANKS[self.level or State.UP]
        rising = self._row(self.raise_after)
        if rising and (mildest := min(rising, key=_RANKS.__getitem__)) and _RANKS[mildest] > now:
            return mildest
        # What was never bad need not get better: the first good result is enough.
        falling = self._row(self.clear_after if self.level else 1)
        if falling and (worst := max(falling, key=_RANKS.__getitem__)) and (_RANKS[worst] < now or self.level is None):
            return worst if self.level or worst is State.UP else None
        return self.level

    def _row(self, length: int) -> list[State]:
        """The levels of the newest results; empty when there are not so many, or a look failed among them."""
        row = [seen.level for seen in self.recent[-length:] if seen.level is not None]
        return row if len(row) == length else []

    def _began(self, level: State | None) -> datetime:
        """When the row of results began that are at least so bad."""
        since = self.recent[-1].time
        for seen in reversed(self.recent):
            if seen.level is None or level is None or _RANKS[seen.level] < _RANKS[level]:
                break
            since = seen.time
        return since

    def _judge(self, value: float | None) -> Outcome | None:
        limits = self.limits
        if value is None or limits is None:
            return None
        passed = _RANKS[self.level or State.UP]
        down = limits.down - (limits.margin if passed == _RANKS[State.DOWN] else 0)
        degraded = limits.degraded - (limits.margin if passed >= _RANKS[State.DEGRADED] else 0)
        if limits.down and value >= down:
            return Outcome.FAILED
        return Outcome.DEGRADED if limits.degraded and value >= degraded else Outcome.OK

    def _expect(self, at: datetime, looked: datetime | None = None) -> None:
        """Says when the next result is due, and from when on its absence is silence."""
        if self.is_local:
            self.next_due_time = (looked or at) + self.interval
            self.stale_time = at + SILENT_INTERVALS * self.interval + SILENT_GRACE
        else:
            self.next_due_time = slot(self, at) if looked is not None else soon(self, at)

    def _validate(self) -> None:
        if found := settings.wrong({each.name: getattr(self, each.name) for each in fields(self)}):
            raise Invalid(found)
        if self.kind not in settings.LOCAL and self.is_local:
            raise Invalid({"agent_id": f"a check of the kind {self.kind} is run by the service itself"})

    def ready_to_run(self) -> None:
        """Raises `ForbiddenMove` for what only an agent can run, and for a check that is disabled."""
        if self.is_local:
            raise ForbiddenMove(self.state, "run", f"it is run by the agent {self.agent_id}")
        if not self.enabled:
            raise ForbiddenMove(self.state, "run", "it is disabled")


def slot(check: Check, after: datetime) -> datetime:
    """The first instant after `after` at which the check has its turn: a fixed place in its interval, by its id, so that
    checks of one interval are spread over it and stay so whatever happened."""
    interval = int(check.interval / timedelta(milliseconds=1))
    phase = crc32(check.id.encode()) % interval
    now = int(after.timestamp() * 1000)
    return after + timedelta(milliseconds=interval - (now - phase) % interval)


def soon(check: Check, after: datetime) -> datetime:
    """When a check is run that has waited too long, or was never run: within ten seconds, so that many do not run at once."""
    spread = min(check.interval, SOON)
    return after + (crc32(check.id.encode()) % 1000) / 1000 * spread


def _measured(kind: Kind, value: float | None) -> str:
    return f"{value:.1f} % in use" if kind in settings.MEASURED and value is not None else ""
