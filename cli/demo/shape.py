"""How often what happens: the shape of a quarter at a service desk, as numbers.

Measured once at a real log of incidents, and rounded: when they arrive, how heavy they are, how often they change hands, how
long they take. What a few days of a log cannot say is ours: the weekend, and those of the highest priority, of which it has
too few and which therefore take the times of the next.
"""

import bisect
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")

HOURS = (2, 6, 5, 2, 2, 3, 5, 15, 82, 111, 104, 106, 82, 69, 100, 85, 34, 24, 9, 17, 11, 7, 4, 5)
"""How many arrive in each hour of a day."""
WEEKDAYS = (100, 105, 102, 96, 84, 9, 6)
"""How many arrive on each day of a week, from Monday on."""
PRIORITIES = {"P1": 17, "P2": 37, "P3": 850, "P4": 96}
"""How heavy a thousand are."""
HANDS = (560, 229, 103, 37, 18, 16, 12, 8, 6, 11)
"""How many of a thousand change hands how often."""
HELD, REOPENED = 0.35, 0.011
"""Which share waits for somebody, and which comes back."""
CLOSED_AFTER = timedelta(days=5)
_AT = (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 1.0)
_TAKES = {
    "P1": (0.2, 0.45, 1.3, 6.9, 26.8, 143.0, 395.0, 435.0, 550.0),
    "P2": (0.2, 0.45, 1.3, 6.9, 26.8, 143.0, 395.0, 435.0, 550.0),
    "P3": (0.1, 0.5, 1.6, 20.8, 53.8, 285.0, 697.0, 1319.0, 2000.0),
    "P4": (0.2, 1.9, 5.5, 44.7, 191.0, 648.0, 1557.0, 1900.0, 2200.0),
}
"""Hours until they are resolved, by the share that is resolved by then."""


def pick(random: Random, weights: Sequence[float], values: Sequence[T]) -> T:
    """One of the values, as often as its weight says."""
    return random.choices(values, weights)[0]


def takes(random: Random, priority: str) -> timedelta:
    """How long one takes: between what is known of the shares, evenly."""
    share = random.random()
    place = min(bisect.bisect_right(_AT, share), len(_AT) - 1)
    low, high = _AT[place - 1], _AT[place]
    begin, end = _TAKES[priority][place - 1], _TAKES[priority][place]
    return timedelta(hours=begin + (end - begin) * (share - low) / (high - low))


def median(priority: str) -> timedelta:
    """Half of them are resolved by then."""
    return timedelta(hours=_TAKES[priority][_AT.index(0.5)])


def arrivals(random: Random, end: datetime, days: int, count: int) -> list[datetime]:
    """When so many arrive in the days before `end`, in order; none later than a quarter of an hour before it."""
    first = (end - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    dates = [first + timedelta(days=number) for number in range(days + 1)]
    weights = [WEEKDAYS[date.weekday()] for date in dates]
    found: list[datetime] = []
    while len(found) < count:
        at = pick(random, weights, dates) + timedelta(hours=pick(random, HOURS, range(24)), seconds=random.randrange(3600))
        if first < at < end - timedelta(minutes=15):
            found.append(at)
    return sorted(found)
