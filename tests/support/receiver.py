"""A receiver of webhooks on this machine: answers what it is told to, in turn, and keeps what it was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What the sender calls it."""
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """Its body."""
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    def verified(self, secret: str) -> bool:
        """Whether the independent library takes it for genuine and fresh. Raises what that raises."""
        Webhook(secret).verify(self.body, self.headers)
        return True


@dataclass
class Receiver:
    """`answers` are given in turn, the last for ever; nothing is while it is not `speaking`."""

    answers: list[int]
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    seen: list[Sent] = field(default_factory=list)
    answer: bytes = b""
    speaking: asyncio.Event = field(default_factory=asyncio.Event)
    now: int = 0
    most: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            self.seen.append(Sent(headers, await reader.readexactly(int(headers["content-length"]))))
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await self.speaking.wait()
                status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{more}content-length: {len(self.answer)}\r\n\r\n".encode() + self.answer)
                await writer.drain()
            finally:
                self.now -= 1
        writer.close()


@asynccontextmanager
async def receiving(*answers: int, silent: bool = False, **more: Any) -> AsyncIterator[Receiver]:
    """A receiver for the block."""
    receiver = Receiver(list(answers), **more)
    if not silent:
        receiver.speaking.set()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.speaking.set()
        server.close()
