"""The HTTP listener as a part of our process: uvicorn with its signals taken away and patience for slow clients bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.domain import uuid7
from chassis.http.problems import Problem

App = Callable[[Any, Any, Any], Awaitable[None]]

_GRACE_SECONDS = 20
_HEAD_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75
_UNREADABLE = (
    "HTTP/1.1 400 Bad Request",
    "content-type: application/problem+json",
    "cache-control: no-store",
    "content-security-policy: default-src 'none'; frame-ancestors 'none'",
    "referrer-policy: no-referrer",
    "x-content-type-options: nosniff",
    "connection: close",
)


class Listener:
    """Serves `app` on `listen` (host:port). `before_stop` runs before running requests are waited for."""

    def __init__(self, listen: str, app: App, before_stop: Callable[[], Awaitable[object]]) -> None:
        host, _, port = listen.rpartition(":")
        self._listen = listen
        self._before_stop = before_stop
        self._serving: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=int(port),
                http=_Protocol,
                proxy_headers=False,  # what a client says of itself is no fact
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Returns when connections are taken. Raises `RuntimeError` for an address that cannot be had."""
        self._serving = asyncio.create_task(self._serve())
        while not self._server.started:
            if self._serving.done():
                raise RuntimeError(f"the HTTP listener on {self._listen} ended at once")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Ends streams, then takes no more connections, and returns when running requests are answered."""
        await self._before_stop()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving

    async def _serve(self) -> None:
        with suppress(SystemExit):  # how uvicorn says that the port is taken
            await self._server.serve()


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leaves them to the lifecycle in `chassis.service`."""
        return nullcontext()


class _Protocol(HttpToolsProtocol):
    """A connection, given ten seconds for each head of a request: uvicorn itself would wait for ever."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what the parser says is of no use to a client
        """Answers what is no HTTP, in the form of every other refusal; no application has seen it."""
        refusal = Problem(400, "malformed", "this is no request that HTTP knows")
        name = uuid7()
        body = refusal.document(instance="", request_id=name, trace_id="")
        head = [*_UNREADABLE, f"content-length: {len(body)}", f"x-request-id: {name}", "", ""]
        self.transport.write("\r\n".join(head).encode() + body)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends waiting."""
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head has begun."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """It is here; the application may cut the connection, and write to it without a turn of its task."""
        self._head_is_here()
        self.scope["itsm.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        self.scope["itsm.say"] = self._say  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def _say(self, content: bytes) -> bool:
        """Adds a piece to the answer that is being written; says whether the client takes it now."""
        cycle = self.cycle
        if cycle is None or not cycle.chunked_encoding or cycle.response_complete or cycle.disconnected:
            return False
        if self.flow.write_paused or self.transport.is_closing():
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(content), content))
        return True

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
