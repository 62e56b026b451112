"""Whatever is sent, the answer is a problem or a success, never a defect: random requests out of true and broken parts."""

import asyncio
import json
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.rpc import Method
from services.gateway.rest.limits import Limits
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder

ROUTES = declared()
_PIECES = st.sampled_from(
    [b"/", b":", b"%2F", b"%", b"%00", b"%ff", b"{id}", b"..", b"inc_1", b"INC0001042", b"\xe4", b"a" * 300]
)
_METHODS = st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "get", "TRACE"])
_DECLARED = st.builds(
    lambda route, piece: (route.verb, route.template.encode().replace(b"{id}", piece)),
    st.sampled_from(ROUTES.all),
    st.just(b"inc_1") | _PIECES,
)
_UNDECLARED = st.tuples(_METHODS, st.lists(_PIECES, max_size=4).map(lambda pieces: b"/api/v1/incidents/" + b"".join(pieces)))
_NAMES = st.sampled_from(["pageSize", "pageToken", "filter", "orderBy", "updateMask", "state[$ne]", "%", "", "a&b", "fields"])
_WORDS = st.sampled_from(["", "1", "0", "-1", "1e9", "NaN", "title", "title,title", "état", "%", "%00", "\x7f", "9" * 400])
_HEADERS = st.sampled_from(
    [
        *(b"if-match", b"if-none-match", b"idempotency-key", b"accept", b"content-encoding"),
        *(b"traceparent", b"x-request-id", b"content-length", b"content-type"),
    ]
)
_VALUES = st.sampled_from(
    [b"", b"*", b'"3"', b'W/"3"', b'"', b"\xff", b"text/html", b"*/*;q=x", b"gzip", b"application/json", b"9" * 99]
)
_KEYS = st.sampled_from(["title", "id", "assetIds", "state", "clocks", "etag", "$ne", "incidents", "links"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_BODIES = st.binary(max_size=20) | _JSON.map(lambda value: json.dumps(value).encode())


async def _call(_service: str, method: Method, _request: Any, **_: Any) -> Any:
    return method.response()


async def _nobody(*_: Any) -> list[tuple[str, str]]:
    return []


async def _ask(scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await Limits(Transcoder(ROUTES, _call, _nobody), secure=False)(scope, receive, send)
    assert all(b"\r" not in value and b"\n" not in value for _, value in sent[0]["headers"])
    return sent[0]["status"], sent[1]["body"]


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    target=_DECLARED | _DECLARED | _DECLARED | _UNDECLARED,
    query=st.just([]) | st.lists(st.tuples(_NAMES, _WORDS), max_size=3),
    headers=st.just([]) | st.lists(st.tuples(_HEADERS, _VALUES), max_size=4),
    body=_BODIES,
)
def test_no_request_brings_out_a_defect(
    target: tuple[str, bytes], query: list[tuple[str, str]], headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    method, path = target
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "raw_path": path,
        "query_string": "&".join(f"{name}={value}" for name, value in query).encode(),
        "headers": list({b"content-type": b"application/json", b"if-match": b"*", **dict(headers)}.items()),
    }
    status, answer = asyncio.run(_ask(scope, body))
    assert status < 500
    if status >= 400 and method != "HEAD":
        assert orjson.loads(answer)["status"] == status
