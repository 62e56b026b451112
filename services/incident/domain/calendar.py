"""Business calendars: when a clock counts.

A calendar stores the *name* of its zone and its windows as local wall time; instants are UTC. A window opens and closes
at the first moment the wall clock reaches its time: a time skipped in spring is reached at the jump, a time shown twice
in autumn the first time. So windows never overlap by a change of offset, days tile without a hole, and the second
02:xx hour of an October night counts for the shift that is on duty.

A window past midnight belongs to the day it starts on, for weekday and for holiday tests.

How it can fail: a calendar that never opens is refused when it is built (`Invalid`), as is `add` when it meets no opening
for five years or is asked for more than ten years of business time.

Cost: the windows of a local date and the sum of a month are computed once and kept (least recently used go first);
a long span is walked by whole months, and no call looks further than 100 years.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as public_holidays

from chassis.domain import Aggregate
from chassis.errors import Invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LONGEST_GAP_DAYS = 5 * 366
LONGEST_SPAN = timedelta(days=3660)
HORIZON_DAYS = 36_525
LONGEST_CLOSING_DAYS = 180
ROUND_THE_CLOCK = "24x7"
"""The id of the built-in calendar that never closes."""

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAY_MS = 86_400_000


class Weekday(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


WEEKDAYS = tuple(Weekday)


@dataclass(slots=True, kw_only=True, frozen=True)
class Hours:
    """Open from `start` to `end`, local wall time as HH:MM. An end not after the start is on the next day; 24:00 may end."""

    start: str
    end: str


@dataclass(slots=True, kw_only=True, frozen=True)
class Window:
    """The hours of one weekday. A weekday may have several windows, such as before and after lunch."""

    weekday: Weekday
    start: str
    end: str


@dataclass(slots=True, kw_only=True, frozen=True)
class Closing:
    """A local date (ISO, `date` to `last_date` inclusive) whose own `hours` replace the weekday's; none means closed.

    Half days have hours. `yearly` repeats it by month and day, also across New Year. A dated closing beats a yearly one,
    and both beat the public holidays of the calendar's country.
    """

    date: str
    name: str = ""
    hours: list[Hours] = field(default_factory=list)
    last_date: str = ""
    yearly: bool = False


@dataclass(slots=True, kw_only=True)
class Calendar(Aggregate):
    """The stored definition; `BusinessCalendar` computes with it. Country and region are ISO 3166 codes."""

    name: str = ""
    zone: str = "UTC"
    windows: list[Window] = field(default_factory=list)
    holidays: list[Closing] = field(default_factory=list)
    country: str = ""
    region: str = ""
    around_the_clock: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None


Span = tuple[int, int]


class BusinessCalendar:
    """A calendar ready to compute. Instants in and out are aware; results are UTC, exact to the millisecond.

    Building raises Invalid for an unknown zone, country or region, a malformed or zero-length window, and a calendar
    without any opening: it must never count around the clock just because nobody filled it in.
    """

    def __init__(self, definition: Calendar) -> None:
        self.id = definition.id
        self.name = definition.name or definition.id
        self.version = definition.version
        self.around_the_clock = definition.around_the_clock
        self.zone = _zone(definition.zone)
        self._week = _week(definition)
        self._dated, self._yearly = _closings(definition.holidays)
        self._public = _public(definition.country, definition.region)
        self._day = lru_cache(maxsize=2048)(self._spans_of)
        self._month = lru_cache(maxsize=512)(self._total_of)

    @classmethod
    def never_closing(cls, zone: str = "UTC") -> "BusinessCalendar":
        """The built-in calendar of id `24x7`; the zone only matters for how times are shown."""
        return cls(Calendar(id=ROUND_THE_CLOCK, name="around the clock", zone=zone, around_the_clock=True))

    @property
    def working_day(self) -> timedelta:
        """The length of a business day: the mean over the weekdays that open at all, by the wall clock."""
        if self.around_the_clock:
            return timedelta(days=1)
        lengths = [sum(end - start for start, end in _joined(day)) for day in self._week if day]
        return timedelta(milliseconds=sum(lengths) * 60_000 // len(lengths))

    def add(self, instant: datetime, duration: timedelta) -> datetime:
        """The earliest instant by which `duration` of business time has passed since `instant`.

        So a duration that ends exactly at closing ends at closing, and nothing added is the instant itself.
        Raises Invalid for a negative or over-long duration, and when the calendar stays closed for five years.
        """
        if not timedelta(0) <= duration <= LONGEST_SPAN:
            raise Invalid({"duration": "must lie between nothing and ten years"})
        start, left = to_ms(instant), duration // MILLISECOND
        if self.around_the_clock or not left:
            return from_ms(start + left)
        today = self._today(instant)
        day = opened = today - 1
        while day - opened <= LONGEST_GAP_DAYS and day - today <= HORIZON_DAYS:
            if day >= today + 2 and (following := _month_after(day)) and (total := self._month(day)) < left:
                opened = day if total else opened
                left, day = left - total, following
                continue
            for opening, closing in self._day(day):
                length = closing - max(opening, start)
                if length >= left:
                    return from_ms(max(opening, start) + left)
                if length > 0:
                    left, opened = left - length, day
            day += 1
        raise Invalid({"calendar": f"{self.name} does not open for long enough after {instant.isoformat()}"})

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The business time from start to end. Raises Invalid when the end is before the start or 100 years after it."""
        first, last = to_ms(start), to_ms(end)
        if not 0 <= last - first <= HORIZON_DAYS * _DAY_MS:
            raise Invalid({"end": "must lie within 100 years after the start"})
        if self.around_the_clock:
            return timedelta(milliseconds=last - first)
        today, final = self._today(start), self._today(end)
        total, day = 0, today - 1
        while day <= final + 1:
            if day >= today + 2 and (following := _month_after(day)) and following + 2 <= final:
                total, day = total + self._month(day), following
                continue
            for opening, closing in self._day(day):
                total += max(0, min(closing, last) - max(opening, first))
            day += 1
        return timedelta(milliseconds=total)

    def next_opening(self, instant: datetime) -> datetime:
        """The instant itself while open, else when it opens next. Raises Invalid when that is five years away."""
        start = to_ms(instant)
        if self.around_the_clock:
            return from_ms(start)
        today = self._today(instant)
        for day in range(today - 1, today + LONGEST_GAP_DAYS):
            for opening, closing in self._day(day):
                if closing > start:
                    return from_ms(max(opening, start))
        raise Invalid({"calendar": f"{self.name} does not open within five years after {instant.isoformat()}"})

    def is_open(self, instant: datetime) -> bool:
        start, today = to_ms(instant), self._today(instant)
        return self.around_the_clock or any(
            opening <= start < closing for day in range(today - 1, today + 2) for opening, closing in self._day(day)
        )

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open stretches between two instants, in order, cut at both ends."""
        first, last = to_ms(start), to_ms(end)
        if self.around_the_clock:
            yield from_ms(first), from_ms(last)
            return
        for day in range(self._today(start) - 1, self._today(end) + 2):
            for opening, closing in self._day(day):
                if min(closing, last) > max(opening, first):
                    yield from_ms(max(opening, first)), from_ms(min(closing, last))

    def _today(self, instant: datetime) -> int:
        return instant.astimezone(self.zone).toordinal()

    def _hours_on(self, day: date) -> tuple[Span, ...]:
        """Local minutes since midnight of that date; an end past midnight is above 1440."""
        own = self._dated.get(day.toordinal())
        if own is None:
            own = self._yearly.get((day.month, day.day))
        if own is None:
            own = () if self._public is not None and day in self._public else self._week[day.weekday()]
        return own

    def _spans_of(self, ordinal: int) -> tuple[Span, ...]:
        """The open stretches that belong to a local date, in milliseconds; what the night before covers is left to it."""
        day = date.fromordinal(ordinal)
        last_night = max((end - 1440 for _, end in self._hours_on(date.fromordinal(ordinal - 1))), default=0)
        spans = (
            (self._reached(day, max(start, last_night)), self._reached(day, end))
            for start, end in _joined(self._hours_on(day))
            if end > last_night
        )
        return tuple((opening, closing) for opening, closing in spans if closing > opening)

    def _total_of(self, first: int) -> int:
        days = range(first, _month_after(first))
        return sum(closing - opening for day in days for opening, closing in self._day(day))

    def _reached(self, day: date, minute: int) -> int:
        """The first instant, in milliseconds, at which the wall clock shows that minute of the date or a later time."""
        wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall time, zone follows
        late = to_ms(wall.replace(tzinfo=self.zone))
        if self._wall(late) == wall:
            return late
        early = to_ms(wall.replace(tzinfo=self.zone, fold=1))
        while late - early > 1000:  # the wall clock jumps over this time; jumps happen at whole seconds
            middle = (early + late) // 2000 * 1000
            early, late = (early, middle) if self._wall(middle) >= wall else (middle, late)
        return late

    def _wall(self, ms: int) -> datetime:
        return from_ms(ms).astimezone(self.zone).replace(tzinfo=None)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970, rounded down. Raises ValueError for a naive time, which is a mistake of the code."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no zone")
    return (instant - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def _month_after(ordinal: int) -> int:
    """The ordinal of the next month's first day when this is the first of a month, else 0."""
    day = date.fromordinal(ordinal)
    if day.day != 1:
        return 0
    return (date(day.year + 1, 1, 1) if day.month == 12 else date(day.year, day.month + 1, 1)).toordinal()


def _joined(hours: tuple[Span, ...]) -> list[Span]:
    """Overlapping and touching windows as one, in order."""
    joined: list[Span] = []
    for start, end in sorted(hours):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _span(hours: Hours | Window, path: str) -> Span:
    for name in ("start", "end"):
        if not _TIME.fullmatch(getattr(hours, name)):
            raise Invalid({f"{path}.{name}": "must be a local time such as 09:00, the end at most 24:00"})
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (hours.start, hours.end))
    if start == end or start == 1440:
        raise Invalid({path: "must not be empty; a whole day is 00:00 to 24:00"})
    return start, end if end > start else end + 1440


def _week(definition: Calendar) -> tuple[tuple[Span, ...], ...]:
    week: list[list[Span]] = [[] for _ in WEEKDAYS]
    for index, window in enumerate(definition.windows):
        week[WEEKDAYS.index(window.weekday)].append(_span(window, f"windows[{index}]"))
    if definition.around_the_clock and definition.windows:
        raise Invalid({"windows": "must be empty when the calendar is around the clock"})
    if not definition.around_the_clock and not definition.windows:
        raise Invalid({"windows": "needs at least one; a calendar that never opens cannot measure anything"})
    return tuple(tuple(day) for day in week)


def _closings(closings: list[Closing]) -> tuple[dict[int, tuple[Span, ...]], dict[tuple[int, int], tuple[Span, ...]]]:
    dated: dict[int, tuple[Span, ...]] = {}
    yearly: dict[tuple[int, int], tuple[Span, ...]] = {}
    for index, closing in enumerate(closings):
        path = f"holidays[{index}]"
        first = _date(closing.date, f"{path}.date")
        last = _date(closing.last_date or closing.date, f"{path}.last_date")
        if not 0 <= (last - first).days < LONGEST_CLOSING_DAYS:
            raise Invalid({f"{path}.last_date": f"must lie within {LONGEST_CLOSING_DAYS} days after the date"})
        hours = tuple(_span(own, f"{path}.hours[{at}]") for at, own in enumerate(closing.hours))
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        if closing.yearly:
            yearly.update({(day.month, day.day): hours for day in days})
            if {(2, 28), (3, 1)} <= {(day.month, day.day) for day in days}:
                yearly[2, 29] = hours
        else:
            dated.update({day.toordinal(): hours for day in days})
    return dated, yearly


def _date(text: str, path: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid({path: "must be a date such as 2026-12-24"}) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise Invalid({"zone": "must be the name of a time zone such as Europe/Berlin"}) from error


def _public(country: str, region: str) -> public_holidays.HolidayBase | None:
    if not country:
        if region:
            raise Invalid({"region": "needs a country"})
        return None
    try:
        return public_holidays.country_holidays(country, subdiv=region or None)
    except NotImplementedError as error:
        raise Invalid({"country": f"no public holidays are known for {country} {region}".rstrip()}) from error
