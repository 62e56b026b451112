"""A clock's ledger in words: the answer to "why is it due then?"."""

from datetime import datetime, timedelta

from services.incident.domain.calendar import BusinessCalendar
from services.incident.domain.clock import Act, Clock, ClockState, Entry

LONGEST_LIST = 7


def explain(clock: Clock, at: datetime, calendar: BusinessCalendar) -> list[str]:
    """Each entry in words and what follows from the last, in the zone of the calendar."""
    told = _Told(calendar)
    because = f", policy {clock.policy_id}" if clock.policy_id else ""
    because += f" ({clock.policy_reason})" if clock.policy_reason else ""
    steps = [f"The target is {lasting(clock.target)} on the calendar {calendar.name}, zone {calendar.zone.key}{because}."]
    previous: Entry | None = None
    for entry in clock.ledger:
        steps.append(f"{told.at(entry.time)}: {told.entry(entry, previous)}.")
        previous = entry
    return [*steps, *told.outcome(clock, at)]


def lasting(duration: timedelta) -> str:
    """A duration in hours and minutes, `2 h 30 min`; seconds only where there is a rest."""
    minutes, seconds = divmod(round(duration.total_seconds() * 1000), 60_000)
    parts = [(minutes // 60, "h"), (minutes % 60, "min"), (f"{seconds / 1000:g}" if seconds else 0, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "no time"


class _Told:
    def __init__(self, calendar: BusinessCalendar) -> None:
        self._calendar = calendar

    def at(self, instant: datetime) -> str:
        return f"{instant.astimezone(self._calendar.zone):%a %Y-%m-%d %H:%M}"

    def entry(self, entry: Entry, previous: Entry | None) -> str:
        why = f" ({entry.reason})" if entry.reason else ""
        spent = lasting(timedelta(milliseconds=entry.elapsed_ms))
        if previous is None:
            return f"started{why}"
        uncounted = lasting(self._calendar.between(previous.time, entry.time))
        match entry.act:
            case Act.PAUSE if previous.reasons:
                return f"a further reason to wait{why}, still paused"
            case Act.RESUME if entry.reasons:
                return f"no longer waiting{why}, still paused for {', '.join(entry.reasons)}"
            case Act.RESUME:
                return f"resumed{why}; {uncounted} of business time since the entry before do not count"
            case Act.REOPEN:
                real = lasting(entry.time - previous.time)
                return f"reopened{why}; the gap of {real}, {uncounted} of it business time, does not count"
            case Act.CALENDAR:
                return f"another calendar or version from here on{why}; {spent} stay booked"
            case act:
                return f"{_VERBS[act]}{why} after {spent} of business time"

    def outcome(self, clock: Clock, at: datetime) -> list[str]:
        left = clock.target - clock.elapsed
        missed = []
        due = clock.breach_time
        if due is None and clock.state is ClockState.RUNNING and clock.due_time is not None and clock.due_time < at:
            due = clock.due_time
        if due is not None:
            missed = [f"The target was missed at {self.at(due)}; nothing later changes that."]
        if clock.state is ClockState.PAUSED:
            return [*missed, f"Paused, so there is no due time; {lasting(max(left, timedelta()))} are left."]
        if clock.state is ClockState.RUNNING and clock.breach_time is None and clock.due_time is not None:
            return [*self._counted(clock.ledger[-1].time, clock.due_time, left), *missed]
        if clock.state is ClockState.STOPPED and not missed:
            return [f"The target was met with {lasting(left)} left."]
        return missed

    def _counted(self, start: datetime, due: datetime, left: timedelta) -> list[str]:
        stretches = list(self._calendar.spans(start, due))
        listed = [f"{self.at(opening)} to {self.at(closing)}" for opening, closing in stretches]
        if len(listed) > LONGEST_LIST:
            listed = [*listed[:3], f"{len(listed) - 6} more stretches", *listed[-3:]]
        through = f", counted through {'; '.join(listed)}" if listed else ""
        return [f"From {self.at(start)} on {lasting(left)} are left{through}: due {self.at(due)}."]


_VERBS = {
    Act.START: "started",
    Act.PAUSE: "paused",
    Act.STOP: "stopped",
    Act.CANCEL: "cancelled",
    Act.RETARGET: "given a new target",
    Act.MERGE: "joined by this incident's own start",
}
