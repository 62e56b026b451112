"""A Kafka broker of a test's own, to be killed and started again."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from stack.console import Console
from stack.credentials import Credentials
from stack.fetch import fetch
from stack.kafka import Kafka
from stack.options import Layout, Options
from stack.ports import Ports
from stack.process import Process


class Broker:
    """Its topics and users are those of the platform."""

    def __init__(self, state: Path) -> None:
        self._layout, self._console = Layout(state), Console()
        ports = Ports(self._layout.ports)
        self.kafka = Kafka(
            self._layout, ports.get("kafka"), ports.get("kafka-controller"), Credentials(self._layout.secrets), light=True
        )
        self._process: Process | None = None

    async def start(self) -> None:
        """Returns when the broker serves."""
        programs = await fetch(Options().cache, self._console)
        self._process = Process(await self.kafka.spec(programs.kafka_libs), self._console, lambda _: None)
        await self._process.start()
        await self.kafka.make_ready(self._process)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP makes it silent without closing a connection, SIGCONT ends that."""
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    async def kill(self) -> None:
        """Like a power cut of the broker alone."""
        assert self._process is not None
        self.signal(signal.SIGKILL)
        await self._process.stop()

    async def stop(self) -> None:
        """For good."""
        if self._process is not None:
            await self._process.stop()

    @property
    def described(self) -> dict[str, Any]:
        """As `backing` says it of the shared one."""
        return {"bootstrap": self.kafka.bootstrap, "users": {user: self.kafka.password(user) for user in self.kafka.users}}


@asynccontextmanager
async def own_broker(state: Path) -> AsyncIterator[Broker]:
    """A started broker for the block."""
    broker = Broker(state)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()
