"""Who is on call when: people who take turns by the wall clock of a zone, and overrides that go before.

Every edge of a turn or of an hour is an instant found in one way: a time that the clocks pass twice counts the first time, one
that they jump over is the instant of the jump. So what meets on the wall clock meets in time, and no change of the clocks opens
a gap or puts two people on call. No I/O: the same schedule gives the same shifts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from chassis.errors import Invalid
from services.monitor.domain.recurrence import Weekday

LONGEST = timedelta(days=92)
"""The longest time that is looked at."""
MOST_EDGES = 2_500
"""Turns by the hour for as long are fewer; each costs a look at every layer."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_WEEKDAYS = list(Weekday)
_DAY = timedelta(days=1)


class Unit(StrEnum):
    """What a turn is counted in."""

    HOURS = "HOURS"
    DAYS = "DAYS"
    WEEKS = "WEEKS"


@dataclass(slots=True, kw_only=True, frozen=True)
class Restriction:
    """Hours of the wall clock, from `begin` until `end`, of the next day where that is not after the begin."""

    begin: str
    end: str
    weekdays: list[Weekday] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, frozen=True)
class Layer:
    """People who take turns of `length` units from `start` on, the local time of the schedule's zone."""

    user_ids: list[str]
    start: str
    name: str = ""
    unit: Unit = Unit.WEEKS
    length: int = 1
    restrictions: list[Restriction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, frozen=True)
class Override:
    """Somebody is on call from start to end, whoever's turn it is."""

    id: str
    user_id: str
    start_time: datetime
    end_time: datetime
    comment: str = ""
    creator_id: str = ""

    def lasts(self, at: datetime) -> bool:
        """Whether it counts at an instant."""
        return self.start_time <= at < self.end_time


@dataclass(slots=True, kw_only=True, frozen=True)
class Shift:
    """One person is on call; `layer` is -1 where an override decided."""

    user_id: str
    start_time: datetime
    end_time: datetime
    layer: int = -1
    override_id: str = ""


@dataclass(slots=True, kw_only=True, frozen=True)
class Rota:
    """What decides who is on call: the newest override that lasts, then the last layer that has somebody."""

    zone: str
    layers: Sequence[Layer]
    overrides: Sequence[Override] = ()

    def decided(self, at: datetime) -> tuple[str, int, str] | None:
        """Who is on call at an instant, by which layer, by which override; None where nobody is."""
        for override in reversed(self.overrides):
            if override.lasts(at):
                return override.user_id, -1, override.id
        zone = ZoneInfo(self.zone)
        for place in range(len(self.layers) - 1, -1, -1):
            if user_id := _of_layer(self.layers[place], zone, at):
                return user_id, place, ""
        return None

    def shifts(self, start: datetime, end: datetime) -> list[Shift]:
        """Who is on call from one instant to another, in order, cut at both; where nobody is, there is none.

        Whoever goes on by the same layer or override has one shift. Raises `Invalid` for a time in which it may change more
        often than is looked at.
        """
        within = (each for each in self._edges(start, end) if start < each < end)
        edges = sorted({start, end, *islice(within, MOST_EDGES + 1)})
        if len(edges) > MOST_EDGES:
            many = f"turns and hours begin and end more than {MOST_EDGES} times until then: name an earlier end"
            raise Invalid({"end_time": many})
        found: list[Shift] = []
        for begin, until in pairwise(edges):
            who = self.decided(begin)
            if who is None:
                continue
            user_id, layer, override_id = who
            last = found[-1] if found else None
            if last and last.end_time == begin and (last.user_id, last.layer, last.override_id) == who:
                begin = found.pop().start_time
            shift = Shift(user_id=user_id, start_time=begin, end_time=until, layer=layer, override_id=override_id)
            found.append(shift)
        return found

    def _edges(self, start: datetime, end: datetime) -> Iterator[datetime]:
        zone = ZoneInfo(self.zone)
        for override in self.overrides:
            yield override.start_time
            yield override.end_time
        for layer in self.layers:
            turn = _turn(layer, zone, start)
            while (begin := _begins(layer, zone, max(turn, 0))) < end:
                yield begin
                turn = max(turn, 0) + 1
            for restriction in layer.restrictions:
                day = start.astimezone(zone).date() - 2 * _DAY
                while day <= end.astimezone(zone).date() + _DAY:
                    yield from _hours(restriction, zone, day)
                    day += _DAY


def wrong_layer(layer: Layer) -> dict[str, str]:
    """What is wrong with a layer, by field."""
    wrong = {}
    if not 0 < len(layer.user_ids) <= 100 or not all(0 < len(each) <= 200 for each in layer.user_ids):
        wrong["user_ids"] = "needs 1 to 100 people"
    if not 1 <= layer.length <= 366:
        wrong["length"] = "must lie between 1 and 366"
    if len(layer.name) > 200:
        wrong["name"] = "may have 200 characters"
    if not _START.fullmatch(layer.start) or _local(layer.start) is None:
        wrong["start"] = "must be a local time such as 2026-01-05T09:00"
    if len(layer.restrictions) > 20:
        wrong["restrictions"] = "may be 20"
    for place, each in enumerate(layer.restrictions):
        for name in ("begin", "end"):
            if not _TIME.fullmatch(getattr(each, name)):
                wrong[f"restrictions[{place}].{name}"] = "must be a time such as 22:00"
    return wrong


def _local(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    # The year before and after has to be one too.
    return found if 1970 <= found.year <= 2200 else None


def _of_layer(layer: Layer, zone: ZoneInfo, at: datetime) -> str:
    """Whose turn it is by a layer; nobody's before it begins and outside of its hours."""
    turn = _turn(layer, zone, at)
    if turn < 0:
        return ""
    if layer.restrictions and not any(_counts(each, zone, at) for each in layer.restrictions):
        return ""
    return layer.user_ids[turn % len(layer.user_ids)]


def _turn(layer: Layer, zone: ZoneInfo, at: datetime) -> int:
    """Which turn lasts at an instant, counted from 0; less before the first."""
    start = datetime.fromisoformat(layer.start)
    if layer.unit is Unit.HOURS:
        return (at - _begins(layer, zone, 0)) // timedelta(hours=layer.length)
    days = layer.length * (7 if layer.unit is Unit.WEEKS else 1)
    turn = (at.astimezone(zone).date() - start.date()).days // days
    if turn < -1:  # far before the first, whose instant may be no date at all
        return turn
    # On the day of a hand-over it is another turn before than after; and a day may come twice where clocks go back at midnight.
    if at < _begins(layer, zone, turn):
        return turn - 1
    return turn + 1 if at >= _begins(layer, zone, turn + 1) else turn


def _begins(layer: Layer, zone: ZoneInfo, turn: int) -> datetime:
    start = datetime.fromisoformat(layer.start)
    if layer.unit is Unit.HOURS:
        return _instant(start, zone) + timedelta(hours=layer.length * turn)
    days = layer.length * (7 if layer.unit is Unit.WEEKS else 1)
    return _instant(start + timedelta(days=days * turn), zone)


def _counts(restriction: Restriction, zone: ZoneInfo, at: datetime) -> bool:
    today = at.astimezone(zone).date()
    for day in (today - _DAY, today, today + _DAY):  # clocks that go back at midnight come to a day before
        edges = _hours(restriction, zone, day)
        if edges and edges[0] <= at < edges[1]:
            return True
    return False


def _hours(restriction: Restriction, zone: ZoneInfo, day: date) -> tuple[datetime, datetime] | tuple[()]:
    """From when until when it counts that begins on a day; nothing where it does not."""
    if restriction.weekdays and _WEEKDAYS[day.weekday()] not in restriction.weekdays:
        return ()
    begin, end = time.fromisoformat(restriction.begin), time.fromisoformat(restriction.end)
    until = day if end > begin else day + _DAY
    return _instant(datetime.combine(day, begin), zone), _instant(datetime.combine(until, end), zone)


@lru_cache(maxsize=20_000)
def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a time of the wall clock: the first of two, and of one that is jumped over that of the jump."""
    at = local.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    # The offset before the jump is the smaller one: the instant lies between what the two offsets make of the time.
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), at
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
