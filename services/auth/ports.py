"""What this service needs of others."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.auth.domain.directory import Directory as LdapDirectory
from services.auth.domain.entries import Answer
from services.auth.domain.person import Snapshot
from services.auth.domain.realm_event import RealmEvent


class Directory(Protocol):
    """Where people, teams and tenants come from."""

    async def snapshot(self) -> Snapshot:
        """All of them. Raises `Unavailable` when the realm does not answer or refuses."""


class RealmLog(Protocol):
    """Where the realm tells of sign-ins and of its administrators."""

    def pages(self, kind: str, since: datetime) -> AsyncIterator[Sequence[RealmEvent]]:
        """Events of a kind (`user`, `admin`) from an instant of the realm's clock on, in any order, some perhaps twice.

        Raises `Unavailable` when the realm does not answer or refuses.
        """


class Ldap(Protocol):
    """Where a directory is read."""

    def check(self, directory: LdapDirectory) -> None:
        """Raises `Invalid` for an address that is never reached."""

    async def read(self, directory: LdapDirectory, password: str) -> Answer:
        """All its people and groups. Never raises: what goes wrong is in the answer, in words."""


class RealmPeople(Protocol):
    """Accounts in the realm, and what belongs to them in one tenant. All but `create` may be done twice.

    All raise `Refused` for what the realm will not have, `Unavailable` when it does not answer.
    """

    async def create(self, tenant: str, username: str, fields: Mapping[str, str]) -> str:
        """An account without a password, as a member of the tenant; says its subject."""

    async def admit(self, tenant: str, subject: str) -> None:
        """Makes somebody a member of the tenant."""

    async def change(self, subject: str, fields: Mapping[str, str], *, enabled: bool | None = None) -> None:
        """Writes some of `first_name`, `last_name`, `email`, and whether the person may sign in."""

    async def join(self, tenant: str, subject: str, team: str) -> None:
        """Puts somebody into a team, which is made where there is none."""

    async def leave(self, tenant: str, subject: str, team: str) -> None:
        """Takes somebody out of a team."""


class Refused(Exception):
    """The realm will not have it; the text says why."""
