"""The stack that the tests of a session share, and, where the session started it, the means to break and heal it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.options import Options
from stack.supervisor import Stack, running
from tests.support.otlp import Collector, collector


@dataclass(slots=True)
class Breakable:
    """A stack of our own. `failpoints` is the file that all its processes read, `traces` has the spans of sampled requests."""

    stack: Stack
    failpoints: Path
    traces: Collector

    def order(self, orders: Mapping[str, Mapping[str, Any]]) -> None:
        """Says what happens where (chassis/failpoints.py has the form); replaces what was ordered before."""
        part = self.failpoints.with_suffix(".part")
        part.write_text(json.dumps(orders))
        part.replace(self.failpoints)

    def alive(self, *names: str) -> list[str]:
        """Those of the processes that run."""
        return [name for name in names if self.stack.process(name).pid is not None]

    async def heal(self) -> None:
        """Nothing is ordered any more, and everything that is not running is started again."""
        self.order({})
        dead = [name for name in self.stack.describe()["processes"] if not self.alive(name)]
        await asyncio.gather(*(self.stack.restart(name) for name in dead))


@dataclass(slots=True)
class Platform:
    """`breakable` is absent for a stack that somebody else runs."""

    description: dict[str, Any]
    breakable: Breakable | None = None


@asynccontextmanager
async def started(state: Path, *, only_backing: bool, agent: bool = False) -> AsyncIterator[Platform]:
    """A stack in a folder of its own for the length of the block."""
    async with AsyncExitStack() as parts:
        if only_backing:
            stack = await parts.enter_async_context(running(Options(state=state, light=True, only_backing=True)))
            yield Platform(stack.describe())
            return
        traces = await parts.enter_async_context(collector())
        failpoints = state / "failpoints.json"
        failpoints.write_text("{}")
        # Only requests that come with a sampled `traceparent` are recorded, so that tracing costs the other tests nothing.
        extra = {
            "ITSM_FAILPOINTS": str(failpoints),
            "ITSM_OTLP_ENDPOINT": traces.address,
            "ITSM_TRACE_RATIO": "0",
        }
        stack = await parts.enter_async_context(running(Options(state=state, light=True, agent=agent, extra=extra)))
        yield Platform(stack.describe(), Breakable(stack, failpoints, traces))
