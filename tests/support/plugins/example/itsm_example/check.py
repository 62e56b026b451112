"""Looks at a spool folder: how many files wait in it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class QueueCheck:
    """The target is a folder, a colon, and how many files are too many: `/var/spool/fax:100`."""

    api = 1

    async def look(self, target: str, timeout: float) -> Mapping[str, Any]:
        folder, _, most = target.rpartition(":")
        # Raises OSError where there is no such folder: a failed look.
        waiting = await asyncio.to_thread(lambda: sum(1 for _ in Path(folder).iterdir()))
        outcome = "OK" if waiting <= int(most) else "DEGRADED"
        return {"outcome": outcome, "message": f"{waiting} wait", "value": waiting}
