"""A cable between a process and what it talks to, which a test can cut and mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Cable:
    """Passes bytes on between a port of its own and `host:port`."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._there = host, port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def mend(self) -> None:
        """Bytes flow; on the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Nothing flows, and nobody answers."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in list(self._ends):
            end.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._ends |= ends
        try:
            there, back = await asyncio.open_connection(self._host, self._there)
            ends.add(back)
            self._ends.add(back)
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        except OSError:
            pass  # one of both is gone, and so is the connection
        finally:
            for end in ends:
                end.transport.abort()
            self._ends -= ends


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def plugged(host: str, port: int) -> AsyncIterator[Cable]:
    """A cable that works, for the block."""
    cable = Cable(host, port)
    await cable.mend()
    try:
        yield cable
    finally:
        await cable.cut()
