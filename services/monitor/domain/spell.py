"""What silences and maintenance windows share: a time during which alerts are kept from people, and who wants that, why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove
from services.monitor.domain.recurrence import Recurrence, check, covers, ends

COMMENT_LENGTH = 2_000
LONGEST = timedelta(days=366)
LONGEST_RECURRING = timedelta(days=5 * 366)


@dataclass(slots=True, kw_only=True)
class Spell(Aggregate):
    """From start to end; with a recurrence, only inside of its times."""

    start_time: datetime
    end_time: datetime
    recurrence: Recurrence | None = None
    comment: str = ""
    creator_id: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None

    def lasts(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return covers(self.start_time, self.end_time, self.recurrence, at)

    def change(self, at: datetime, fields: Mapping[str, Any]) -> bool:
        """Sets named fields; says whether any differed. Raises `ForbiddenMove` when it is over."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if fields and self.end_time <= at:
            raise ForbiddenMove("EXPIRED", "update", "it is over: make a new one")
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.update_time = at
        return bool(fields)

    def end(self, at: datetime) -> bool:
        """Ends it now; says whether it was not over yet."""
        if self.end_time <= at:
            return False
        self.start_time = min(self.start_time, at)
        self.end_time = self.update_time = at
        return True

    def next_end(self, after: datetime) -> datetime | None:
        """When it next lets go of what it keeps, or may; None when it is over."""
        return ends(self.start_time, self.end_time, self.recurrence, after)

    def wrong_times(self, at: datetime) -> dict[str, str]:
        """What is wrong with its times and its comment, by field."""
        wrong: dict[str, str] = {}
        if not 0 < len(self.comment.strip()) <= COMMENT_LENGTH:
            wrong["comment"] = f"must say why, in at most {COMMENT_LENGTH} characters"
        longest = LONGEST if self.recurrence is None else LONGEST_RECURRING
        if self.end_time <= self.start_time:
            wrong["end_time"] = "must be after the start"
        elif self.end_time <= at:
            wrong["end_time"] = "is over already"
        elif self.end_time - self.start_time > longest:
            wrong["end_time"] = f"may be {longest.days} days after the start"
        return wrong | check(self.recurrence)
