"""Somebody who is at a record: of the moment, and kept no longer than that."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

THERE = timedelta(seconds=40)
"""How long after his last sign somebody counts as there; one is given every 15 seconds, so two may be lost."""
MOST_SHOWN = 50


class Mode(StrEnum):
    """What somebody does at a record."""

    VIEWING = "VIEWING"
    WRITING = "WRITING"
    GONE = "GONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Somebody is at a record, and does the same since then."""

    user_id: str
    mode: Mode
    since_time: datetime
