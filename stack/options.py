"""What can be chosen at a start, and where the stack keeps its files."""

import os
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE_VARIABLE = "ITSM_STACK_CACHE"


def _default_cache() -> Path:
    """Downloads are shared by every state folder of a checkout; a variable moves them, for machines that keep a cache."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser().resolve() if named else ROOT / ".state" / "cache"


@dataclass(frozen=True, slots=True)
class Options:
    """One start of the stack.

    `only_backing` leaves our own processes out; without `agent` the endpoint agent of this machine is not among them;
    `self_watch` makes the platform watch its own processes; `fresh` deletes the data first; `light` makes the JVMs start
    faster and run slower (right for tests, wrong for measurements); `gateways` is how many of them stand behind a balancer;
    `extra` adds settings to every process of ours.
    """

    state: Path = ROOT / ".state"
    cache: Path = field(default_factory=_default_cache)
    only_backing: bool = False
    agent: bool = True
    self_watch: bool = False
    fresh: bool = False
    light: bool = False
    mongo_driver: str = "motor"
    gateways: int = 1
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files below one state folder."""

    state: Path

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def mongo(self) -> Path:
        return self.state / "mongo"

    @property
    def kafka(self) -> Path:
        return self.state / "kafka"

    @property
    def keycloak(self) -> Path:
        return self.state / "keycloak"

    @property
    def services(self) -> Path:
        return self.state / "services"

    @property
    def agent(self) -> Path:
        return self.state / "agent"

    @property
    def lock(self) -> Path:
        return self.state / "stack.lock"

    @property
    def ports(self) -> Path:
        return self.state / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets.json"

    @property
    def clock(self) -> Path:
        return self.state / "clock"

    def data(self) -> tuple[Path, ...]:
        """All that `fresh` deletes: the data and the passwords that belong to it."""
        return (self.mongo, self.kafka, self.keycloak, self.services, self.agent, self.secrets, self.clock)
