"""What holds for every request of the gateway, whatever answers it: limits of its head, safe headers, an id, no bare errors.

The outermost ASGI application. A defect below it is logged here, once, and becomes a problem document.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from chassis.http import problems
from chassis.http.problems import Problem
from services.gateway.rest.answers import refusal
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send, request_id
from services.gateway.rest.refusals import Refusals

_log = logging.getLogger(__name__)

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 << 10
MAX_ADDRESS = 8192
LINGER_SECONDS = 5.0
_TOO_LARGE = 413

App = Callable[[Scope, Receive, Send], Awaitable[None]]
_SAFE: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Limits:
    """Wraps `app`. `secure` says that clients come over TLS only, so they may be told to stay with it."""

    def __init__(self, app: App, *, secure: bool) -> None:
        self._app = app
        self._safe = (*_SAFE, _HSTS) if secure else _SAFE
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is within the limits; a header that an answer has already is left as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = lingers = False

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal begun, ended, lingers
            if message["type"] == "http.response.start":
                begun = True
                lingers = message["status"] == _TOO_LARGE
                self._refusals.note(scope, message["status"])
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                extra = (*self._safe, (b"x-request-id", request_id(scope).encode()))
                message["headers"] = given + [header for header in extra if header[0] not in names]
            else:
                ended = not message.get("more_body", False)
                if ended and lingers:
                    await send({**message, "more_body": True})
                    await _passed_over(receive)
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        try:
            _check(scope)
            await self._app(scope, receive, guarded)
        except Problem as problem:
            await refusal(problem, Exchange(scope, receive)).send(guarded)
        except Exception:  # whatever it is, the client gets an answer
            _log.exception("Request failed.", extra={"request": request_id(scope)})
            if not begun:
                await refusal(problems.of_defect(request_id(scope)), Exchange(scope, receive)).send(guarded)
            elif not ended:
                raise  # the server cuts the connection, so that half an answer is not taken for a whole one


async def _passed_over(receive: Receive) -> None:
    """Takes the rest of a body that was refused, for a while: a connection that is closed with something left to read is
    reset, and the answer would be lost with it."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                continue
    except TimeoutError:
        return


def _check(scope: Scope) -> None:
    if len(scope["query_string"]) + len(scope.get("raw_path") or scope["path"]) > MAX_ADDRESS:
        raise Problem(414, "uri-too-long", f"an address may have {MAX_ADDRESS} characters")
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        text = f"a request may have {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of them"
        raise Problem(431, "headers-too-large", text, headers={"connection": "close"})
