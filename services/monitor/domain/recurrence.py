"""Times that come back weekly or monthly, by the wall clock of a zone.

An occurrence begins at a local time on a local date and lasts a real duration. A begin that the clocks jump over is that much
later, one that they pass twice counts the first time: no change of the clocks loses or doubles an occurrence.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST = timedelta(days=7)
MOST_WEEKS, MOST_MONTHS = 52, 12
_LOOK_AHEAD = 800  # days, more than two years, after which the next end is asked for again
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class Frequency(StrEnum):
    """What repeats."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


_WEEKDAYS = list(Weekday)


@dataclass(slots=True, kw_only=True, frozen=True)
class Recurrence:
    """When it comes back. Weekly: on `weekdays`. Monthly: on the `month_day` (-1 is the last), a day that a month lacks is left
    out; or on the `week`-th (-1: last) of the `weekdays`. `every` counts weeks or months from the start of the record."""

    frequency: Frequency
    every: int = 1
    weekdays: list[Weekday] = field(default_factory=list)
    month_day: int = 0
    week: int = 0
    begin: str
    duration: timedelta
    zone: str = "UTC"


def check(recurrence: Recurrence | None) -> dict[str, str]:
    """What is wrong with it, by field."""
    if recurrence is None:
        return {}
    wrong = _wrong_week(recurrence) if recurrence.frequency is Frequency.WEEKLY else _wrong_month(recurrence)
    if not _TIME.fullmatch(recurrence.begin):
        wrong["begin"] = "must be a time such as 22:00"
    if not timedelta(0) < recurrence.duration <= LONGEST:
        wrong["duration"] = f"may last {LONGEST.days} days"
    try:
        _zone(recurrence.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        wrong["zone"] = "is no time zone such as Europe/Berlin"
    return {f"recurrence.{name}": why for name, why in wrong.items()}


def _wrong_week(recurrence: Recurrence) -> dict[str, str]:
    wrong = {}
    if not 1 <= recurrence.every <= MOST_WEEKS:
        wrong["every"] = f"must lie between 1 and {MOST_WEEKS} weeks"
    if not recurrence.weekdays:
        wrong["weekdays"] = "needs at least one"
    if recurrence.month_day or recurrence.week:
        wrong["frequency"] = "a week has no day of the month"
    return wrong


def _wrong_month(recurrence: Recurrence) -> dict[str, str]:
    wrong = {}
    if not 1 <= recurrence.every <= MOST_MONTHS:
        wrong["every"] = f"must lie between 1 and {MOST_MONTHS} months"
    if bool(recurrence.month_day) == bool(recurrence.weekdays):
        wrong["month_day"] = "needs either a day of the month or weekdays"
    elif recurrence.month_day and recurrence.month_day not in (-1, *range(1, 32)):
        wrong["month_day"] = "must lie between 1 and 31, or be -1 for the last"
    elif recurrence.weekdays and recurrence.week not in (-1, *range(1, 6)):
        wrong["week"] = "must lie between 1 and 5, or be -1 for the last"
    return wrong


def covers(start: datetime, end: datetime, recurrence: Recurrence | None, at: datetime) -> bool:
    """Whether an instant lies between start (inclusive) and end, and inside of an occurrence where there is a recurrence."""
    if not start <= at < end:
        return False
    if recurrence is None:
        return True
    back = recurrence.duration.days + 2
    begins = occurrences(recurrence, start, at, back=back, days=back + 2)
    return any(begin <= at < begin + recurrence.duration for begin in begins)


def ends(start: datetime, end: datetime, recurrence: Recurrence | None, after: datetime) -> datetime | None:
    """The next instant after `after` at which it no longer covers, or at which to ask again; None when it is over."""
    if end <= after:
        return None
    if recurrence is None:
        return end
    since = max(after, start)
    back = recurrence.duration.days + 2
    found = (begin + recurrence.duration for begin in occurrences(recurrence, start, since, back=back, days=_LOOK_AHEAD + back))
    first = next((until for until in found if until > since), since + timedelta(days=_LOOK_AHEAD))
    return min(first, end)


def occurrences(recurrence: Recurrence, start: datetime, around: datetime, *, back: int, days: int) -> Iterator[datetime]:
    """The begins on the `days` local dates from `back` days before an instant on, in order. `every` counts from `start`."""
    zone = _zone(recurrence.zone)
    hour, minute = map(int, recurrence.begin.split(":"))
    anchor = start.astimezone(zone).date()
    first = around.astimezone(zone).date() - timedelta(days=back)
    for offset in range(days):
        day = first + timedelta(days=offset)
        if _falls(recurrence, day, anchor):
            yield datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def _falls(recurrence: Recurrence, day: date, anchor: date) -> bool:
    if recurrence.frequency is Frequency.WEEKLY:
        weeks = (_monday(day) - _monday(anchor)).days // 7
        return _WEEKDAYS[day.weekday()] in recurrence.weekdays and weeks % recurrence.every == 0
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    if months % recurrence.every:
        return False
    last = calendar.monthrange(day.year, day.month)[1]
    if recurrence.month_day:
        return day.day == (last if recurrence.month_day == -1 else recurrence.month_day)
    if _WEEKDAYS[day.weekday()] not in recurrence.weekdays:
        return False
    return day.day + 7 > last if recurrence.week == -1 else (day.day - 1) // 7 + 1 == recurrence.week


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
