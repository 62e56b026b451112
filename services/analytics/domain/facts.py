"""A fact: the little that figures need of one event, kept for good, so that no figure depends on how long a topic lasts."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FACTS = "facts"

Fact = dict[str, Any]
"""A document: `_id` (event id), `tenant`, `subject`, `version`, `epoch`, `time`, `type`, and the incident as it was then."""


class State(StrEnum):
    """The states of an incident, as its events name them."""

    NEW = "NEW"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


OPEN = (State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.ON_HOLD)
DONE = (State.RESOLVED, State.CLOSED)


class Left(StrEnum):
    """Why an incident is in no figure of performance: its work is counted elsewhere."""

    MERGED = "MERGED"
    CHILD = "CHILD"


def order(fact: Fact) -> tuple[int, int]:
    """Where a fact stands among those of its record: a restored installation counts on from an older version."""
    return fact["epoch"], fact["version"]


def record_id(fact: Fact) -> str:
    """The record that a fact is about: `inc_…`."""
    return str(fact["subject"].partition("/")[2])


def midnight(at: datetime) -> datetime:
    """The beginning of its day, UTC."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def next_midnight(at: datetime) -> datetime:
    """The first midnight at or after it."""
    day = midnight(at)
    return day if day == at else day + timedelta(days=1)
