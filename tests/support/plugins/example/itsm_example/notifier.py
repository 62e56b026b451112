"""Tells of alerts by a line in a file, as for a pager that reads one."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class LineNotifier:
    """The target is a file."""

    api = 1

    async def notify(self, target: str, key: str, notification: Mapping[str, Any]) -> None:
        if not target:
            raise ValueError("the address names no file")
        # Raises OSError where it cannot be written: it is tried again.
        await asyncio.to_thread(self._write, Path(target), json.dumps({"key": key, **notification}))

    @staticmethod
    def _write(file: Path, line: str) -> None:
        with file.open("a") as lines:
            lines.write(f"{line}\n")
