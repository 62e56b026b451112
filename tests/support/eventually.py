"""Waiting in tests for what other processes do, without sleeps of a guessed length."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, within: float = 60) -> None:
    """Return as soon as `condition` holds; raises `TimeoutError` when it does not within so many seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in another process)
            await asyncio.sleep(0.01)
