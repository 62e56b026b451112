"""What is put off when there is too much to do: bulk work first, then lists, then single records; what is urgent last.

How many requests may be under way is learned: while the event loop is late or answers take long, fewer are let in, else
slowly more again. Who is refused is told so at once and when to come back.

Fails: `Problem` 503 `overloaded`.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from chassis.http.problems import Problem
from chassis.telemetry import Metrics


class Class(StrEnum):
    """Kinds of requests, the least to be missed first."""

    CRITICAL = "critical"
    NORMAL = "normal"
    SHEDDABLE = "sheddable"
    BULK = "bulk"


SHARES = {Class.CRITICAL: 1.0, Class.NORMAL: 0.9, Class.SHEDDABLE: 0.7, Class.BULK: 0.4}
"""Up to which part of what may be under way a kind is still let in."""

FEWEST = 32
TICK_SECONDS = 0.1
LATE_SECONDS = 0.25
SLOW_SECONDS = 2.0
_FEWER, _MORE = 0.8, 0.02


class Shedding:
    """Counts what is under way. `most` is the highest that is ever let in at once; 0 refuses nobody."""

    def __init__(self, most: int, metrics: Metrics | None = None) -> None:
        self._most = most
        self._metrics = metrics
        self.limit = float(most)
        self.in_flight = 0
        self._answers, self._seconds = 0, 0.0
        if metrics is not None:
            metrics.http_server_in_flight.set_function(lambda: self.in_flight)

    @contextmanager
    def admitted(self, kind: Class) -> Iterator[None]:
        """Lets a request in for the length of the block. Raises `Problem` 503."""
        if self._most and self.in_flight >= self.limit * SHARES[kind]:
            if self._metrics is not None:
                self._metrics.requests_shed.labels(kind.value).inc()
            seconds = str(random.randint(1, 4))  # noqa: S311 - who is sent away together shall not come back together
            raise Problem(
                503,
                "overloaded",
                "there is too much to do at the moment",
                reason="TEMPORARY_REDUCED_CAPACITY",
                headers={"retry-after": seconds},
            )
        self.in_flight += 1
        began = time.perf_counter()
        try:
            yield
        finally:
            self.in_flight -= 1
            if kind is not Class.BULK:
                self._answers += 1
                self._seconds += time.perf_counter() - began

    async def watch(self) -> None:
        """Learns from how late the event loop is and how long answers take, until canceled."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            await asyncio.sleep(TICK_SECONDS)
            self.learn(loop.time() - asked - TICK_SECONDS)

    def learn(self, late: float) -> None:
        """One tick: `late` is by how many seconds the event loop was."""
        slow = self._answers > 0 and self._seconds / self._answers > SLOW_SECONDS
        self._answers, self._seconds = 0, 0.0
        if late > LATE_SECONDS or slow:
            # Fewer help only where the many are the cause, not a slow machine or service.
            if self.in_flight > self.limit / 2:
                self.limit = max(float(min(FEWEST, self._most)), self.limit * _FEWER)
        else:
            self.limit = min(float(self._most), self.limit + self._most * _MORE)
