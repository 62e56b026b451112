"""Another address for a web server: everything below a path of it, on another port, as behind an ingress that cuts the path."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LINE = re.compile(rb"\A([A-Z]+) (\S+) (HTTP/1\.1)\r\n")
_CONNECTION = re.compile(rb"(?im)^connection:[^\r\n]*\r\n")


@dataclass(slots=True)
class Prefixed:
    """The address, and what was asked for by path without the prefix."""

    url: str
    asked: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def prefixed(origin: str, prefix: str) -> AsyncIterator[Prefixed]:
    """Serves for the block; what is not below the prefix is not found."""
    target = urlsplit(origin)
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            head = await reader.readuntil(b"\r\n\r\n")
            line = _LINE.match(head)
            path = line[2].decode() if line else ""
            if line is None or not path.startswith(f"{prefix}/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                return
            path = path.removeprefix(prefix)
            served.asked[path.partition("?")[0]] += 1
            rest = _CONNECTION.sub(b"", head[line.end() :])
            upstream, sending = await asyncio.open_connection(target.hostname, target.port)
            # One request a connection, so that the head of each is seen here.
            sending.write(line[1] + b" " + path.encode() + b" HTTP/1.1\r\nConnection: close\r\n" + rest)
            there = asyncio.create_task(_copy(reader, sending))
            await _copy(upstream, writer)
            there.cancel()
            sending.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    served = Prefixed(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}")
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
