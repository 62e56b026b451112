"""The stack that the tests of a session share, and, where the session started it, the means to break and heal it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from stack.options import Options
from stack.supervisor import Stack, running
from tests.support.gateway import Gateway
from tests.support.otlp import Collector, collector
from tests.support.plugged import NAMED, install

HEALED = 120.0  # seconds within which everything answers again, on however slow a machine
IN_A_ROW = 3
GATEWAYS = int(os.environ.get("ITSM_TEST_GATEWAYS", "1"))
"""The whole suite may be run against several gateways behind a balancer, which nobody should notice."""
READS = {"auth": "tokens", "incident": "incidents", "asset": "assets", "monitor": "checks", "analytics": "kpis"}
"""For each service behind the gateway something that it answers from its database."""


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
        """Those that run; of a service of which there are several processes, all of them."""
        every = self.stack.describe()["processes"]
        dead = {name for name in every if self.stack.process(name).pid is None}
        return [name for name in names if not any(each == name or each.startswith(f"{name}-") for each in dead)]

    async def heal(self) -> None:
        """Nothing is ordered any more, everything that is not running is started again, and the whole platform answers.

        Who breaks anything ends with this; the fixture `breakable` does so after each test, also after one that failed.
        Raises `AssertionError` with what does not answer.
        """
        self.order({})
        left, in_a_row = ["nothing was asked"], 0
        try:
            async with asyncio.timeout(HEALED), Gateway(*self._entrance()) as gateway:
                while in_a_row < IN_A_ROW:
                    # Somebody may die of an order that was given before, after everybody was found alive.
                    dead = [name for name in self.stack.describe()["processes"] if self.stack.process(name).pid is None]
                    await asyncio.gather(*(self.stack.restart(name) for name in dead))
                    left = await self._silent(gateway)
                    in_a_row = 0 if left else in_a_row + 1
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"after {HEALED:.0f} s there is no answer yet: {'; '.join(left)}") from None

    def _entrance(self) -> tuple[str, str]:
        described = self.stack.describe()
        return described["gateway"], described["users"]["admin"]["token"]

    async def _silent(self, gateway: Gateway) -> list[str]:
        """Who does not say that it is ready, and what the gateway does not answer, each with what comes instead."""
        services = self.stack.describe()["services"]
        addresses = [f"{services[name]['management']}/readyz" for name in services]
        addresses += [f"{gateway.url}/api/v1/{READS[name]}" for name in services if name in READS]
        found = await asyncio.gather(*(_complaint(gateway.http, address) for address in addresses))
        return [complaint for complaint in found if complaint]


@dataclass(slots=True)
class Platform:
    """`stack` and `breakable` are absent where somebody else runs it, `breakable` where there is nothing but the backing."""

    description: dict[str, Any]
    breakable: Breakable | None = None
    stack: Stack | None = None


@asynccontextmanager
async def started(state: Path, *, only_backing: bool, agent: bool = False) -> AsyncIterator[Platform]:
    """A stack in a folder of its own for the length of the block."""
    async with AsyncExitStack() as parts:
        if only_backing:
            stack = await parts.enter_async_context(running(Options(state=state, light=True, only_backing=True)))
            yield Platform(stack.describe(), stack=stack)
            return
        traces = await parts.enter_async_context(collector())
        failpoints = state / "failpoints.json"
        failpoints.write_text("{}")
        # Only requests that come with a sampled `traceparent` are recorded, so that tracing costs the other tests nothing.
        extra = {
            "ITSM_FAILPOINTS": str(failpoints),
            "ITSM_OTLP_ENDPOINT": traces.address,
            "ITSM_TRACE_RATIO": "0",
            # That a key counts for less than a minute as usual is for the unit tests, which have a clock of their own.
            "ITSM_KEYS_SECONDS": "5",
            "ITSM_REALM_EVENTS_SECONDS": "2",
            # Whoever is killed here is missed by the others for half as long as usual.
            "ITSM_LEASE_SECONDS": "7.5",
            "ITSM_PLUGINS": NAMED,
            "PYTHONPATH": str(await asyncio.to_thread(install, state / "plugins")),
        }
        options = Options(state=state, light=True, agent=agent, gateways=GATEWAYS, extra=extra)
        stack = await parts.enter_async_context(running(options))
        yield Platform(stack.describe(), Breakable(stack, failpoints, traces), stack)


async def _complaint(http: httpx.AsyncClient, address: str) -> str:
    try:
        answer = await http.get(address, headers={"connection": "close"})
    except httpx.TransportError as error:
        return f"{address}: {error!r}"
    return "" if answer.status_code == httpx.codes.OK else f"{address}: {answer.status_code} {answer.text[:200]}"
