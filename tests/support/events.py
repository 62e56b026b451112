"""A client of the event stream, as a browser's EventSource is one: it keeps the last id and knows where to go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson


@dataclass(slots=True)
class Events:
    """What came over one connection. `last` is the id to go on from; `comments` are the lines that browsers hide."""

    answer: httpx.Response
    last: str = ""
    retry: int = 0
    comments: list[str] = field(default_factory=list)
    _lines: AsyncIterator[str] | None = None

    async def next(self, within: float = 60) -> tuple[str, Any] | None:
        """Name and data of the next event; `None` at the clean end. Raises `TimeoutError`, or what a cut connection raises."""
        async with asyncio.timeout(within):
            return await self._next()

    async def _next(self) -> tuple[str, Any] | None:
        if self._lines is None:
            self._lines = self.answer.aiter_lines()
        name, data = "message", ""
        async for line in self._lines:
            field_, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field_:
                case "id":
                    self.last = value
                case "event":
                    name = value
                case "data":
                    data += value
                case "retry":
                    self.retry = int(value)
                case "" if line:
                    self.comments.append(value)
                case "" if data:
                    return name, orjson.loads(data)
                case _:
                    continue
        return None

    async def until(self, *subjects: str, within: float = 60) -> list[str]:
        """The subjects that came until all of these had, in whatever order: only events of one subject keep theirs."""
        came: list[str] = []
        async with asyncio.timeout(within):
            while missing := set(subjects).difference(came):
                event = await self._next()
                if event is None:
                    raise AssertionError(f"the stream ended before {missing}; there came {came}")
                came.append(event[1].get("subject", event[0]))
        return came

    async def begun(self) -> None:
        """Waits for the first block, after which nothing is missed."""
        if self._lines is None:
            self._lines = self.answer.aiter_lines()
        async for line in self._lines:
            if not line:
                return
            if line.startswith("id: "):
                self.last = line[4:]
            if line.startswith("retry: "):
                self.retry = int(line[7:])


@asynccontextmanager
async def listening(
    url: str, token: str = "", *, last: str = "", begun: bool = True, headers: dict[str, str] | None = None, **query: str
) -> AsyncIterator[Events]:
    """Connects to the stream of the gateway at `url` for the block. Raises `httpx.HTTPStatusError` when it is refused."""
    given = {"authorization": f"Bearer {token}"} if token else {}
    given |= headers or {}
    if last:
        given["last-event-id"] = last
    async with (
        httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(10, read=None)) as http,
        http.stream("GET", f"{url}/api/v1/stream", params=query, headers=given) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            await answer.aread()
            answer.raise_for_status()
        events = Events(answer, last=last)
        if begun:
            await events.begun()
        yield events
