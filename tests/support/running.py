"""Background work for the length of a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def background(*work: Callable[[], Awaitable[object]]) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Runs `work` until the block ends. A crash of it fails the block's test."""

    async def run(one: Callable[[], Awaitable[object]]) -> None:
        await one()

    tasks = [asyncio.create_task(run(one)) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
