"""A client of the live stream that comes back with its cursor whenever the connection breaks, as browsers do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from tests.support.gateway import Gateway

_RETRY = 0.1  # seconds


class Heard:
    """What arrived: events by id, which of them came after a later version of their record, and how often it came back."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.out_of_order: list[str] = []
        self.connections = 0
        self.resets = 0
        self.connected = asyncio.Event()
        self._cursor = ""
        self._reached: dict[str, int] = {}

    async def all_of(self, ids: set[str], within: float = 60) -> None:
        """Waits until these events have arrived. Raises `TimeoutError` with those that have not."""
        try:
            async with asyncio.timeout(within):
                while not ids <= self.events.keys():  # noqa: ASYNC110 - filled by the reading task
                    await asyncio.sleep(0.05)
        except TimeoutError:
            missing = len(ids - self.events.keys())
            raise TimeoutError(f"{missing} of {len(ids)} events did not reach the stream, {self.resets} resets") from None

    async def follow(self, gateway: Gateway, topics: str) -> None:
        """Listens for ever."""
        while True:
            with suppress(httpx.TransportError):
                headers = {"accept": "text/event-stream"} | ({"last-event-id": self._cursor} if self._cursor else {})
                question = gateway.http.stream("GET", "/api/v1/stream", params={"topics": topics}, headers=headers, timeout=40)
                async with question as response:
                    if response.status_code == httpx.codes.OK:
                        self.connections += 1
                        await self._read(response)
            await asyncio.sleep(_RETRY)

    async def _read(self, response: httpx.Response) -> None:
        frame: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if name:
                frame[name] = value.removeprefix(" ")
            elif not line and frame:
                self._take(frame)
                frame = {}

    def _take(self, frame: dict[str, str]) -> None:
        if frame.get("id"):
            self._cursor = frame["id"]
            self.connected.set()
        if frame.get("event") == "reset":
            self.resets += 1
        elif "data" in frame and frame.get("event") not in ("reauth", "rights"):
            event = json.loads(frame["data"])
            if event["id"] not in self.events and event["version"] < self._reached.get(event["subject"], 0):
                self.out_of_order.append(event["id"])
            self.events[event["id"]] = event
            self._reached[event["subject"]] = max(event["version"], self._reached.get(event["subject"], 0))


@asynccontextmanager
async def listening(gateway: Gateway, topics: str) -> AsyncIterator[Heard]:
    """Listens for the length of the block, from the moment on in which the stream has said where it stands."""
    heard = Heard()
    following = asyncio.create_task(heard.follow(gateway, topics))
    try:
        async with asyncio.timeout(60):
            await heard.connected.wait()
        yield heard
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
