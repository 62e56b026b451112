"""Whoever makes the keys of agents, without the auth service."""

from chassis.errors import Unavailable
from services.asset.ports import Key


class KeyMaker:
    """Makes keys as the auth service does, and remembers which are over."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.over: set[str] = set()
        self.away = False

    async def issue(self, name: str) -> Key:
        if self.away:
            raise Unavailable("the auth service is away")
        self.made.append(name)
        return Key(f"crd_{len(self.made)}", f"ita_main_{len(self.made)}")

    async def revoke(self, id: str) -> None:  # noqa: A002 - as the port has it
        if self.away:
            raise Unavailable("the auth service is away")
        self.over.add(id)
