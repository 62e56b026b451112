"""Problem documents (RFC 9457): what every answer but success looks like, and the one table from errors to HTTP.

`type` is `urn:itsm:problem:<slug>`; `reason` is the stable word of the error; `errors` point into the request's body by
JSON pointer (RFC 6901). A query parameter or a variable of the path is pointed at as if it were a member of the body.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from chassis.errors import (
    AlreadyExists,
    DeadlinePassed,
    Denied,
    Error,
    Exhausted,
    ForbiddenMove,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"

TITLES = {
    "validation": "The request is understood but not valid",
    "malformed": "The request cannot be read",
    "unauthenticated": "Sign in first",
    "forbidden": "This is not allowed",
    "not-found": "There is no such thing",
    "method": "This method is not offered here",
    "not-acceptable": "The answer cannot be given in that form",
    "conflict": "The state of the record does not allow this",
    "gone": "This is gone",
    "precondition": "The record is not as the request expects",
    "too-large": "The request is too large",
    "uri-too-long": "The address is too long",
    "media-type": "This kind of content is not understood",
    "range": "That range does not exist",
    "idempotency-mismatch": "The key was used for another request",
    "rate-limited": "Too many requests",
    "headers-too-large": "The headers are too large",
    "overloaded": "Too much to do at the moment",
    "dependency": "Something that is needed does not answer",
    "deadline": "It took too long",
    "internal": "Something went wrong on our side",
}
"""Each slug with its title; a program goes by the slug, a person reads the title."""

_FACTS = ("etag", "permission", "state", "verb")
_SLUG_OF_STATUS = {
    400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method", 406: "not-acceptable",
    408: "deadline",
    409: "conflict", 410: "gone", 412: "precondition", 413: "too-large", 414: "uri-too-long", 415: "media-type",
    416: "range", 422: "validation", 428: "precondition", 429: "rate-limited", 431: "headers-too-large",
    503: "dependency", 504: "deadline",
}  # fmt: skip


class Problem(Exception):
    """An answer that is no success. `errors` are pairs of JSON pointer and text; `facts` become members of the document."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        reason: str = "",
        errors: list[tuple[str, str]] | None = None,
        facts: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.reason = reason or slug.upper().replace("-", "_")
        self.errors = errors or []
        self.facts = facts or {}
        self.headers = dict(headers or {})

    def document(self, *, instance: str, request_id: str, trace_id: str) -> bytes:
        """The problem as JSON. `instance` is the path that was asked for."""
        body: dict[str, Any] = {
            "type": f"urn:itsm:problem:{self.slug}",
            "title": TITLES[self.slug],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reason": self.reason,
            "errors": [{"pointer": pointer, "message": text} for pointer, text in self.errors],
            "requestId": request_id,
            "traceId": trace_id,
        }
        return orjson.dumps({**self.facts, **body})


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem of a bare HTTP status, for refusals of the framework."""
    return Problem(status, _SLUG_OF_STATUS.get(status, "malformed" if status < 500 else "internal"), detail, headers=headers)


def of_defect(name: str) -> Problem:
    """The problem of a defect of ours: the client gets the name to find it by in the log, and nothing of what it says."""
    return Problem(500, "internal", f"something went wrong; it is logged as {name}")


def of_error(error: Error, *, conditional: bool = False, locate: "Locate | None" = None) -> Problem:
    """The problem that an error of the tree is. `conditional`: the request named a version with If-Match.

    `locate` turns the path of a field into a JSON pointer of the request.
    """
    facts = {name: error.facts[name] for name in _FACTS if name in error.facts}
    if isinstance(error, Invalid):
        return _of_invalid(error, locate or plain_pointer)
    status, slug, headers = _PLAIN.get(type(error), (500, "internal", {}))
    if "acr_values" in error.facts:
        facts, headers = _of_proof(error)
    elif isinstance(error, Stale):
        status, slug = (412, "precondition") if conditional else (409, "conflict")
        headers = {"etag": f'"{error.facts["etag"]}"'} if error.facts.get("etag") else {}
    elif isinstance(error, Exhausted | Unavailable):
        status, slug = (429, "rate-limited") if isinstance(error, Exhausted) else (503, "dependency")
        if error.reason in ("BUSY", "OVERLOADED"):
            slug = "overloaded"
        headers = {"retry-after": str(max(1, -(-int(error.retry_after.total_seconds() * 1000) // 1000)))}
    return Problem(status, slug, error.message, reason=error.reason, facts=facts, headers=headers)


def _of_proof(error: Error) -> tuple[dict[str, str], dict[str, str]]:
    """What a sign-in has to ask for, as a program reads it (RFC 9470, 3) and in the document."""
    levels, age = error.facts["acr_values"], error.facts.get("max_age", "")
    challenge = f'Bearer error="insufficient_user_authentication", acr_values="{levels}", max_age="{age}"'
    return {"acrValues": levels, "maxAge": age}, {"www-authenticate": challenge}


def _of_invalid(error: Invalid, locate: "Locate") -> Problem:
    errors = [(locate(path), text) for path, text in error.violations.items()]
    detail = "; ".join(f"{pointer}: {text}" if pointer else text for pointer, text in errors[:3])
    if error.reason == "MALFORMED":
        return Problem(400, "malformed", detail, reason=error.reason, errors=errors)
    slug = "idempotency-mismatch" if error.reason == "IDEMPOTENCY_MISMATCH" else "validation"
    return Problem(422, slug, detail, reason=error.reason, errors=errors)


_PLAIN: dict[type[Error], tuple[int, str, dict[str, str]]] = {
    Unauthenticated: (401, "unauthenticated", {"www-authenticate": "Bearer"}),
    Denied: (403, "forbidden", {}),
    NotFound: (404, "not-found", {}),
    AlreadyExists: (409, "conflict", {}),
    ForbiddenMove: (409, "conflict", {}),
    DeadlinePassed: (504, "deadline", {}),
}

Locate = Callable[[str], str]
Step = str | int
_STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]', re.ASCII)


def steps(path: str) -> list[Step]:
    """`notes[2].labels["a b"]` → `["notes", 2, "labels", "a b"]`; what does not read as such a path is one step."""
    found: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return [path]
        name, index, quoted = match.groups()
        found.append(name or (int(index) if index else orjson.loads(quoted)))
        position = match.end()
    return found


def pointer(found: Iterable[Step]) -> str:
    """The steps as a JSON pointer; no steps are the whole document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in found)


def plain_pointer(path: str) -> str:
    """The path as a pointer with its names as they are."""
    return pointer(steps(path))
