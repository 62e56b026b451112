"""One request at the door and its answer: the body read with suspicion, every refusal a problem document."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from chassis import telemetry
from chassis.domain import uuid7
from chassis.errors import Error, Unavailable
from chassis.http import problems
from chassis.http.problems import Problem

_log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 64 << 10
TAKING_SECONDS = 20.0
"""How long a request may take once it is read; then its sender is asked to come again."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


async def body(request: Request, limit: int) -> bytes:
    """All of the body, never holding more than `limit` bytes and one piece.

    Raises `Problem` 413 when it is larger, 408 when it comes too slowly.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS + limit / BODY_BYTES_PER_SECOND):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
    except TimeoutError:
        raise Problem(408, "deadline", "the body came too slowly", headers={"connection": "close"}) from None
    return b"".join(pieces)


async def json_body(request: Request, limit: int) -> Any:
    """The body as JSON. Raises `Problem` 415 for another kind of content, 400 where it cannot be read, and as `body` does."""
    media, *parameters = (piece.strip().lower() for piece in request.headers.get("content-type", "").split(";"))
    charset = [piece for piece in parameters if piece and piece.replace('"', "") != "charset=utf-8"]
    if media != "application/json" or charset:
        raise _media_type("bodies are application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _media_type("bodies are taken without content encoding")
    try:
        return orjson.loads(await body(request, limit))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"the body is no JSON: {error}") from None


def answering(handler: Handler, route: str = "", metrics: telemetry.Metrics | None = None) -> Handler:
    """The handler with its refusals turned into problem documents, and an end to its patience; measured where it can be."""

    async def answer(request: Request) -> Response:
        given = request.headers.get("x-request-id", "")
        name = given if _REQUEST_ID.fullmatch(given) else uuid7()
        parent = telemetry.extract({"traceparent": request.headers.get("traceparent", "")})
        began = time.perf_counter()
        with telemetry.span(f"{request.method} {route}", telemetry.SpanKind.SERVER, parent=parent) as span:
            response = await _answer(handler, request, name)
            span.set_attribute("http.response.status_code", response.status_code)
            if metrics is not None:
                duration = metrics.http_server_duration.labels(request.method, route, str(response.status_code))
                duration.observe(time.perf_counter() - began, telemetry.exemplar())
        response.headers.update({**_SAFE, "x-request-id": name})
        return response

    return answer


async def _answer(handler: Handler, request: Request, name: str) -> Response:
    try:
        async with asyncio.timeout(TAKING_SECONDS):
            return await handler(request)
    except ClientDisconnect:
        return Response(status_code=499)  # which nobody reads
    except Problem as problem:
        return _refusal(problem, request, name)
    except Error as error:
        return _refusal(problems.of_error(error), request, name)
    except TimeoutError:
        return _refusal(problems.of_error(Unavailable("this takes too long; send it again")), request, name)
    except Exception:  # a defect: the sender gets an id to find it by, and nothing of what it says
        _log.exception("Ingestion failed.", extra={"request": name})
        return _refusal(problems.of_defect(name), request, name)


def _refusal(problem: Problem, request: Request, name: str) -> Response:
    trace = telemetry.extract({"traceparent": request.headers.get("traceparent", "")})[3:35]
    document = problem.document(instance=request.url.path[:1024], request_id=name, trace_id=trace)
    headers = dict(problem.headers)
    if problem.status == 401:
        headers["www-authenticate"] = 'Bearer, Basic realm="itsm"'
    return Response(document, problem.status, headers, problems.CONTENT_TYPE)


def _media_type(text: str) -> Problem:
    return Problem(415, "media-type", text, headers={"accept-post": "application/json"})


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"a body may have {limit} bytes here", headers={"connection": "close"})
