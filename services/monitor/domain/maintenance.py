"""Maintenance windows: assets that are worked on, whose alerts surprise nobody while it lasts."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from itsm.monitor import v1 as pb

from chassis.errors import Invalid
from services.monitor.domain.spell import Spell

ASSETS = 1_000
NAME_LENGTH = 200


@dataclass(slots=True, kw_only=True)
class MaintenanceWindow(Spell):
    """Alerts of these assets are suppressed while it lasts; with `include_dependents`, also those of what fails with them."""

    name: str = ""
    asset_ids: list[str] = field(default_factory=list)
    include_dependents: bool = True

    @classmethod
    def made(cls, *, id: str, by: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new window, from now on when it names no start. Raises `Invalid`."""
        if given.get("end_time") is None:
            raise Invalid({"end_time": "must say when it ends"})
        given = {**given, "start_time": given.get("start_time") or at}
        window = cls(id=id, creator_id=by, create_time=at, update_time=at, **given)
        window.validate(at)
        window.record(pb.MaintenanceWindowCreated())
        return window

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`; `ForbiddenMove` when it is over."""
        if self.change(at, fields):
            self.validate(at)
            self.record(pb.MaintenanceWindowUpdated())

    def expire(self, at: datetime) -> None:
        """Ends it now. One that is over stays as it is."""
        if self.end(at):
            self.record(pb.MaintenanceWindowExpired())

    def validate(self, at: datetime) -> None:
        """Raises `Invalid`, naming the fields, for what it may not be at an instant."""
        wrong = self.wrong_times(at)
        if not 0 < len(self.name.strip()) <= NAME_LENGTH:
            wrong["name"] = f"needs 1 to {NAME_LENGTH} characters"
        if not 0 < len(self.asset_ids) <= ASSETS or not all(self.asset_ids):
            wrong["asset_ids"] = f"needs 1 to {ASSETS}"
        if wrong:
            raise Invalid(wrong)
