"""`:batch`: up to 500 writes on one collection, each a request of its own with its own answer (207).

Writes on one record keep their order; others run beside each other, a few at once. Each has an idempotency key that follows
from the batch's and its place, so that a batch that was cut off is simply sent again.

Fails: `Problem` 400 without a key, 413 for too many, 422 for what is no operation. What is wrong with one operation is
told in its place and stops no other.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from chassis.http import problems
from chassis.http.problems import Problem, Step, pointer
from services.gateway.rest.answers import Answer, refusal
from services.gateway.rest.exchange import MAX_KEY, Exchange

_log = logging.getLogger(__name__)

MAX_OPERATIONS = 500
AT_ONCE = 8
SECONDS = 60.0
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NAMES = frozenset({"method", "path", "ifMatch", "body"})
_OF_THE_BATCH = frozenset(
    {
        b"accept-encoding", b"content-encoding", b"content-length", b"content-type", b"idempotency-key", b"if-match",
        b"if-none-match", b"transfer-encoding",
    }
)  # fmt: skip

Perform = Callable[[Exchange], Awaitable[Answer]]


def operations(exchange: Exchange, value: Any) -> list[Mapping[str, Any]]:
    """What is to be done, checked for form. Raises `Problem`."""
    if not exchange.idempotency_key():
        text = "a batch needs an Idempotency-Key, so that it can be sent again"
        raise Problem(400, "malformed", text, reason="IDEMPOTENCY_KEY_REQUIRED")
    wrong: list[tuple[str, str]] = []
    given = value.get("operations") if isinstance(value, dict) else None
    if not isinstance(given, list) or not given:
        wrong.append(("/operations", f"expected 1 to {MAX_OPERATIONS} operations"))
        given = []
    elif len(given) > MAX_OPERATIONS:
        raise Problem(413, "too-large", f"a batch may have {MAX_OPERATIONS} operations", reason="BATCH_TOO_LARGE")
    beside = value if isinstance(value, dict) else {}
    wrong += [(pointer([name]), "is no field of this") for name in beside if name not in ("operations", "atomic")]
    if beside.get("atomic", False) is not False:
        wrong.append(("/atomic", "only false is offered: each operation is done or refused for itself"))
    wrong += [fault for place, operation in enumerate(given) for fault in _faults(place, operation)]
    if wrong:
        raise Problem(422, "validation", f"{wrong[0][0]}: {wrong[0][1]}", reason="INVALID", errors=wrong[:50])
    return given


def _faults(place: int, operation: Any) -> list[tuple[str, str]]:
    at: list[Step] = ["operations", place]
    if not isinstance(operation, dict):
        return [(pointer(at), "expected an object")]
    faults = [(pointer([*at, name]), "is no field of this") for name in operation if name not in _NAMES]
    method = operation.get("method")
    if not isinstance(method, str) or method not in _METHODS:
        faults.append((pointer([*at, "method"]), "expected POST, PUT, PATCH or DELETE"))
    path = operation.get("path", "")
    if not isinstance(path, str) or path.startswith(("/", ":")) or not path.isascii() or not path.isprintable():
        faults.append((pointer([*at, "path"]), "expected what follows the collection, as `inc_1:resolve`; nothing to create"))
    if not isinstance(operation.get("ifMatch", ""), str) or not operation.get("ifMatch", "").isprintable():
        faults.append((pointer([*at, "ifMatch"]), "expected an entity tag"))
    return faults


async def results(exchange: Exchange, todo: list[Mapping[str, Any]], perform: Perform, *, dry_run: bool) -> bytes:
    """The answer's body: a result for each operation, in their order."""
    collection, until = exchange.path.rpartition(":")[0], time.monotonic() + SECONDS
    found: list[dict[str, Any]] = [{} for _ in todo]
    lines: dict[str, list[int]] = {}
    for place, operation in enumerate(todo):
        record = operation.get("path", "").partition("?")[0].partition("/")[0].partition(":")[0]
        lines.setdefault(record or f"/{place}", []).append(place)
    slots = asyncio.Semaphore(AT_ONCE)

    async def line(places: list[int]) -> None:
        for place in places:
            async with slots:
                inner = _request(exchange, collection, place, todo[place], dry_run=dry_run)
                found[place] = _result(await _done(inner, perform, until))

    async with asyncio.TaskGroup() as group:
        for places in lines.values():
            group.create_task(line(places))
    return orjson.dumps({"results": found})


async def _done(inner: Exchange, perform: Perform, until: float) -> Answer:
    try:
        if time.monotonic() > until:
            raise Problem(504, "deadline", "the batch took too long; this was not begun", reason="NOT_BEGUN")
        return await perform(inner)
    except Problem as problem:
        return refusal(problem, inner)
    except Exception:  # others of the batch are done already, and what became of them must be told
        _log.exception("Operation of a batch failed.", extra={"request": inner.request_id, "path": inner.instance})
        return refusal(problems.of_defect(inner.request_id), inner)


def _request(exchange: Exchange, collection: str, place: int, operation: Mapping[str, Any], *, dry_run: bool) -> Exchange:
    """The operation as the request that it would be for itself."""
    path, _, query = operation.get("path", "").partition("?")
    whole = f"{collection}/{path}" if path else collection
    headers = [(name, value) for name, value in exchange.scope["headers"] if name not in _OF_THE_BATCH]
    headers.append((b"idempotency-key", _key(exchange.idempotency_key(), place)))
    if tag := operation.get("ifMatch", ""):
        headers.append((b"if-match", (tag if tag == "*" or '"' in tag else f'"{tag}"').encode()))
    body = b""
    if operation.get("body") is not None:
        body = orjson.dumps(operation["body"])
        headers.append((b"content-type", b"application/json"))
    if dry_run:
        query = f"{query}&dryRun=true" if query else "dryRun=true"
    scope = {
        **exchange.scope,
        "method": operation["method"],
        "path": whole,
        "raw_path": whole.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Exchange(scope, receive)


def _key(key: str, place: int) -> bytes:
    derived = f"{key}/{place}"
    return derived.encode() if len(derived) <= MAX_KEY else hashlib.sha256(derived.encode()).hexdigest().encode()


def _result(answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    result: dict[str, Any] = {"status": answer.status}
    if answer.body:
        name = "problem" if answer.status >= 400 else "body"
        result[name] = orjson.Fragment(answer.body)
    if b"location" in headers:
        result["location"] = headers[b"location"].decode()
    if b"idempotency-replayed" in headers:
        result["replayed"] = True
    return result
