"""The small HTTP server of health and metrics: GET and HEAD, plaintext, one answer a connection.

It runs on a thread and an event loop of its own, so that `/livez` can say that the main loop hangs, and neither a
scrape nor a slow reader delays a request.

Fails: `OSError` at start when the address is taken. A client that is slow, sends garbage or too much gets 4xx or is cut
off after five seconds; beyond 64 connections new ones are closed at once.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

_log = logging.getLogger(__name__)
_MAX_HEAD = 8192
_MAX_CONNECTIONS = 64
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route says."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


Route = Callable[[str], Awaitable[Answer]]
"""Takes the value of `Accept`; runs on the loop of the management server."""


def on_loop(loop: asyncio.AbstractEventLoop, handler: Callable[[], Awaitable[Answer]]) -> Route:
    """A route whose `handler` runs on `loop`, where its state lives; 503 when that loop does not get to it in time."""

    async def call() -> Answer:
        return await handler()

    async def route(_accept: str) -> Answer:
        running = asyncio.run_coroutine_threadsafe(call(), loop)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), _PATIENCE)
        except TimeoutError:
            return Answer(b'{"status":"unresponsive"}', 503)

    return route


def listening_socket(address: str) -> socket.socket:
    """Listens on `host:port`; an empty host means every interface, port 0 a free port. Raises `OSError`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    dual = host in ("", "::") and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, dualstack_ipv6=dual, backlog=_MAX_CONNECTIONS)


class ManagementServer:
    """Serves `routes`, a dictionary from path to route that may still grow while it runs."""

    def __init__(self, routes: dict[str, Route]) -> None:
        self._routes = routes
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    def start(self, address: str) -> None:
        """Serves as soon as it returns. Raises `OSError` when the address is taken."""
        listener = listening_socket(address)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="management", daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._accepted, sock=listener, limit=_MAX_HEAD)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(_PATIENCE)

    def stop(self) -> None:
        """Closes the port and every connection."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=1)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connection = self._loop.create_task(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * _PATIENCE):
                answer, with_body = await self._answer(reader)
                head = (
                    f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: {answer.content_type}\r\n"
                    f"Content-Length: {len(answer.body)}\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n"
                )
                writer.write(head.encode() + (answer.body if with_body else b""))
                await writer.drain()
                writer.write_eof()
                await _swallow(reader)
        except (TimeoutError, OSError, EOFError):
            _log.debug("Management connection was cut off.")
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Answer, bool]:
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        except TimeoutError:
            return _refusal(HTTPStatus.REQUEST_TIMEOUT), True
        request, *lines = head.decode("latin-1").split("\r\n")
        match request.split(" "):
            case [method, target, ("HTTP/1.1" | "HTTP/1.0")]:
                pass
            case _:
                return _refusal(HTTPStatus.BAD_REQUEST), True
        if method not in ("GET", "HEAD"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED), True
        route = self._routes.get(target.partition("?")[0])
        if route is None:
            return _refusal(HTTPStatus.NOT_FOUND), method == "GET"
        headers = (line.partition(":") for line in lines)
        accept = next((value.strip() for name, _, value in headers if name.lower() == "accept"), "")
        try:
            return await route(accept), method == "GET"
        except Exception:  # a defect in one route must not look like a dead process
            _log.exception("Management route failed.", extra={"path": target})
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR), method == "GET"


def _refusal(status: HTTPStatus) -> Answer:
    return Answer(f"{status.phrase}\n".encode(), status, "text/plain; charset=utf-8")


async def _swallow(reader: asyncio.StreamReader) -> None:
    # Closing with unread bytes resets the connection, and the client would lose the answer; so read on for a moment.
    async with asyncio.timeout(1):
        while await reader.read(65536):
            continue
