"""The balancer before several gateways: turns are taken among those that are there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stack.front import balancing

NOBODY = "127.0.0.1:1"


@asynccontextmanager
async def saying(name: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name + await reader.readexactly(1))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def answered(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"?")
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_connections_go_to_each_in_turn_and_to_nobody_who_is_away() -> None:
    async with saying(b"one") as one, saying(b"two") as two, balancing("127.0.0.1:0", [one, NOBODY, two]) as port:
        answers = [await answered(port) for _ in range(12)]
    assert set(answers) == {b"one?", b"two?"}
    assert min(Counter(answers).values()) >= 4


async def test_where_nobody_is_there_the_connection_ends() -> None:
    async with balancing("127.0.0.1:0", [NOBODY, NOBODY]) as port:
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
