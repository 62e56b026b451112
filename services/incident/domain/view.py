"""Views: lists that are kept under a name."""

from dataclasses import dataclass, field
from typing import ClassVar

from itsm.incident import v1 as pb

from services.incident.domain.kept import Shared
from services.incident.domain.moment import Act

MOST_COLUMNS, LONGEST = 50, 4_096


@dataclass(slots=True, kw_only=True)
class View(Shared):
    """Which records of a kind, in which order, with which columns. Whether its filter can be asked is judged by the lists."""

    CREATED: ClassVar = pb.ViewCreated
    UPDATED: ClassVar = pb.ViewUpdated
    SHARED: ClassVar = pb.ViewShared
    DELETED: ClassVar = pb.ViewDeleted
    FIXED: ClassVar = frozenset({"resource"})

    resource: str = ""
    filter: str = ""
    order_by: str = ""
    columns: list[str] = field(default_factory=list)

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Kept`
        """See `Kept`."""
        wrong = {
            name: f"may have {LONGEST} characters" for name in ("filter", "order_by") if len(getattr(self, name)) > LONGEST
        }
        if len(self.columns) > MOST_COLUMNS or not all(0 < len(each) <= 100 for each in self.columns):
            wrong["columns"] = f"may name {MOST_COLUMNS} fields"
        return wrong
