"""What people set up for daily work: it has a name, is changed by field, may be shared, and can be removed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.moment import Act

NAME = 200
TEXT = 65_536


class Sharing(StrEnum):
    """Who beside its owner sees it."""

    PRIVATE = "PRIVATE"
    TEAM = "TEAM"
    EVERYBODY = "EVERYBODY"


@dataclass(slots=True, kw_only=True)
class Unnamed(Aggregate):
    """What is made, changed by field and removed.

    `CREATED`, `UPDATED` and `DELETED` are the messages of its events, `FIXED` names what is chosen once.
    """

    CREATED: ClassVar[Any]
    UPDATED: ClassVar[Any]
    DELETED: ClassVar[Any]
    FIXED: ClassVar[frozenset[str]] = frozenset()

    create_time: datetime
    update_time: datetime
    delete_time: datetime | None = None

    @classmethod
    def made(cls, now: Act, *, id: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`, naming the fields."""
        record = cls(id=id, create_time=now.at, update_time=now.at, **given)
        record.check(now)
        record.record(cls.CREATED())
        return record

    def edit(self, now: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told. Raises `Invalid`."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if fixed := sorted(self.FIXED & fields.keys()):
            raise Invalid(dict.fromkeys(fixed, "cannot be changed"))
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.update_time = now.at
            self.check(now)
            self.record(self.UPDATED())

    def delete(self, now: Act) -> None:
        """It is gone."""
        self.delete_time = self.update_time = now.at
        self.record(self.DELETED())

    def check(self, now: Act) -> None:
        """Settles what follows from its fields. Raises `Invalid`, naming those that are wrong."""
        if wrong := self.faults(now):
            raise Invalid(wrong)

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - for those whose faults depend on the present
        """What is wrong with the fields of its kind."""
        return {}


@dataclass(slots=True, kw_only=True)
class Kept(Unnamed):
    """The same with a name."""

    name: str = ""

    def check(self, now: Act) -> None:
        """See `Unnamed`."""
        if not 0 < len(self.name.strip()) <= NAME:
            raise Invalid({"name": f"needs 1 to {NAME} characters", **self.faults(now)})
        Unnamed.check(self, now)


@dataclass(slots=True, kw_only=True)
class Shared(Kept):
    """The same, made by somebody who may let others see it."""

    SHARED: ClassVar[Any]

    sharing: Sharing = Sharing.PRIVATE
    team_id: str = ""
    owner_id: str = ""

    def share(self, now: Act, sharing: Sharing, team_id: str = "") -> None:
        """Lets others see it, or no longer does."""
        if (self.sharing, self.team_id) != (sharing, team_id):
            self.sharing, self.team_id, self.update_time = sharing, team_id, now.at
            self.record(self.SHARED())
