"""The service-level clock: an append-only ledger of acts, from which due time, breach and the reasons follow.

- While the clock runs, business time is booked through the calendar at each act, in whole milliseconds; what is booked
  stays, so an edited calendar moves open due times from its instant on and rewrites no verdict.
- While it is paused there is no due time. Reasons nest as a union: the clock runs again when the last one is gone.
- A breach is stamped at the due instant, whenever it is noticed, and stays. A stop at the very due instant meets the target;
  a timer that finds the clock still running then may call it missed.
- An act that reads an earlier time than the entry before it (two replicas' clocks differ a little) counts as at that entry.

Acts on a clock that is stopped or cancelled, and acts that change nothing, answer False and leave no entry; the response
clock is so stopped by the first acknowledgement only. The calendar is always handed in and must be the clock's own.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain.calendar import MILLISECOND, BusinessCalendar, from_ms, to_ms

NOTHING = timedelta(0)
HEARD = "the reporter heard"
"""Why a clock for the next update ends and another begins."""


class ClockKind(StrEnum):
    """What is measured. Response ends at the first acknowledgement by a person: assignment to one, or start of work.

    An automatic reply and a team without a person are no acknowledgement. Next update ends when the caller hears of us.
    """

    RESPONSE = "RESPONSE"
    RESOLVE = "RESOLVE"
    NEXT_UPDATE = "NEXT_UPDATE"


class ClockState(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    CANCELLED = "CANCELLED"


class Act(StrEnum):
    START = "START"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    STOP = "STOP"
    CANCEL = "CANCEL"
    RETARGET = "RETARGET"
    REOPEN = "REOPEN"
    MERGE = "MERGE"
    CALENDAR = "CALENDAR"


class Retarget(StrEnum):
    """What a new target means for the time already spent.

    RETROACTIVE: from the original start, with the pauses kept. RESTART: the whole new target from the change on.
    BETTER: the earlier of the promise already made and a restart, so that no caller loses by a change.
    """

    RETROACTIVE = "RETROACTIVE"
    RESTART = "RESTART"
    BETTER = "BETTER"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One line of the ledger: the business milliseconds spent up to it, and the pause reasons in force after it."""

    time: datetime
    act: Act
    elapsed_ms: int
    reason: str = ""
    reasons: list[str] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """True when time counts after this entry."""
        return not self.reasons and self.act not in (Act.STOP, Act.CANCEL)


@dataclass(slots=True, kw_only=True)
class Clock:
    """One target of one incident. Times are UTC, durations business time of the clock's calendar.

    `elapsed` is booked up to the last entry; `warn_time` is when three quarters of the target are used, and like
    `due_time` it supposes no further pause and is absent while paused.
    """

    kind: ClockKind
    state: ClockState = ClockState.RUNNING
    start_time: datetime
    due_time: datetime | None = None
    warn_time: datetime | None = None
    stop_time: datetime | None = None
    target: timedelta
    elapsed: timedelta = NOTHING
    breached: bool = False
    breach_time: datetime | None = None
    policy_id: str = ""
    policy_reason: str = ""
    calendar_id: str
    calendar_version: int = 0
    ledger: list[Entry] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        kind: ClockKind,
        target: timedelta,
        at: datetime,
        calendar: BusinessCalendar,
        *,
        policy_id: str = "",
        policy_reason: str = "",
    ) -> "Clock":
        """A running clock. Raises Invalid for a target that is not positive."""
        if target < MILLISECOND:
            raise Invalid({"target": "must be positive"})
        return cls._begun(
            [Entry(time=from_ms(to_ms(at)), act=Act.START, elapsed_ms=0)], kind, target, calendar, policy_id, policy_reason
        )

    @property
    def is_open(self) -> bool:
        """True while the verdict is not final: running or paused."""
        return self.state in (ClockState.RUNNING, ClockState.PAUSED)

    @property
    def has_successor(self) -> bool:
        """True for a missed update that was given at last: decided for good, whatever becomes of the incident."""
        return self.state is ClockState.STOPPED and self.ledger[-1].reason == HEARD

    @property
    def gaps(self) -> list[tuple[datetime, datetime]]:
        """From each stop to the reopening after it: not counted, but to be shown."""
        pairs = zip(self.ledger, self.ledger[1:], strict=False)
        return [(stop.time, back.time) for stop, back in pairs if back.act is Act.REOPEN]

    def pause(self, reason: str, at: datetime, calendar: BusinessCalendar) -> bool:
        """Stops counting for a reason. A missed target stays missed."""
        reasons = self.ledger[-1].reasons
        if not self.is_open or reason in reasons:
            return False
        self._write(Act.PAUSE, at, calendar, reason, [*reasons, reason])
        self.state, self.due_time, self.warn_time = ClockState.PAUSED, None, None
        return True

    def resume(self, reason: str, at: datetime, calendar: BusinessCalendar) -> bool:
        """Takes one reason away; with the last one the rest of the target counts from now on."""
        reasons = self.ledger[-1].reasons
        if self.state is not ClockState.PAUSED or reason not in reasons:
            return False
        self._write(Act.RESUME, at, calendar, reason, [other for other in reasons if other != reason])
        if self.ledger[-1].runs:
            self.state = ClockState.RUNNING
            self._plan(calendar)
        return True

    def stop(self, at: datetime, calendar: BusinessCalendar, reason: str = "") -> bool:
        """Decides the verdict. A pause still in force is closed first, so that its time is not lost."""
        if not self.is_open:
            return False
        for pausing in list(self.ledger[-1].reasons):
            self.resume(pausing, at, calendar)
        self._write(Act.STOP, at, calendar, reason, [])
        self.state, self.stop_time = ClockState.STOPPED, self.ledger[-1].time
        return True

    def cancel(self, at: datetime, calendar: BusinessCalendar, reason: str = "") -> bool:
        """Takes an open clock out of the reckoning. It stays on record, with its breach if it had one."""
        if not self.is_open:
            return False
        self._write(Act.CANCEL, at, calendar, reason, [])
        self.state = ClockState.CANCELLED
        return True

    def reopen(self, at: datetime, calendar: BusinessCalendar, reason: str = "") -> bool:
        """Continues a stopped clock on its ledger; the gap is not counted. A response is never owed a second time."""
        if self.state is not ClockState.STOPPED or self.kind is ClockKind.RESPONSE:
            return False
        self._write(Act.REOPEN, at, calendar, reason, [])
        self.state, self.stop_time = ClockState.RUNNING, None
        self._plan(calendar)
        return True

    def retarget(
        self,
        target: timedelta,
        mode: Retarget,
        at: datetime,
        calendar: BusinessCalendar,
        *,
        counted: BusinessCalendar | None = None,
        policy_id: str = "",
        policy_reason: str = "",
        reason: str = "",
    ) -> "Clock":
        """Cancels this clock and returns the one that replaces it.

        `calendar` is the new clock's; `counted` this one's where they differ, and RETROACTIVE then measures the ledger
        anew. A retroactive target may be missed at once: it is flagged with its due instant, and nobody need be paged.
        Raises ForbiddenMove when the clock is decided already, Invalid for a target that is not positive.
        """
        if not self.is_open:
            raise ForbiddenMove(self.state, "retarget")
        if target < MILLISECOND:
            raise Invalid({"target": "must be positive"})
        before, reasons = [replace(entry) for entry in self.ledger], list(self.ledger[-1].reasons)
        self.cancel(at, counted or calendar, reason or "a new target replaces it")
        end = self.ledger[-1]
        if mode is Retarget.RETROACTIVE:
            entries = [*before, Entry(time=end.time, act=Act.RETARGET, elapsed_ms=end.elapsed_ms, reasons=reasons)]
            if counted is not None and counted is not calendar:
                entries = _measured(entries, calendar)
        else:
            if mode is Retarget.BETTER and not self.breached:
                target = min(target, self.target - self.elapsed)
            entries = [Entry(time=end.time, act=Act.START, elapsed_ms=0)]
            if reasons:
                entries.append(Entry(time=end.time, act=Act.PAUSE, elapsed_ms=0, reason=reasons[-1], reasons=reasons))
        entries[-1].reason = entries[-1].reason or reason
        terms = policy_id or self.policy_id, policy_reason or self.policy_reason
        return self._begun(entries, self.kind, target, calendar, *terms)

    def merged(self, start: datetime, at: datetime, calendar: BusinessCalendar) -> "Clock":
        """The clock after another incident that began at `start` is merged into this one: the earliest start counts.

        Only this clock's own pauses count. Returns this clock itself when it began first or is decided already, and
        else cancels it.
        """
        if start >= self.start_time or not self.is_open:
            return self
        successor = self.retarget(self.target, Retarget.RETROACTIVE, at, calendar, reason="merged")
        first = Entry(time=from_ms(to_ms(start)), act=Act.START, elapsed_ms=0)
        successor.ledger[0].act = Act.MERGE
        entries = _measured([first, *successor.ledger], calendar)
        return self._begun(entries, self.kind, self.target, calendar, self.policy_id, self.policy_reason)

    def recalendar(self, calendar: BusinessCalendar, at: datetime, counted: BusinessCalendar) -> bool:
        """Counts by another calendar, or another version of it, from now on; what is booked stays."""
        if not self.is_open:
            return False
        self._write(Act.CALENDAR, at, counted, calendar.name, list(self.ledger[-1].reasons))
        self.calendar_id, self.calendar_version = calendar.id, calendar.version
        self._plan(calendar)
        return True

    def check(self, at: datetime) -> bool:
        """True when this finds the target missed that was not known as missed. Safe to call late and often."""
        if self.state is not ClockState.RUNNING or self.breached or self.due_time is None or self.due_time > at:
            return False
        self.breached, self.breach_time = True, self.due_time
        return True

    def elapsed_at(self, at: datetime, calendar: BusinessCalendar) -> timedelta:
        """Business time spent up to that instant, at the earliest the last entry."""
        last = self.ledger[-1]
        return self.elapsed + (calendar.between(last.time, at) if last.runs and at > last.time else NOTHING)

    def remaining(self, at: datetime, calendar: BusinessCalendar) -> timedelta:
        """Target minus time spent: negative by the overrun."""
        return self.target - self.elapsed_at(at, calendar)

    def at_risk(self, at: datetime, calendar: BusinessCalendar, forecast: timedelta | None = None) -> bool:
        """Open, not missed yet, and three quarters used or more work forecast than time is left."""
        missed = self.breached or (self.due_time is not None and self.due_time < at)
        if not self.is_open or missed:
            return False
        left = self.remaining(at, calendar)
        return left * 4 <= self.target or (forecast is not None and forecast > left)

    def escalation(self, offset: timedelta, calendar: BusinessCalendar) -> datetime | None:
        """When an escalation `offset` business time after the due time (before it, when negative) falls due.

        None while nothing is planned: paused, stopped or cancelled. Plan anew after each act; a timer asks again before
        it acts, so a late or a doubled one does no harm.
        """
        if self.state is not ClockState.RUNNING or self.due_time is None:
            return None
        if offset >= NOTHING:
            return calendar.add(self.due_time, offset)
        return self._reached(max(NOTHING, self.target + offset), calendar)

    @classmethod
    def _begun(
        cls,
        entries: list[Entry],
        kind: ClockKind,
        target: timedelta,
        calendar: BusinessCalendar,
        policy_id: str,
        policy_reason: str,
    ) -> "Clock":
        clock = cls(
            kind=kind,
            state=ClockState.RUNNING if entries[-1].runs else ClockState.PAUSED,
            start_time=entries[0].time,
            target=target,
            elapsed=timedelta(milliseconds=entries[-1].elapsed_ms),
            policy_id=policy_id,
            policy_reason=policy_reason,
            calendar_id=calendar.id,
            calendar_version=calendar.version,
            ledger=entries,
        )
        clock.breach_time = clock._missed(calendar)
        clock.breached = clock.breach_time is not None
        clock._plan(calendar)
        return clock

    def _write(self, act: Act, at: datetime, calendar: BusinessCalendar, reason: str, reasons: list[str]) -> None:
        last = self.ledger[-1]
        time = max(from_ms(to_ms(at)), last.time)
        if not self.breached and last.runs and self.due_time is not None and self.due_time < time:
            self.breached, self.breach_time = True, self.due_time
        self.elapsed = self.elapsed_at(time, calendar)
        booked = self.elapsed // MILLISECOND
        self.ledger.append(Entry(time=time, act=act, elapsed_ms=booked, reason=reason, reasons=reasons))

    def _plan(self, calendar: BusinessCalendar) -> None:
        """A missed target keeps its due instant; else the rest of the target counts from the last entry on."""
        if self.state is ClockState.RUNNING:
            left = max(NOTHING, self.target - self.elapsed)
            self.due_time = self.breach_time or calendar.add(self.ledger[-1].time, left)
            self.warn_time = self._reached(self.target * 3 // 4, calendar)

    def _reached(self, spent: timedelta, calendar: BusinessCalendar) -> datetime:
        """When that much of the target was or will be spent."""
        amount = spent // MILLISECOND
        for entry, after in zip(self.ledger, self.ledger[1:], strict=False):
            if entry.elapsed_ms <= amount <= after.elapsed_ms:
                return calendar.add(entry.time, timedelta(milliseconds=amount - entry.elapsed_ms))
        return calendar.add(self.ledger[-1].time, max(NOTHING, spent - self.elapsed))

    def _missed(self, calendar: BusinessCalendar) -> datetime | None:
        """The due instant that the ledger ran past, if it did. What was booked decides; the calendar only places it."""
        for entry, after in zip(self.ledger, self.ledger[1:], strict=False):
            left = self.target // MILLISECOND - entry.elapsed_ms
            booked = after.elapsed_ms - entry.elapsed_ms
            if entry.runs and left <= booked:
                due = min(calendar.add(entry.time, timedelta(milliseconds=left)), after.time)
                if left < booked or due < after.time:
                    return due
        return None


def _measured(entries: list[Entry], calendar: BusinessCalendar) -> list[Entry]:
    """The same acts with their time counted through another calendar."""
    measured: list[Entry] = []
    spent = 0
    for index, entry in enumerate(entries):
        if index and entries[index - 1].runs:
            spent += calendar.between(entries[index - 1].time, entry.time) // MILLISECOND
        measured.append(
            Entry(time=entry.time, act=entry.act, elapsed_ms=spent, reason=entry.reason, reasons=list(entry.reasons))
        )
    return measured
