"""What this service needs of others."""

from typing import Protocol

from services.auth.domain.person import Snapshot


class Directory(Protocol):
    """Where people, teams and tenants come from."""

    async def snapshot(self) -> Snapshot:
        """All of them. Raises `Unavailable` when the realm does not answer or refuses."""
