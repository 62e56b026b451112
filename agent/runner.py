"""The agent as a whole: what it does side by side, and how it ends."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from agent import otlp
from agent.buffer import SAMPLES, Buffer
from agent.checks.looking import Looker
from agent.client import Client, KeyRejected, Later, Refused
from agent.delivery import InventoryLane, ResultsLane, SamplesLane
from agent.files import private_folder
from agent.identity import Identity, IdentityFile
from agent.inventory import Inventory, identifying, report
from agent.membership import Membership
from agent.metrics import Sampler
from agent.platforms import Platform
from agent.platforms.shared import hostname
from agent.settings import Settings
from agent.threads import look
from agent.times import spread
from agent.watching import Watching

_log = logging.getLogger(__name__)

VERSION = "0.1.0"

_LAST_WORDS = 4.0
"""Seconds that the end may take to deliver what waits."""
_ONCE = 60.0
_LOOK = 120.0
_LAST_WHOLE = "whole_time"
_WHOLE_AGAIN = 600.0
_MEBIBYTE = 1 << 20


class Agent:
    """One agent on one state folder; use it as an asynchronous context."""

    def __init__(self, settings: Settings, platform: Platform, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._platform = platform
        self._clock = clock
        private_folder(settings.state)
        self._buffer = Buffer(settings.state / "buffer.db", settings.buffer_megabytes * _MEBIBYTE)
        self._client = Client(settings.server, settings.ingest, version=VERSION, ca_file=settings.ca_file)
        self._inventory = Inventory(platform)
        self._sampler = Sampler(clock)
        self._whole = asyncio.Event()
        self._membership = Membership(
            self._client, IdentityFile(settings.state), settings.key_file, self._introduction, self._joined
        )
        self._results = ResultsLane(self._membership, self._buffer, self._client)
        self._samples = SamplesLane(self._membership, self._buffer, self._client, self._resource)
        self._reports = InventoryLane(self._membership, self._buffer, self._client, version=VERSION, wanted=self._wanted)
        self._watching = Watching(
            self._client, self._membership, self._buffer, self._results, Looker(platform, clock=clock),
            every=settings.checks_interval, combine=settings.combine_seconds,
        )  # fmt: skip

    async def __aenter__(self) -> "Agent":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        self._buffer.close()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then delivers what it still can within a few seconds."""
        _log.info("agent %s on %s, %s waits", VERSION, self._settings.state, dict(self._buffer.counts()))
        work: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self._results.run, self._samples.run, self._reports.run, self._look_around, self._sample, self._watching.follow,
            self._watching.run,
        ]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one()) for one in work]
            for lane in (self._results, self._samples, self._reports):
                lane.ask()
            await stop.wait()
            for task in tasks:
                task.cancel()
        await self._last_words()

    async def once(self) -> bool:
        """Tells everything once; says whether all of it was delivered."""
        try:
            async with asyncio.timeout(_ONCE):
                if not self._membership.identity.enrolled:
                    await self._membership.enroll()
                await self._look(whole=True)
                await self._watching.fetch()
                await asyncio.sleep(1)  # use of the processors is that between two readings
                await self._take_sample()
                await self._watching.look_at_all()
                await self._reports.flush()
                await self._results.flush()
                await self._samples.flush()
        except (Later, Refused, KeyRejected, TimeoutError) as error:
            _log.error("not all is delivered: %s", error or "the platform takes too long")
            return False
        return True

    async def _look_around(self) -> None:
        whole = self._whole_is_due()
        while True:
            await self._look(whole=whole)
            wait = spread(self._settings.inventory_interval, least=0.9, most=1.1)
            try:
                async with asyncio.timeout(wait):
                    await self._whole.wait()
            except TimeoutError:
                whole = self._whole_is_due()
                continue
            whole = True
            self._whole.clear()

    async def _look(self, *, whole: bool) -> None:
        try:
            sections = await look(lambda: self._inventory.look(self._clock()), timeout=_LOOK)
        except TimeoutError:
            _log.warning("looking at this machine took more than %.0f s; it is tried again", _LOOK)
            return
        news = [section.name for section in sections if self._buffer.put_section(section, whole=whole)]
        if whole:
            self._buffer.remember(**{_LAST_WHOLE: self._clock()})
        if news:
            _log.debug("sections to tell: %s", ", ".join(news))
            self._reports.ask()

    def _whole_is_due(self) -> bool:
        last = self._buffer.fact(_LAST_WHOLE)
        interval = spread(self._settings.full_interval, least=0.9, most=1.1)
        return last is None or not 0 <= self._clock() - last < interval

    async def _sample(self) -> None:
        await asyncio.sleep(spread(min(5.0, self._settings.metrics_interval)))
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._take_sample()
            due = max(due + self._settings.metrics_interval, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _take_sample(self) -> None:
        try:
            sample = await look(self._sampler.sample, timeout=_LOOK)
        except (TimeoutError, OSError) as error:
            _log.warning("no sample of this machine: %s", error or "it took too long")
            return
        self._buffer.add(SAMPLES, [otlp.encode(sample, VERSION)])
        self._samples.ask()

    def _resource(self) -> dict[str, str]:
        identity = self._membership.identity
        told = {"agent.id": identity.agent_id, "asset.id": identity.asset_id}
        known = {name: text for name, text in told.items() if text}
        return {"service.name": "itsm-agent", "host.name": hostname(), **known}

    async def _introduction(self, identity: Identity) -> dict[str, Any]:
        sections = identifying(await look(lambda: self._inventory.look(self._clock()), timeout=_LOOK))
        return {
            "installId": identity.install_id,
            "name": self._settings.name or hostname(),
            "version": VERSION,
            "platform": self._platform.name,
            "inventory": report(sections),
        }

    def _wanted(self) -> None:
        """Not again and again: what this machine cannot tell, the platform may want for ever."""
        last = self._buffer.fact(_LAST_WHOLE)
        if last is None or not 0 <= self._clock() - last < _WHOLE_AGAIN:
            self._whole.set()

    def _joined(self) -> None:
        self._buffer.forget_sections()
        self._whole.set()

    async def _last_words(self) -> None:
        if not self._membership.identity.enrolled:
            return

        async def told(flush: Callable[[], Awaitable[None]]) -> None:
            try:
                async with asyncio.timeout(_LAST_WORDS):
                    await flush()
            except (Later, TimeoutError) as error:
                _log.info("the rest waits in the buffer: %s", error or "the platform takes too long")

        await asyncio.gather(told(self._results.flush), told(self._reports.flush), told(self._samples.flush))
