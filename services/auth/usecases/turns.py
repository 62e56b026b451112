"""One reading of a tenant at a time: a directory that answers slowly, or much, holds up its own tenant and no other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from chassis.errors import Exhausted

T = TypeVar("T")
_AGAIN = timedelta(seconds=10)


class Turns(Generic[T]):
    """Work that a tenant does once at a time. It goes on to its end though nobody waits for it any more."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def now(self, tenant: str, work: Callable[[], Awaitable[T]]) -> T:
        """Does it at once. Raises `Exhausted` while something of this tenant is under way."""
        if tenant in self._under_way:
            raise Exhausted("a directory of this tenant is being read; try it when that is over", _AGAIN)
        return await self._begin(tenant, work)

    async def next(self, tenant: str, work: Callable[[], Awaitable[T]]) -> T:
        """Does it when nothing of this tenant is under way."""
        while (before := self._under_way.get(tenant)) is not None:
            await asyncio.wait({before})
        return await self._begin(tenant, work)

    async def _begin(self, tenant: str, work: Callable[[], Awaitable[T]]) -> T:
        # A thread does not end because its caller left: were the place free by then, callers that leave would take all threads.
        task = asyncio.ensure_future(self._done(tenant, work))
        self._under_way[tenant] = task
        return await asyncio.shield(task)

    async def _done(self, tenant: str, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        finally:
            del self._under_way[tenant]
