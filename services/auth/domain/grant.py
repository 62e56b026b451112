"""A role that somebody holds in a tenant because somebody there gave it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from itsm.auth import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import AlreadyExists, ForbiddenMove


@dataclass(slots=True, kw_only=True)
class Grant(Aggregate):
    """One person, one role; given, taken, and perhaps given again."""

    subject: str
    role: str
    granter_id: str
    create_time: datetime
    revoke_time: datetime | None = None
    directory_id: str = ""

    @classmethod
    def give(
        cls,
        *,
        id: str,  # noqa: A002 - as its field
        subject: str,
        role: str,
        by: str,
        at: datetime,
        directory_id: str = "",
    ) -> Self:
        """Given for the first time; by a directory where one is named."""
        grant = cls(id=id, subject=subject, role=role, granter_id=by, create_time=at, directory_id=directory_id)
        grant.record(pb.RoleGranted())
        return grant

    @property
    def holds(self) -> bool:
        """Whether it is in force."""
        return self.revoke_time is None

    def give_again(self, *, by: str, at: datetime) -> None:
        """After it was taken. Raises `AlreadyExists` while it holds."""
        if self.holds:
            raise AlreadyExists("grant", self.id, f"{self.subject} holds the role {self.role} already")
        self.granter_id, self.create_time, self.revoke_time = by, at, None
        self.record(pb.RoleGranted())

    def take(self, *, at: datetime) -> None:
        """Taken away. Raises `ForbiddenMove` when it does not hold."""
        if not self.holds:
            raise ForbiddenMove("REVOKED", "revokeRole", f"{self.subject} does not hold the role {self.role} by a grant")
        self.revoke_time = at
        self.record(pb.RoleRevoked())
