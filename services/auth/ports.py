"""What this service needs of others."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

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
