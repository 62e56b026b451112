"""What the use cases want from outside."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Key:
    """What an agent signs in with: its id, and the secret that is told once."""

    id: str
    secret: str


class Keys(Protocol):
    """Makes and ends the keys of agents. Both raise `Unavailable` while who makes them is away."""

    async def issue(self, name: str) -> Key:
        """A new key that can do what an agent does, and nothing else."""

    async def revoke(self, id: str) -> None:  # noqa: A002 - as its field
        """Ends a key; one that is over stays so."""
