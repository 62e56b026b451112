"""Passwords of the local stack: random, made once, kept with the data in a file that only its owner can read."""

import json
import secrets
from pathlib import Path

from stack.files import write_atomically


class Credentials:
    """Named secrets. They belong to the data beside them: a lost file means a start with `--fresh`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str) -> str:
        """The secret of this name, made and stored at the first call."""
        if name not in self._known:
            self._known[name] = secrets.token_urlsafe(24)
            self._store()
        return self._known[name]

    def _store(self) -> None:
        write_atomically(self._file, json.dumps(self._known, indent=2, sort_keys=True) + "\n", mode=0o600)
