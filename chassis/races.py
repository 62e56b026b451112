"""A lost race is nobody's fault: what was decided on a state that has changed meanwhile is decided again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chassis.errors import Busy

ATTEMPTS = 5
# Seconds, twice as long each time, and shorter by chance so that those who met do not meet again.
_PAUSE, _LONGEST = 0.005, 0.5

T = TypeVar("T")


async def again(attempt: Callable[[], Awaitable[T]], *, attempts: int = ATTEMPTS) -> T:
    """What `attempt` returns, which is made again while it is `Busy`. Raises the `Busy` of the last attempt."""
    for made in range(1, attempts):
        try:
            return await attempt()
        except Busy:
            await asyncio.sleep(random.uniform(0.2, 1) * min(_PAUSE * 2**made, _LONGEST))  # noqa: S311 - jitter, no secret
    return await attempt()
