"""A process of the bench that takes a job a line and answers a result a line.

Fails with `RuntimeError` when it ends instead of answering; what it said on its standard error is on ours.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from stack.options import ROOT

_LONGEST = 120.0


class Child:
    """One such process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Sends a job and waits for its result."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        self._process.stdin.write(orjson.dumps(job) + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), _LONGEST)
        if not line:
            raise RuntimeError(f"the process ended with {await self._process.wait()}")
        result: dict[str, Any] = orjson.loads(line)
        return result


@asynccontextmanager
async def running(module: str) -> AsyncIterator[Child]:
    """`python -m module`, ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        yield Child(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
