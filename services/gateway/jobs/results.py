"""`GET /api/v1/jobs/{id}/result`: the file of an export, piece by piece, as whoever may see the job.

Fails before the first byte with a problem document; a file that cannot be sent whole is cut off.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from itsm.gateway import v1 as pb

from chassis.errors import Error
from chassis.http import problems
from chassis.http.problems import Problem
from chassis.rpc.methods import methods
from services.gateway.rest.answers import refusal
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send
from services.gateway.rest.exports import STALLED_SECONDS
from services.gateway.rest.limits import App
from services.gateway.rest.route import Route
from services.gateway.rest.routes import PREFIX, Routes
from services.gateway.rest.upstream import Call

SERVICE = "itsm.gateway.v1.JobService"
_PATH = re.compile(rf"{PREFIX}jobs/([A-Za-z0-9_]{{1,100}})/result")
_SECONDS = 10.0

Credentials = Callable[[Scope, Route], Awaitable[Sequence[tuple[str, str]]]]


class Results:
    """An ASGI application around that of the API: it answers for files, and leaves the rest to the other."""

    def __init__(self, rest: App, routes: Routes, call: Call, credentials: Credentials, entrance: Entrance) -> None:
        self._rest, self._call, self._credentials, self._entrance = rest, call, credentials, entrance
        self._route = next(route for route in routes.all if route.verb == "GET" and route.template == f"{PREFIX}jobs/{{id}}")
        self._read = methods(SERVICE)[f"/{SERVICE}/ReadJobResult"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(scope, receive)
        found = _PATH.fullmatch(exchange.path)
        if found is None:
            await self._rest(scope, receive, send)
            return
        try:
            if exchange.method != "GET":
                raise Problem(405, "method", "this address takes GET", headers={"allow": "GET"})
            exchange.route = f"{PREFIX}jobs/{{id}}/result"
            await self._file(exchange, found[1], send)
        except Problem as problem:
            await refusal(problem, exchange).send(send)

    async def _file(self, exchange: Exchange, job: str, send: Send) -> None:
        try:
            metadata = [("x-request-id", exchange.request_id), *await self._credentials(exchange.scope, self._route)]
            await self._entrance.take(exchange, self._route, metadata)
            # A client that is slow to take what comes keeps nobody else out.
            with self._entrance.shedding.admitted(self._route.kind):
                first = await self._piece(job, 0, metadata)
        except Error as error:
            raise problems.of_error(error) from error
        headers = [
            (b"content-type", first.result.media_type.encode()),
            (b"content-disposition", f'attachment; filename="{first.result.file_name}"'.encode()),
            (b"content-length", str(first.result.size).encode()),
            (b"x-request-id", exchange.request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        piece, place = first, 0
        while piece.content:
            async with asyncio.timeout(STALLED_SECONDS):
                await send({"type": "http.response.body", "body": piece.content, "more_body": True})
            place += 1
            # A token of a minute may end under a large file: the credentials are asked again.
            metadata = [("x-request-id", exchange.request_id), *await self._credentials(exchange.scope, self._route)]
            piece = await self._piece(job, place, metadata)
        await send({"type": "http.response.body", "body": b""})

    async def _piece(self, job: str, place: int, metadata: Sequence[tuple[str, str]]) -> Any:
        request = pb.ReadJobResultRequest(id=job, piece=place)
        return await self._call(SERVICE, self._read, request, metadata=metadata, timeout=_SECONDS)
