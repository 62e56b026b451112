"""Times in which nothing is changed. They come again by the wall clock of a zone, whatever daylight saving does to it."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.moment import Act

LONGEST = timedelta(days=366)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between these lies every instant of a plan: beyond the first and the last year there is no date to reckon with."""


class Repeat(StrEnum):
    """How a blackout comes again."""

    ONCE = "ONCE"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


_SHORTEST = {
    Repeat.ONCE: LONGEST,
    Repeat.DAILY: timedelta(days=1),
    Repeat.WEEKLY: timedelta(days=7),
    Repeat.MONTHLY: timedelta(days=28),
    Repeat.YEARLY: timedelta(days=365),
}
"""The most that one time of it may last, so that no two overlap."""
_MONTHS = {Repeat.MONTHLY: 1, Repeat.YEARLY: 12}
_DAYS = {Repeat.DAILY: 1, Repeat.WEEKLY: 7}


@dataclass(frozen=True, slots=True)
class Span:
    """A time from an instant up to another, which does not belong to it."""

    start: datetime
    end: datetime

    def touches(self, start: datetime, end: datetime) -> bool:
        """Whether they have an instant in common."""
        return self.start < end and start < self.end


@dataclass(slots=True, kw_only=True)
class Blackout(Aggregate):
    """A time in which nothing is changed of some services and assets, or of everything."""

    title: str
    description: str = ""
    service_ids: list[str] = field(default_factory=list)
    asset_ids: list[str] = field(default_factory=list)
    start_time: datetime
    end_time: datetime
    repeat: Repeat = Repeat.ONCE
    until_time: datetime | None = None
    zone: str = "UTC"
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None = None

    @classmethod
    def made(cls, act: Act, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid` for one that is never, too long, or in no zone."""
        missing = {name: "is needed" for name in ("start_time", "end_time") if given.get(name) is None}
        if missing:
            raise Invalid(missing)
        given["zone"] = given.get("zone") or "UTC"
        blackout = cls(id=id, create_time=act.at, update_time=act.at, **given)
        blackout._check()
        blackout._changed(pb.BlackoutCreated(), act)
        return blackout

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.delete_time is not None:
            raise ForbiddenMove("DELETED", "update", "it holds no more")
        for name, value in fields.items():
            setattr(self, name, value)
        self._check()
        self._changed(pb.BlackoutUpdated(), act)

    def delete(self, act: Act) -> None:
        """Holds no more; again changes nothing."""
        if self.delete_time is None:
            self.delete_time = act.at
            self._changed(pb.BlackoutDeleted(), act)

    @property
    def of_everything(self) -> bool:
        """Whether it protects all that there is."""
        return not self.service_ids and not self.asset_ids

    def times(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Each time of it that touches a period, the soonest first. It begins and ends by the clock on the wall."""
        zone, length = ZoneInfo(self.zone), self.end_time - self.start_time
        first = self.start_time.astimezone(zone)
        lasts = self.end_time.astimezone(zone).replace(tzinfo=None) - first.replace(tzinfo=None)
        start, end = max(start, EARLIEST), min(end, LATEST)
        for count in self._counts(first.date(), (start - length).astimezone(zone).date()):
            local = datetime.combine(self._day(first.date(), count), first.replace(tzinfo=None).time())
            begun = local.replace(tzinfo=zone).astimezone(UTC)
            if begun >= end or (self.until_time is not None and begun > self.until_time):
                return
            ended = (local + lasts).replace(tzinfo=zone).astimezone(UTC)
            # Of the first its maker named the end; where the clock was set back within one, the wall says nothing of it.
            span = Span(begun, ended if count and ended > begun else begun + length)
            if span.touches(start, end):
                yield span

    def _counts(self, first: date, soonest: date) -> Iterator[int]:
        """Which times to look at: none that is long over, and one before those, for what a change of the clock moves."""
        if self.repeat is Repeat.ONCE:
            yield 0
            return
        if self.repeat in _DAYS:
            skipped = (soonest - first).days // _DAYS[self.repeat] - 1
        else:
            skipped = ((soonest.year - first.year) * 12 + soonest.month - first.month) // _MONTHS[self.repeat] - 1
        count = max(skipped, 0)
        while True:
            yield count
            count += 1

    def _day(self, first: date, count: int) -> date:
        if self.repeat in _DAYS:
            return first + timedelta(days=count * _DAYS[self.repeat])
        if self.repeat not in _MONTHS:
            return first
        year, month = divmod(first.year * 12 + first.month - 1 + count * _MONTHS[self.repeat], 12)
        return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))

    def _check(self) -> None:
        limits.check({"title": self.title, "description": self.description, "asset_ids": self.asset_ids})
        limits.check({"service_ids": self.service_ids})
        wrong: dict[str, str] = {}
        if not timedelta() < self.end_time - self.start_time <= _SHORTEST[self.repeat]:
            days = _SHORTEST[self.repeat].days
            wrong["end_time"] = f"must lie behind the start, by {days} days at most where it is {self.repeat}"
        if self.until_time is not None and self.until_time < self.start_time:
            wrong["until_time"] = "lies before the first time"
        for name in ("start_time", "end_time", "until_time"):
            if (at := getattr(self, name)) is not None and not EARLIEST <= at < LATEST:
                wrong[name] = f"must lie between the years {EARLIEST.year} and {LATEST.year}"
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            wrong["zone"] = "is no time zone; one is called Europe/Berlin"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time = act.at
        self.record(event)


@dataclass(slots=True, kw_only=True)
class MarginAcceptance(Aggregate):
    """Somebody who may accepts that a change leaves nothing to spare. It is never changed."""

    about: str
    asset_ids: list[str]
    start_time: datetime
    end_time: datetime
    reason: str
    author_id: str
    create_time: datetime

    @classmethod
    def given(cls, act: Act, *, id: str, about: str, asset_ids: list[str], span: Span, reason: str) -> Self:  # noqa: A002 - as above
        """A new one. Raises `Invalid` where nobody says why."""
        limits.check({"reason": reason}, required=True)
        acceptance = cls(
            id=id,
            about=about,
            asset_ids=asset_ids,
            start_time=span.start,
            end_time=span.end,
            reason=reason,
            author_id=act.by,
            create_time=act.at,
        )
        acceptance.record(pb.MarginAccepted())
        return acceptance

    def covers(self, asset_id: str, start: datetime, end: datetime) -> bool:
        """Whether it is about this asset and all of this time."""
        return asset_id in self.asset_ids and self.start_time <= start and end <= self.end_time
