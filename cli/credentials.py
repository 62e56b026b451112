"""The stored sign-in: one file in the user's configuration folder that only its owner may read.

A token is sent to the address that it was stored for and to no other.

Fails: `SignInNeeded` when there is none, `CliError` when the file can be read by others or is damaged.
"""

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.errors import CliError

_NAME = "credentials.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Renewal(BaseModel):
    """How a token of the device flow is renewed. `expires` is a Unix time in seconds."""

    model_config = ConfigDict(frozen=True)

    refresh_token: str
    expires: float
    token_endpoint: str
    client_id: str


class Credentials(BaseModel):
    """A sign-in at one address; `renewal` is absent for a personal access token, which lives until it is revoked."""

    model_config = ConfigDict(frozen=True)

    url: str
    token: str
    renewal: Renewal | None = None

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What is stored in the folder, if anything."""
        path = folder / _NAME
        try:
            with path.open("rb") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise CliError(f"{path} can be read by others", hint=f"chmod 600 {path}")
                return cls.model_validate_json(file.read())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise CliError(f"{path} is damaged", hint="sign in again: itsm login") from error

    def save(self, folder: Path) -> Path:
        """Stores it, readable by its owner only from the first byte on; says where."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content: dict[str, Any] = self.model_dump(exclude_none=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=_NAME)  # made with 0600
        draft = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
            draft.replace(folder / _NAME)
        finally:
            draft.unlink(missing_ok=True)
        return folder / _NAME

    @staticmethod
    def forget(folder: Path) -> bool:
        """Removes what is stored; False when there was nothing."""
        try:
            (folder / _NAME).unlink()
        except FileNotFoundError:
            return False
        return True
