"""Dashboards: what their verbs change, and the one event that tells of each. Every change of what one shows is a version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.analytics import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.analytics.domain.tile import MOST_DAYS, Tile, bounds, faults

NAME, DESCRIPTION, NOTE = 200, 2_000, 300
USUAL_DAYS = 30
CONTENT = ("name", "description", "days", "tiles")
"""What a version holds."""


class Sharing(StrEnum):
    """Who beside its owner sees it."""

    PRIVATE = "PRIVATE"
    TEAM = "TEAM"
    EVERYBODY = "EVERYBODY"


@dataclass(slots=True, kw_only=True)
class Content:
    """What a dashboard shows, or would show."""

    name: str = ""
    description: str = ""
    days: int = USUAL_DAYS
    tiles: list[Tile] = field(default_factory=list)

    def faults(self) -> dict[str, str]:
        """What keeps it from being published."""
        wrong = self.bounds() | faults(self.tiles)
        if not self.name.strip():
            wrong["name"] = f"needs 1 to {NAME} characters"
        return wrong

    def bounds(self) -> dict[str, str]:
        """What no draft may hold either."""
        wrong = bounds(self.tiles)
        if len(self.name) > NAME:
            wrong["name"] = f"may have {NAME} characters"
        if len(self.description) > DESCRIPTION:
            wrong["description"] = f"may have {DESCRIPTION} characters"
        if not 0 <= self.days <= MOST_DAYS:
            wrong["days"] = f"may be 1 to {MOST_DAYS}"
        return wrong


@dataclass(slots=True, kw_only=True)
class Dashboard(Aggregate):
    """Figures side by side, which some people see."""

    name: str
    description: str = ""
    days: int = USUAL_DAYS
    tiles: list[Tile] = field(default_factory=list)
    sharing: Sharing = Sharing.PRIVATE
    team_id: str = ""
    owner_id: str = ""
    edition: int = 1
    built_in: bool = False
    create_time: datetime
    update_time: datetime
    publish_time: datetime
    delete_time: datetime | None = None

    @classmethod
    def made(cls, now: datetime, by: str, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`, naming the fields."""
        given = {**given, "days": given.get("days") or USUAL_DAYS}
        made = cls(id=id, owner_id=by, create_time=now, update_time=now, publish_time=now, **given)
        made._check()
        made.record(pb.DashboardCreated())
        return made

    @property
    def content(self) -> Content:
        """What it shows."""
        return Content(name=self.name, description=self.description, days=self.days, tiles=self.tiles)

    def edit(self, now: datetime, **fields: Any) -> bool:
        """Changes named fields; nothing changed, nothing is told. Says whether it shows something else from now on."""
        if not fields.get("days", 1):
            fields["days"] = USUAL_DAYS
        changed = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not changed:
            return False
        for name, value in changed.items():
            setattr(self, name, value)
        self._check()
        self.update_time = now
        if not changed.keys() & set(CONTENT):
            self.record(pb.DashboardShared())
            return False
        self._next(now)
        self.record(pb.DashboardPublished())
        return True

    def restore(self, now: datetime, edition: int, content: Mapping[str, Any]) -> bool:
        """Shows again what it showed then. Says whether that is something else."""
        if all(getattr(self, name) == content[name] for name in CONTENT):
            return False
        for name in CONTENT:
            setattr(self, name, content[name])
        self.update_time = now
        self._next(now)
        self.record(pb.DashboardRestored(restored_edition=edition))
        return True

    def delete(self, now: datetime) -> None:
        """It is gone."""
        self.delete_time = self.update_time = now
        self.record(pb.DashboardDeleted())

    def _next(self, now: datetime) -> None:
        self.edition += 1
        self.publish_time = now

    def _check(self) -> None:
        wrong = self.content.faults()
        if (self.sharing is Sharing.TEAM) is not bool(self.team_id):
            wrong["team_id"] = "names the team that it is shared with, and nothing else"
        if wrong:
            raise Invalid(wrong)
