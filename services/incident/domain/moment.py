"""When a verb is used, and by whom."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Act:
    """When a verb is used, and by whom: what every verb of every record needs to know."""

    at: datetime
    by: str
    by_person: bool = True
