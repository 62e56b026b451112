"""Takes notices of the gateway to a file, as for a wallboard that shows its last lines."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class LineChannel:
    """The target is a file."""

    api = 1

    async def send(self, target: str, key: str, message: Mapping[str, Any]) -> None:
        if not target:
            raise ValueError("the address names no file")
        # Raises OSError where it cannot be written: it is tried again.
        await asyncio.to_thread(self._write, Path(target), f"{key} {message['title']}: {message['text']} {message['url']}")

    @staticmethod
    def _write(file: Path, line: str) -> None:
        with file.open("a") as lines:
            lines.write(f"{line}\n")
