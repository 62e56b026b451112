"""What keeps a running process honest: readiness checks, supervised background work, gRPC health, calls in flight.

Fails: never by itself. A check that hangs counts as failed after two seconds; background work that crashes is started
again, sooner first and every half minute in the end.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any

import grpc
from grpc_health.v1 import health

from chassis.errors import Error
from chassis.telemetry import Metrics

_log = logging.getLogger(__name__)
_CACHED_SECONDS = 5.0  # so that probes of many kubelets and people cost a dependency one question
_PROBE_SECONDS = 2.0  # three replicas of a set time out slower than a probe may
_FIRST_DELAY, _LAST_DELAY = 0.2, 30.0
_VISIBLE_SECONDS = 30.0

Report = dict[str, Any]


class Check:
    """A named question to a dependency, its answer kept for five seconds and shared by all who ask meanwhile."""

    def __init__(self, name: str, probe: Callable[[], Awaitable[object]], required: bool) -> None:
        self._name, self._probe, self._required = name, probe, required
        self._error = ""
        self._asked = -_CACHED_SECONDS
        self._asking: asyncio.Task[None] | None = None

    async def report(self) -> Report:
        """Its state, `ok` or `failed`, and the type of the error; the log has the rest."""
        if self._asking is None and time.monotonic() - self._asked >= _CACHED_SECONDS:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.shield(self._asking)
        state = "failed" if self._error else "ok"
        return {"name": self._name, "state": state, "required": self._required, "error": self._error}

    async def _ask(self) -> None:
        before, self._error = self._error, ""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._probe()
        except asyncio.CancelledError as error:
            if _canceled_from_outside():
                raise
            self._error = type(error).__name__
        except Exception as error:  # any failure of a dependency is the answer to the question
            self._error = type(error).__name__
            if self._error != before:
                # An error of the tree says all in one line; anything else needs its stack to be understood.
                told = {"problem": str(error)} if isinstance(error, Error) else {}
                extra = {"check": self._name, **told}
                _log.warning("Readiness check failed.", extra=extra, exc_info=None if told else error)
        finally:
            self._asked, self._asking = time.monotonic(), None
        if before and not self._error:
            _log.info("Readiness check recovered.", extra={"check": self._name})


def _canceled_from_outside() -> bool:
    """Tells a cancellation of the running task from one that only came out of what it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Background:
    """Work that is started again when it crashes."""

    def __init__(
        self, name: str, factory: Callable[[], Awaitable[object]], stage: IntEnum, required: bool, metrics: Metrics
    ) -> None:
        self.stage = stage
        self._name, self._factory, self._required, self._metrics = name, factory, required, metrics
        self._task: asyncio.Task[None] | None = None
        self._error = ""
        self._crashed = 0.0

    def start(self) -> None:
        """Begins the work."""
        self._task = asyncio.create_task(self._supervise(), name=self._name)

    async def stop(self) -> None:
        """Cancels the work, if it still runs, and waits for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def report(self) -> Report:
        """Failed for half a minute after a crash, so that a loop of crashes does not look well in between."""
        failed = bool(self._error) and time.monotonic() - self._crashed < _VISIBLE_SECONDS
        error = self._error if failed else ""
        return {"name": self._name, "state": "failed" if failed else "ok", "required": self._required, "error": error}

    async def _supervise(self) -> None:
        delay = _FIRST_DELAY
        while True:
            began = time.monotonic()
            try:
                await self._factory()
            except asyncio.CancelledError as error:
                if _canceled_from_outside():
                    raise
                self._note(error)
            except Exception as error:  # whatever it was, it ended work that must go on
                self._note(error)
            else:
                return
            if time.monotonic() - began > _LAST_DELAY:
                delay = _FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311 - spreads restarts, guards nothing
            delay = min(2 * delay, _LAST_DELAY)

    def _note(self, error: BaseException) -> None:
        self._error, self._crashed = type(error).__name__, time.monotonic()
        self._metrics.background_restarts.labels(self._name).inc()
        _log.error("Background work crashed.", extra={"task": self._name}, exc_info=error)


class Health(health.aio.HealthServicer):  # type: ignore[misc]
    """The standard health service, whose watches can be ended."""

    def __init__(self) -> None:
        super().__init__()
        self._watches: set[asyncio.Task[None]] = set()

    async def Watch(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:  # noqa: N802 - as in the proto
        """Streams the status until the client leaves or `end_watches` is called."""
        watch = asyncio.create_task(super().Watch(request, context))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        try:
            await asyncio.wait({watch})
        finally:
            watch.cancel()

    def end_watches(self) -> None:
        """Ends every stream with OK."""
        for watch in self._watches:
            watch.cancel()


class InFlight(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Knows the calls that are being answered."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Notes the task, in which gRPC runs the whole call."""
        if task := asyncio.current_task():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await continuation(handler_call_details)

    async def wait(self, seconds: float) -> None:
        """Returns when none is left, at the latest after `seconds`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
