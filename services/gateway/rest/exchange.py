"""The HTTP side of one request: its headers, query and body, read with suspicion. Every refusal is a `Problem`."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, urlencode

from chassis import telemetry
from chassis.domain import uuid7
from chassis.http.problems import Problem
from services.gateway.rest.routes import decoded

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_PARAMETERS = 100
MAX_KEY = 255
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 64 << 10
_SCOPE_KEY = "itsm.request_id"
TRACE_KEY = "itsm.trace_id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_KEY = re.compile(r'"([\x21\x23-\x7e]+)"|([\x21\x23-\x7e]+)', re.ASCII)
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"', re.ASCII)
_QUALITY = re.compile(r"[01](?:\.\d{0,3})?", re.ASCII)


def request_id(scope: Scope) -> str:
    """What the request is called in logs and answers: what its client says, where that is harmless, or a new name."""
    known: str | None = scope.get(_SCOPE_KEY)
    if known is None:
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        known = scope[_SCOPE_KEY] = given if _REQUEST_ID.fullmatch(given) else uuid7()
    return known


def trace_id(scope: Scope) -> str:
    """The trace that a request goes by: the one that its answer was made in, before that its client's; may be empty."""
    known: str | None = scope.get(TRACE_KEY)
    if known is None:
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        known = telemetry.extract({"traceparent": given.decode("latin-1")})[3:35]
    return known


class Disconnected(Exception):
    """The client went away; nobody is there to be answered."""


class Exchange:
    """What a client sent. Nothing is read before it is asked for."""

    __slots__ = (
        "_receive", "dry_run", "fields", "headers", "instance", "leaving", "method", "path", "query", "request_id", "route",
        "scope", "standing", "trace_id", "upstream",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        # latin-1 never fails; what is not ASCII in it was not encoded and matches no route.
        self.path = bytes(scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0].decode("latin-1")
        self.query = bytes(scope["query_string"]).decode("latin-1")
        self.instance = quote(self.path[:1024], safe="/:%{}-._~")
        self.headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            self.headers[name] = b"%b, %b" % (self.headers[name], value) if name in self.headers else value
        self.request_id = request_id(scope)
        self.route = ""
        self.fields: dict[str, Any] = {}
        self.dry_run = False
        self.leaving: tuple[tuple[bytes, bytes], ...] = ()
        self.standing: Any = None
        self.upstream = 0.0
        self.trace_id = trace_id(scope)

    def header(self, name: str) -> str:
        """The value, several joined by commas; empty when absent."""
        return self.headers.get(name.encode(), b"").decode("latin-1")

    def traceparent(self) -> str:
        """The trace that the client goes by; empty when it names none that is well-formed."""
        return telemetry.extract({"traceparent": self.header("traceparent")})

    def parameters(self) -> dict[str, list[str]]:
        """The query. Raises `Problem` 400 when it cannot be read."""
        found: dict[str, list[str]] = {}
        if not self.query:
            return found
        pairs = self.query.split("&")
        if len(pairs) > MAX_PARAMETERS:
            raise Problem(400, "malformed", f"a query may have {MAX_PARAMETERS} parameters")
        for pair in pairs:
            name, _, value = pair.replace("+", " ").partition("=")
            found.setdefault(decoded(name), []).append(decoded(value))
        return found

    def check_accept(self) -> None:
        """Raises `Problem` 406 for a client that takes no JSON."""
        accept = self.header("accept")
        if not accept or accept == "*/*":
            return
        best: tuple[int, float] = (-1, 0.0)  # the most specific range decides, as in RFC 9110
        for part in accept.split(","):
            media, *parameters = (piece.strip().lower() for piece in part.split(";"))
            rank = ("*/*", "application/*", "application/json").index(media) if media in _ACCEPTED else -1
            quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            if rank > best[0]:
                best = (rank, float(quality) if _QUALITY.fullmatch(quality) else 0.0)
        if best[1] == 0.0:
            raise Problem(406, "not-acceptable", "answers are application/json")

    def takes(self, encoding: str) -> bool:
        """Whether the client takes bodies in this content encoding."""
        for part in self.header("accept-encoding").lower().split(","):
            name, *parameters = (piece.strip() for piece in part.split(";"))
            if name == encoding:
                quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
                return bool(_QUALITY.fullmatch(quality)) and float(quality) > 0
        return False

    def check_content(self) -> None:
        """Raises `Problem` 415 for a body that is not plain JSON in UTF-8."""
        encoding = self.header("content-encoding").strip().lower()
        if encoding not in ("", "identity"):
            raise Problem(415, "media-type", "bodies are taken without content encoding")
        media, *parameters = (piece.strip().lower() for piece in self.header("content-type").split(";"))
        charset = [piece for piece in parameters if piece and piece.replace('"', "") != "charset=utf-8"]
        if media != "application/json" or charset:
            raise Problem(
                415, "media-type", "bodies are application/json in UTF-8", headers={"accept-post": "application/json"}
            )

    async def body(self, limit: int) -> bytes:
        """All of the body, never holding more than `limit` bytes and one piece.

        Raises `Problem` 413 when it is larger, 408 when it comes too slowly, and `Disconnected`.
        """
        length = self.header("content-length")
        if length.isdecimal() and int(length[:20]) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS + limit / BODY_BYTES_PER_SECOND):
                return await self._all(limit)
        except TimeoutError:
            raise Problem(408, "deadline", "the body came too slowly", headers={"connection": "close"}) from None

    async def _all(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    def if_match(self) -> str | None:
        """The version that If-Match names; empty for `*`, `None` when the header is absent. Raises `Problem` 400, 412."""
        if b"if-match" not in self.headers:
            return None
        given = self.header("if-match").strip()
        if given == "*":
            return ""
        tag = _ENTITY_TAG.fullmatch(given)
        if tag is None:
            raise Problem(400, "malformed", 'If-Match takes one entity tag, such as "3", or *')
        if tag[1]:
            raise Problem(412, "precondition", "a weak entity tag never matches here")
        return tag[2]

    def knows(self, etag: str) -> bool:
        """Whether If-None-Match holds this version or `*`."""
        given = self.header("if-none-match").strip()
        return bool(given) and (given == "*" or any(tag[1] == etag for tag in _ENTITY_TAG.findall(given)))

    def idempotency_key(self) -> str:
        """The key, without its quotes; empty when absent. Raises `Problem` 400."""
        if b"idempotency-key" not in self.headers:
            return ""
        match = _KEY.fullmatch(self.header("idempotency-key").strip())
        key = (match[1] or match[2]) if match else ""
        if not 0 < len(key) <= MAX_KEY:
            raise Problem(400, "malformed", f"Idempotency-Key takes 1 to {MAX_KEY} visible ASCII characters")
        return key

    def address_with(self, **parameters: str) -> str:
        """This very address with some parameters of the query replaced."""
        query = {**self.parameters(), **{name: [value] for name, value in parameters.items()}}
        return f"{self.instance}?{urlencode(query, doseq=True)}"


_ACCEPTED = ("*/*", "application/*", "application/json")


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"a body may have {limit} bytes here", headers={"connection": "close"})
