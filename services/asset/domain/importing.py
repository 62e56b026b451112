"""An import: a table of assets, looked at first and then taken over."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate


class ImportState(StrEnum):
    """How far it is."""

    PREVIEWED = "PREVIEWED"
    APPLIED = "APPLIED"


class RowOutcome(StrEnum):
    """What a row comes to."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    UNCHANGED = "UNCHANGED"
    CONFLICT = "CONFLICT"
    ERROR = "ERROR"


@dataclass(slots=True, kw_only=True, frozen=True)
class ImportRow:
    """What one row of the table does."""

    line: int
    outcome: RowOutcome
    name: str = ""
    asset_id: str = ""
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Import(Aggregate):
    """A table that somebody brought; the text itself lies beside it until it is applied."""

    source: str
    state: ImportState = ImportState.PREVIEWED
    rows: list[ImportRow] = field(default_factory=list)
    create_count: int = 0
    update_count: int = 0
    unchanged_count: int = 0
    conflict_count: int = 0
    error_count: int = 0
    creator_id: str
    create_time: datetime
    apply_time: datetime | None = None

    @classmethod
    def previewed(cls, rows: Sequence[ImportRow], *, id: str, source: str, by: str, at: datetime) -> Self:  # noqa: A002 - as its field
        """It was looked at; nothing else changed."""
        made = cls(id=id, source=source, creator_id=by, create_time=at)
        made._count(rows)
        made.record(pb.ImportPreviewed())
        return made

    def applied(self, rows: Sequence[ImportRow], *, at: datetime) -> None:
        """It was taken over, with what became of each row."""
        self._count(rows)
        self.state, self.apply_time = ImportState.APPLIED, at
        self.record(pb.ImportApplied())

    def _count(self, rows: Sequence[ImportRow]) -> None:
        self.rows = list(rows)
        counts = Counter(row.outcome for row in rows)
        for outcome in RowOutcome:
            setattr(self, f"{outcome.lower()}_count", counts[outcome])
