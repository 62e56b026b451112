"""Files of incidents over HTTP: `POST …/attachments` takes one as the body itself, `GET …/attachments/{id}/content` gives it.

A file is the body and nothing else: its type, name and length are headers, so there is no form to take apart, what is too large
is refused before it comes, and whoever has the file has what was sent. Between client and service no more than a piece is held,
and the next is read when the one before is kept.

What is given is never shown in a page of ours: as an attachment, in a sandbox, with a type that no browser runs. Ranges are
passed over: the answer is the whole file.

Fails before the first byte with a problem document; a file that cannot be sent whole is cut off.
"""

import asyncio
import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from itsm.incident import v1 as pb

from chassis import protojson
from chassis.errors import Error, Invalid, Unavailable
from chassis.http import problems
from chassis.http.problems import Problem
from chassis.rpc.methods import methods
from services.gateway.rest.answers import Answer, refusal
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.exchange import BODY_BYTES_PER_SECOND, BODY_SECONDS, Disconnected, Exchange, Receive, Scope, Send
from services.gateway.rest.exports import STALLED_SECONDS
from services.gateway.rest.limits import LINGER_SECONDS, App
from services.gateway.rest.route import Route
from services.gateway.rest.routes import PREFIX, decoded
from services.gateway.rest.upstream import Call

SERVICE = "itsm.incident.v1.AttachmentService"
ALL, CONTENT = f"{PREFIX}incidents/{{id}}/attachments", f"{PREFIX}incidents/{{id}}/attachments/{{attachment_id}}/content"
PIECE = 1 << 20
AT_ONCE, OF_A_CALLER = 64, 8
_PATH = re.compile(rf"{PREFIX}incidents/([^/:]{{1,600}})/attachments(?:/([A-Za-z0-9_]{{1,100}})/content)?")
_SECONDS, _FINISH_SECONDS = 10.0, 30.0
_MOST_SAID = (1 << 31) - 1
_TOO_MUCH = frozenset({"TOO_LARGE", "QUOTA"})
_NAME = re.compile(r';\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_CODED_NAME = re.compile(r";\s*filename\*\s*=\s*utf-8'[a-z-]*'([^\s;]*)", re.IGNORECASE)
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):")
_PLAIN = re.compile(r'[^\x20-\x7e]|["\\%]')
HARMLESS = frozenset(
    {
        "application/gzip", "application/pdf", "application/x-7z-compressed", "application/zip",
        "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp", "video/mp4",
    }
)  # fmt: skip
"""Types by which a file is given; any other one is bytes."""
_SANDBOX = b"default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

Credentials = Callable[[Scope, Route], Awaitable[Sequence[tuple[str, str]]]]
Metadata = list[tuple[str, str]]


class Attachments:
    """An ASGI application around that of the API: it answers for files, and leaves the rest to the other."""

    def __init__(self, rest: App, call: Call, credentials: Credentials, entrance: Entrance) -> None:
        self._rest, self._call, self._credentials, self._entrance = rest, call, credentials, entrance
        self._rpcs = {path.rpartition("/")[2]: method for path, method in methods(SERVICE).items()}
        self._post = Route("POST", ALL, "", self._rpcs["BeginAttachment"], SERVICE, ("id",))
        self._get = Route("GET", CONTENT, "", self._rpcs["ReadAttachment"], SERVICE, ("id", "attachment_id"))
        self._running: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(scope, receive)
        found = _PATH.fullmatch(exchange.path)
        if found is None or (not found[2] and exchange.method != "POST"):
            await self._rest(scope, receive, send)
            return
        body = _Body(receive)
        try:
            if found[2]:
                exchange.route = CONTENT
                await self._content(exchange, decoded(found[1]), found[2], send)
            else:
                exchange.route = ALL
                await (await self._added(exchange, decoded(found[1]), body)).send(send)
        except Disconnected:
            return  # what came of it is swept
        except Problem as problem:
            if problem.status != 413:  # of which the outermost lets the rest come, and ends it
                await body.pass_over()
            await refusal(problem, exchange).send(send)

    async def _added(self, exchange: Exchange, incident: str, body: "_Body") -> Answer:
        exchange.check_accept()
        if exchange.header("content-encoding").strip().lower() not in ("", "identity"):
            raise Problem(415, "media-type", "files are taken without content encoding")
        request = _announced(exchange, incident)
        metadata = await self._shown(exchange, self._post)
        caller = hashlib.sha256(dict(metadata)["authorization"].encode()).digest()
        if self._running[caller] >= OF_A_CALLER or self._running.total() >= AT_ONCE:
            raise Problem(503, "overloaded", "too many files are coming in", headers={"retry-after": "2"})
        self._running[caller] += 1
        try:
            key = exchange.idempotency_key()
            more = [("idempotency-key", key)] if key else []
            with self._entrance.shedding.admitted(self._post.kind):
                begun: Any = await self._asked("BeginAttachment", request, metadata + more)
            if not begun.upload_id:
                answer = _made(exchange, begun.attachment)
                answer.add("idempotency-replayed", "true")
                await body.pass_over()
                return answer
            sha256 = await self._sent(exchange, begun, body, metadata)
            metadata = await self._proof(exchange, self._post)
            finish = pb.FinishAttachmentRequest(upload_id=begun.upload_id, sha256=sha256)
            return _made(exchange, await self._asked("FinishAttachment", finish, metadata, _FINISH_SECONDS))
        finally:
            self._running[caller] -= 1
            self._running += Counter()  # whose count is none is forgotten

    async def _sent(self, exchange: Exchange, begun: Any, body: "_Body", metadata: Metadata) -> str:
        """Hands the body on piece by piece; says its digest. Raises `Problem` 408, 413, 422."""
        digest, place, wanted = hashlib.sha256(), 0, _digest(exchange)
        try:
            async with asyncio.timeout(BODY_SECONDS + begun.most / BODY_BYTES_PER_SECOND):
                async for piece in body.pieces(begun.most):
                    digest.update(piece)
                    request = pb.AddAttachmentPieceRequest(upload_id=begun.upload_id, piece=place, content=piece)
                    await self._asked("AddAttachmentPiece", request, metadata)
                    place += 1
                    metadata = await self._proof(exchange, self._post)  # a token of a minute may end meanwhile
        except TimeoutError:
            raise Problem(408, "deadline", "the file came too slowly", headers={"connection": "close"}) from None
        if wanted and digest.digest() != wanted:
            raise Problem(422, "validation", "Content-Digest is not that of what came", reason=Invalid.reason)
        return digest.hexdigest()

    async def _content(self, exchange: Exchange, incident: str, attachment: str, send: Send) -> None:
        if exchange.method not in ("GET", "HEAD"):
            raise Problem(405, "method", "this address takes GET, HEAD", headers={"allow": "GET, HEAD"})
        metadata = await self._shown(exchange, self._get)
        # A client that is slow to take what comes keeps nobody else out.
        with self._entrance.shedding.admitted(self._get.kind):
            first = await self._piece(incident, attachment, 0, metadata)
        known = first.attachment
        if exchange.knows(known.sha256):
            await Answer(304, headers=[(b"etag", f'"{known.sha256}"'.encode())]).send(send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _headers(known, exchange)})
        piece, place = first, 0
        while exchange.method == "GET" and piece.content:
            async with asyncio.timeout(STALLED_SECONDS):
                await send({"type": "http.response.body", "body": piece.content, "more_body": True})
            place += 1
            if place * PIECE >= known.size:
                break
            try:
                piece = await self._piece(incident, attachment, place, await self._proof(exchange, self._get))
            except Problem as problem:  # too late for a refusal: the connection is cut
                raise Unavailable(problem.detail) from problem
        await send({"type": "http.response.body", "body": b""})

    async def _piece(self, incident: str, attachment: str, place: int, metadata: Metadata) -> Any:
        request = pb.ReadAttachmentRequest(id=incident, attachment_id=attachment, piece=place)
        return await self._asked("ReadAttachment", request, metadata)

    async def _shown(self, exchange: Exchange, route: Route) -> Metadata:
        metadata = await self._proof(exchange, route)
        await self._entrance.take(exchange, route, metadata)
        return metadata

    async def _proof(self, exchange: Exchange, route: Route) -> Metadata:
        try:
            return [("x-request-id", exchange.request_id), *await self._credentials(exchange.scope, route)]
        except Error as error:
            raise problems.of_error(error) from error

    async def _asked(self, rpc: str, request: Any, metadata: Metadata, timeout: float = _SECONDS) -> Any:
        try:
            return await self._call(SERVICE, self._rpcs[rpc], request, metadata=metadata, timeout=timeout)
        except Invalid as error:
            if error.reason in _TOO_MUCH:
                said = "; ".join(error.violations.values())
                raise Problem(413, "too-large", said, reason=error.reason, headers={"connection": "close"}) from error
            raise problems.of_error(error) from error
        except Error as error:
            raise problems.of_error(error) from error


class _Body:
    """The body of a request as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._over = False

    async def pieces(self, most: int) -> AsyncIterator[bytes]:
        """In pieces of 1 MiB, the last one smaller. Raises `Problem` 408, 413, and `Disconnected`."""
        buffer, size = bytearray(), 0
        while not self._over:
            came = await self._next()
            size += len(came)
            if size > most:
                text = f"a file may have {most} bytes"
                raise Problem(413, "too-large", text, reason="TOO_LARGE", headers={"connection": "close"})
            buffer += came
            while len(buffer) >= PIECE:
                yield bytes(buffer[:PIECE])
                del buffer[:PIECE]
        if buffer:
            yield bytes(buffer)

    async def pass_over(self) -> None:
        """Takes what is left for a while: a client that still sends would not hear why it is refused."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._over:
                    await self._next()
        except (TimeoutError, Problem, Disconnected):
            return

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "deadline", "the file stopped coming", headers={"connection": "close"}) from None
        if message["type"] == "http.disconnect":
            self._over = True
            raise Disconnected
        self._over = not message.get("more_body", False)
        return bytes(message.get("body", b""))


def _announced(exchange: Exchange, incident: str) -> pb.BeginAttachmentRequest:
    """What the headers say of the file. Raises `Problem` 400, 422."""
    query = exchange.parameters()
    internal = query.pop("internal", ["false"])
    if query or internal not in (["true"], ["false"]):
        text = "only internal=true or internal=false may be said here"
        raise Problem(422, "validation", text, reason=Invalid.reason, errors=[("/internal", text)])
    length = exchange.header("content-length")
    size = min(int(length[:20]), _MOST_SAID) if length.isdecimal() else 0
    return pb.BeginAttachmentRequest(
        id=incident,
        file_name=file_name(exchange.header("content-disposition")),
        media_type=exchange.header("content-type")[:300],
        size=size,
        internal=internal == ["true"],
    )


def file_name(disposition: str) -> str:
    """The name in a `Content-Disposition` (RFC 6266), the one in UTF-8 before the other; empty where there is none.

    Raises `Problem` 400 for one that is not UTF-8.
    """
    coded, plain = _CODED_NAME.search(f";{disposition}"), _NAME.search(f";{disposition}")
    try:
        if coded:
            return unquote_to_bytes(coded[1]).decode()
        if plain:
            return re.sub(r"\\(.)", r"\1", plain[1] or plain[2] or "").encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Problem(400, "malformed", "the name in Content-Disposition is not UTF-8") from None
    return ""


def disposition(name: str) -> str:
    """How a file is given: to be kept, never to be shown, under its name (RFC 6266, RFC 8187)."""
    return f"attachment; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"


def _digest(exchange: Exchange) -> bytes:
    """The SHA-256 that `Content-Digest` says (RFC 9530); empty where it says none. Raises `Problem` 400."""
    found = _DIGEST.search(exchange.header("content-digest"))
    try:
        return base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raise Problem(400, "malformed", "Content-Digest holds no SHA-256") from None


def _headers(known: pb.Attachment, exchange: Exchange) -> list[tuple[bytes, bytes]]:
    kind = "text/plain; charset=utf-8" if known.media_type == "text/plain" else "application/octet-stream"
    return [
        (b"content-type", (known.media_type if known.media_type in HARMLESS else kind).encode()),
        (b"content-disposition", disposition(known.file_name).encode()),
        (b"content-length", str(known.size).encode()),
        (b"content-digest", b"sha-256=:%b:" % base64.b64encode(bytes.fromhex(known.sha256))),
        (b"content-security-policy", _SANDBOX),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"private, no-cache"),
        (b"etag", f'"{known.sha256}"'.encode()),
        (b"accept-ranges", b"none"),
        (b"x-request-id", exchange.request_id.encode()),
    ]


def _made(exchange: Exchange, attachment: Any) -> Answer:
    answer = Answer(201, protojson.encode(attachment))
    answer.add("content-type", "application/json")
    answer.add("location", f"{exchange.instance}/{attachment.id}")
    answer.add("etag", f'"{attachment.etag}"')
    answer.add("x-request-id", exchange.request_id)
    return answer
