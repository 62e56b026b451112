"""The oracle: business time by looking at every single minute, sharing no arithmetic with what it judges.

A minute is open by the highest wall time the zone's clock has shown so far, which stands still while an hour repeats.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.incident.domain.calendar import Calendar

MINUTE = timedelta(minutes=1)


def instant(base: datetime, minute: int) -> datetime:
    return base + minute * MINUTE


def open_minutes(calendar: Calendar, base: datetime, count: int) -> list[bool]:
    """For each minute from the base on whether the calendar is open during it."""
    if calendar.around_the_clock:
        return [True] * count
    zone, lead = ZoneInfo(calendar.zone), 1440
    known: dict[date, list[tuple[datetime, datetime]]] = {}
    highest, answers = datetime(1, 1, 1, tzinfo=UTC).replace(tzinfo=None), []
    for minute in range(-lead, count):
        highest = max(highest, (base + minute * MINUTE).astimezone(zone).replace(tzinfo=None))
        today = highest.date()
        for day in (today, today - timedelta(days=1)):
            if day not in known:
                known[day] = _windows(calendar, day)
        spans = (*known[today], *known[today - timedelta(days=1)])
        answers.append(any(start <= highest < end for start, end in spans))
    return answers[lead:]


def _windows(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    hours: list[tuple[str, str]] = [(own.start, own.end) for own in calendar.windows if own.weekday == f"{day:%A}".upper()]
    for closing in calendar.holidays:
        if closing.date == day.isoformat():
            hours = [(own.start, own.end) for own in closing.hours]
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
    spans = []
    for start, end in hours:
        opening, closing_time = (midnight + timedelta(hours=int(t[:2]), minutes=int(t[3:])) for t in (start, end))
        spans.append((opening, closing_time if closing_time > opening else closing_time + timedelta(days=1)))
    return spans


@dataclass
class CountedClock:
    """A clock that only counts open minutes. Call `acts` for a minute, then `pass_minute`."""

    target: int
    start: int
    spent: int = 0
    breach: int | None = None
    reasons: list[str] = field(default_factory=list)
    stopped: bool = False
    history: list[tuple[int, bool, int]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return not self.reasons and not self.stopped

    def pass_minute(self, minute: int, is_open: bool) -> None:
        self.notice(minute)
        self.history.append((minute, self.running, self.spent))
        self.spent += self.running and is_open

    def notice(self, minute: int) -> None:
        if self.running and self.breach is None and self.spent >= self.target:
            self.breach = minute

    def retarget(self, target: int, mode: str, minute: int) -> None:
        if mode == "RETROACTIVE":
            self.target = target
            self.breach = next((at for at, ran, spent in self.history if ran and spent >= target), None)
            return
        better = mode == "BETTER" and self.breach is None
        self.target = min(target, self.target - self.spent) if better else target
        self.start, self.spent, self.breach, self.history = minute, 0, None, []
