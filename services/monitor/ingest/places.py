"""Places for requests with samples, and turns at reading them, shared between tenants so that none can starve the others.

A place may hold many megabytes, so there is a bounded number of them, and nobody can be sent away once in. What remains is
whom to let in: a tenant may hold up to three times what is free. Alone it has three of four places; with others each ends at
an equal share as places are given back; and a tenant with nothing gets one while there is any.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from chassis.errors import Unavailable

AT_ONCE = 16
READERS = 2  # threads of their own: nobody else waits for them, and they hold what two requests need
_TIMES_WHAT_IS_FREE = 3
_Result = TypeVar("_Result")


class Places:
    """`most` places, and `READERS` threads whose turns go round the tenants that wait."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._most = most
        self._held: dict[str, int] = {}
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="samples")
        self._idle = READERS
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """One place of the tenant. Raises `Unavailable`, never 429: Prometheus drops what is answered so."""
        held = self._held.get(tenant, 0)
        if held >= _TIMES_WHAT_IS_FREE * (self._most - sum(self._held.values())):
            raise Unavailable("too many requests with samples at once", timedelta(seconds=1), reason="TOO_MANY_REQUESTS")
        self._take(tenant)
        try:
            yield
        finally:
            self._give_back(tenant)

    async def read(self, tenant: str, read: Callable[..., _Result], *arguments: Any) -> _Result:
        """What `read` returns or raises, from a thread. Whoever has a place calls it."""
        await self._turn(tenant)
        reading = asyncio.get_running_loop().run_in_executor(self._readers, read, *arguments)
        reading.add_done_callback(lambda _: self._next())
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            # A thread cannot be stopped: what it holds has its place until it ends, whoever waits for it.
            self._take(tenant)
            reading.add_done_callback(lambda left: self._left(tenant, left))
            raise

    async def _turn(self, tenant: str) -> None:
        if self._idle > 0:
            self._idle -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()  # it was given the turn and leaves without taking it
            raise

    def _next(self) -> None:
        """The turn goes to the first of the next tenant, which then stands behind the others."""
        while self._waiting:
            tenant, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[tenant] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._idle += 1

    def _take(self, tenant: str) -> None:
        self._held[tenant] = self._held.get(tenant, 0) + 1

    def _give_back(self, tenant: str) -> None:
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]

    def _left(self, tenant: str, reading: "asyncio.Future[Any]") -> None:
        self._give_back(tenant)
        if not reading.cancelled():
            reading.exception()  # nobody else asks for it
