"""What answers look like, for the OpenAPI document: headers, problem documents, and which refusals an operation can come to."""

from collections.abc import Iterable
from typing import Any

from chassis.http.problems import CONTENT_TYPE, TITLES

Schema = dict[str, Any]

_SLUGS = {
    400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 406: "not-acceptable", 408: "deadline",
    409: "conflict", 412: "precondition", 413: "too-large", 414: "uri-too-long", 415: "media-type", 422: "validation",
    428: "precondition", 429: "rate-limited", 431: "headers-too-large", 500: "internal", 503: "dependency", 504: "deadline",
}  # fmt: skip
_MEANING = {
    400: "What was sent cannot be read: a parameter, a header, a page token or the body.",
    401: "Nobody is signed in, the token is not taken any more, or proves too little (`WWW-Authenticate` says what).",
    403: "The caller may not do this; `permission` names what is missing.",
    404: "There is no such thing, or the caller may not see it.",
    406: "The client takes no answer in this form.",
    408: "The body came too slowly.",
    409: "The record is not in a state that allows this, something of the kind is there already, or others write to it.",
    412: "The record has another version by now; `ETag` says which.",
    413: "There is too much in one request.",
    414: "The address is too long.",
    415: "The body is of another kind.",
    422: "What was sent can be read and is not valid (`errors` says where), or the key was used for another request.",
    428: "`If-Match` is missing.",
    429: "The caller has used up what may be asked for in a minute, or runs as much at once as one may.",
    431: "There are too many headers, or they are too large.",
    500: "A defect of ours; it is logged by the request's name.",
    503: "Something that is needed does not answer, or there is too much to do at the moment.",
    504: "It took too long.",
}
_MORE = {
    401: ("WWW-Authenticate",),
    412: ("ETag",),
    415: ("Accept-Post",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}
ALWAYS = frozenset({400, 404, 406, 414, 422, 429, 431, 500, 503, 504})
"""What any operation can come to."""
KNOWN = frozenset({401, 403})
"""What an operation that needs a caller can come to besides."""
BODY = frozenset({408, 413, 415})
"""What an operation that reads a body can come to besides."""


def refusals(statuses: Iterable[int]) -> Schema:
    """The answers that are no success."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def headers(*names: str) -> Schema:
    """The headers of an answer, and those that every answer has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


RATED = ("Server-Timing", "RateLimit", "RateLimit-Policy")
"""Headers of what the transcoder answers."""


def _refusal(status: int) -> Schema:
    slug = _SLUGS[status]
    sample = {
        "type": f"urn:itsm:problem:{slug}",
        "title": TITLES[slug],
        "status": status,
        "detail": "/title: should not be empty" if status == 422 else TITLES[slug],
        "instance": "/api/v1/incidents",
        "reason": _REASONS.get(status, slug.upper().replace("-", "_")),
        "errors": [{"pointer": "/title", "message": "should not be empty"}] if status == 422 else [],
        "requestId": "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",
        "traceId": "0af7651916cd43dd8448eb211c80319c",
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": sample}
    return {"description": _MEANING[status], "headers": headers(*_MORE.get(status, ())), "content": {CONTENT_TYPE: content}}


_REASONS = {412: "STALE", 422: "INVALID", 428: "IF_MATCH_REQUIRED"}
RESPONSES: dict[str, Schema] = {f"Problem{status}": _refusal(status) for status in _SLUGS}

_TEXT = {"type": "string"}
PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Further members tell facts, such as `etag`, `permission` or `state`.",
    "properties": {
        "type": {"type": "string", "enum": [f"urn:itsm:problem:{slug}" for slug in TITLES], "description": "Which kind."},
        "title": {**_TEXT, "description": "The kind, for people."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "detail": {**_TEXT, "description": "What happened this time, for people."},
        "instance": {**_TEXT, "description": "The path that was asked for."},
        "reason": {**_TEXT, "description": "What happened, as a stable word for programs."},
        "errors": {
            "type": "array",
            "description": "What is wrong where in the request.",
            "items": {"$ref": "#/components/schemas/ProblemError"},
        },
        "requestId": {**_TEXT, "description": "Names the request in our logs."},
        "traceId": {**_TEXT, "description": "Names its trace."},
    },
    "required": ["type", "title", "status", "detail", "instance", "reason", "errors", "requestId", "traceId"],
}
PROBLEM_ERROR: Schema = {
    "type": "object",
    "description": "One thing that is wrong.",
    "properties": {
        "pointer": {**_TEXT, "description": "JSON pointer; parameters are pointed at as members of the body."},
        "message": {**_TEXT, "description": "What would be right."},
    },
    "required": ["pointer", "message"],
}

ENTITY_TAG = {"type": "string", "pattern": r'^(\*|"[\x21\x23-\x7e]*")$', "examples": ['"3"']}
_MADE_TAG = {"type": "string", "pattern": r'^"[\x21\x23-\x7e]*"$', "examples": ['"3"']}
_TRUE = {"type": "string", "enum": ["true"]}


def _header(description: str, schema: Schema, *, always: bool = False) -> Schema:
    return {"description": description, **({"required": True} if always else {}), "schema": schema}


HEADERS: dict[str, Schema] = {
    "X-Request-Id": _header("Names the request, in our logs too.", {**_TEXT, "minLength": 1}, always=True),
    "Server-Timing": _header("Milliseconds in the gateway and behind it.", _TEXT),
    "ETag": _header("The version of the record.", _MADE_TAG),
    "Link": _header('Where the next page is (`rel="next"`); what to use instead of an operation that will go.', _TEXT),
    "Location": _header("Where the new record is, or where to go on.", _TEXT),
    "Idempotency-Replayed": _header("The request was done before, by the same key; this is its answer.", _TRUE),
    "Dry-Run": _header("Nothing was changed; this is what would be.", _TRUE),
    "RateLimit-Policy": _header("Units that a caller may ask for, and the seconds in which: `q` and `w`.", _TEXT),
    "RateLimit": _header("Units that are left, and seconds until there are more: `r` and `t`.", _TEXT),
    "Retry-After": _header("Seconds to wait.", {"type": "integer", "minimum": 1}, always=True),
    "WWW-Authenticate": _header("How to prove who is calling.", _TEXT, always=True),
    "Accept-Post": _header("The kinds of body that are taken.", _TEXT),
    "Deprecation": _header("Since when it is not to be used any more (RFC 9745).", _TEXT, always=True),
    "Sunset": _header("Until when it answers (RFC 8594).", _TEXT),
    "Set-Cookie": _header("The cookie of the sign-in, or of the session.", _TEXT),
    "Content-Disposition": _header("What the file is called.", _TEXT),
}
