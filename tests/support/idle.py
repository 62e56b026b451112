"""Clients of the live stream by the thousand, in a process of their own: a job a line, a result a line.

    {"do": "connect", "url": …, "secrets": […], "each": 5, "topics": "assets", "rate": 100}
    {"do": "heard", "marker": …, "topics": "assets", "since": <time>, "within": 60}
    {"do": "back", "within": 60}

Each comes back with its last id when its connection ends, as browsers do. Nothing but ids and markers is kept, so that the
clients cost little beside the gateway that is looked at.
"""

import asyncio
import random
import re
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

_RETRY = (0.5, 3.0)
_MARKER = re.compile(rb"marker-[0-9a-f]{32}")


class Client(asyncio.Protocol):
    """One stream, over as many connections as it takes."""

    __slots__ = ("crowd", "heard", "last", "open", "refused", "rest", "secret", "times", "topics", "transport")

    def __init__(self, crowd: "Crowd", secret: str, topics: str) -> None:
        self.crowd, self.secret, self.topics = crowd, secret, topics
        self.last = self.rest = b""
        self.open, self.refused = False, ""
        self.times = 0  # how often it was connected
        self.heard: dict[bytes, list[float]] = {}
        self.transport: Any = None

    async def connect(self) -> None:
        """Begins, or goes on."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, self.crowd.host, self.crowd.port)
        except OSError as error:
            self.refused = repr(error)
            self.later()

    def later(self) -> None:
        """Comes back after a while of its own."""
        if not self.crowd.over:
            wait = random.uniform(*_RETRY)  # noqa: S311 - spreads them
            asyncio.get_running_loop().call_later(wait, lambda: self.crowd.start(self))

    def connection_made(self, transport: Any) -> None:
        self.transport, self.rest = transport, b""
        lines = [f"GET /api/v1/stream?topics={self.topics} HTTP/1.1", "Host: here", f"Authorization: Bearer {self.secret}"]
        lines += [f"Last-Event-ID: {self.last.decode()}"] if self.last else []
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        if not self.open:
            if not (self.rest + data).startswith(b"HTTP/1.1 200"):
                self.refused = (self.rest + data)[:200].decode(errors="replace")
                self.transport.close()
                return
            self.open = True
            self.times += 1
        *frames, self.rest = (self.rest + data).split(b"\n\n")
        for frame in frames:
            at = frame.rfind(b"id: ")
            if at >= 0:
                self.last = frame[at + 4 :].partition(b"\n")[0]
            if b"event: reset" in frame:
                self.crowd.resets += 1
            for marker in _MARKER.findall(frame)[-1:]:  # before it there may stand what was there before
                self.heard.setdefault(marker, []).append(time.time())

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.later()


class Crowd:
    """All clients of this process."""

    def __init__(self) -> None:
        self.host, self.port, self.over, self.resets = "", 0, False, 0
        self.clients: list[Client] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, client: Client) -> None:
        """Has a client connect."""
        task = asyncio.get_running_loop().create_task(client.connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def connect(self, job: dict[str, Any]) -> dict[str, Any]:
        """New clients, so many a second."""
        place = urlsplit(job["url"])
        self.host, self.port = str(place.hostname), int(place.port or 80)
        new = [Client(self, secret, job["topics"]) for secret in job["secrets"] for _ in range(job["each"])]
        self.clients += new
        began = time.monotonic()
        for number, client in enumerate(new):
            await asyncio.sleep(max(0.0, began + number / job["rate"] - time.monotonic()))
            self.start(client)
        await self._until(lambda: all(client.open for client in new), job.get("within", 60))
        return self._told(new, began)

    async def heard(self, job: dict[str, Any]) -> dict[str, Any]:
        """Who of those with these topics heard of something, how often and how late."""
        wanted = [client for client in self.clients if client.topics == job["topics"]]
        marker = job["marker"].encode()
        await self._until(lambda: all(marker in client.heard for client in wanted), job["within"])
        late = sorted(client.heard[marker][0] - job["since"] for client in wanted if marker in client.heard)
        return {
            "wanted": len(wanted),
            "heard": len(late),
            "twice": sum(len(client.heard.get(marker, ())) > 1 for client in wanted),
            "late": [round(seconds, 4) for seconds in late],
        }

    async def back(self, job: dict[str, Any]) -> dict[str, Any]:
        """Waits until everybody is connected again."""
        began = time.monotonic()
        await self._until(lambda: all(client.open for client in self.clients), job["within"])
        return self._told(self.clients, began) | {"resets": self.resets}

    def _told(self, clients: list[Client], began: float) -> dict[str, Any]:
        refused = next((client.refused for client in clients if not client.open), "")
        seconds = round(time.monotonic() - began, 1)
        return {"open": sum(client.open for client in clients), "of": len(clients), "refused": refused, "seconds": seconds}

    async def _until(self, condition: Any, within: float) -> None:
        end = time.monotonic() + within
        while not condition() and time.monotonic() < end:  # noqa: ASYNC110 - what comes is counted, not waited for
            await asyncio.sleep(0.1)


async def _main() -> None:
    crowd, loop = Crowd(), asyncio.get_running_loop()
    jobs = {"connect": crowd.connect, "heard": crowd.heard, "back": crowd.back}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = orjson.loads(line)
        sys.stdout.write(orjson.dumps(await jobs[job["do"]](job)).decode() + "\n")
        sys.stdout.flush()
    crowd.over = True


if __name__ == "__main__":
    uvloop.run(_main())
