"""Who this agent is: made at the first start, completed by enrolling, kept in a file that only its owner can read."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.files import write_private
from agent.settings import Misconfigured


@dataclass(frozen=True, slots=True)
class Identity:
    """`install_id` names the installation for as long as its folder lives; the rest is empty until it is enrolled."""

    install_id: str
    agent_id: str = ""
    asset_id: str = ""
    key: str = ""

    @property
    def enrolled(self) -> bool:
        return bool(self.key)


class IdentityFile:
    """The file of an identity."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "identity.json"

    def load(self) -> Identity:
        """The stored identity; a new one, stored at once, at the first start. Raises `Misconfigured` when it is damaged."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            return Identity(**{name: str(told[name]) for name in ("install_id", "agent_id", "asset_id", "key")})
        except FileNotFoundError:
            made = Identity(install_id=secrets.token_hex(16))
            self.store(made)
            return made
        except (ValueError, KeyError, TypeError) as error:
            raise Misconfigured(f"{self._path} is damaged; delete it and enroll again") from error

    def store(self, identity: Identity) -> None:
        """Keep it, whole or not at all."""
        write_private(self._path, json.dumps(asdict(identity), indent=2) + "\n")
