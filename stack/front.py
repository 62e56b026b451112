"""A balancer before several gateways of one stack: it knows nothing of HTTP, each connection goes to the next that takes it.

`python -m stack.front LISTEN TARGET TARGET…`, each as host:port.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

_PIECE = 65_536


class Balancer:
    """Takes turns among addresses."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = [(host, int(port)) for host, _, port in (target.rpartition(":") for target in targets)]
        self._turn = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, closed at once where nobody takes it."""
        try:
            there, back = await self._next()
        except OSError:
            writer.close()
            return
        # Either side may leave at any time, and then the other is told.
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(reader, back))
            both.create_task(_pass(there, writer))

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for left in reversed(range(len(self._targets))):
            host, port = self._targets[self._turn % len(self._targets)]
            self._turn += 1
            try:
                return await asyncio.open_connection(host, port)
            except OSError:
                if not left:
                    raise
        raise OSError("there is nobody to take it")


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


@asynccontextmanager
async def balancing(listen: str, targets: Sequence[str]) -> AsyncIterator[int]:
    """Balances for the block; the port that it listens on."""
    host, _, port = listen.rpartition(":")
    server = await asyncio.start_server(Balancer(targets).serve, host, int(port))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _main(listen: str, targets: Sequence[str]) -> None:
    async with balancing(listen, targets):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1], sys.argv[2:]))
