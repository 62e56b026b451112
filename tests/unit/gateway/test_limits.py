"""What holds for every answer of the gateway, those of the framework and of defects included."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from chassis.errors import Denied, NotFound
from chassis.http.problems import Problem
from services.gateway.rest.answers import handlers
from services.gateway.rest.limits import Limits
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder


class _Wish(BaseModel):
    size: int


def _routes(app: FastAPI) -> None:
    @app.get("/fine")
    async def fine() -> dict[str, str]:
        return {}

    @app.post("/wish")
    async def wish(wish: _Wish) -> _Wish:
        return wish

    @app.get("/refused/{kind}")
    async def refused(kind: str) -> None:
        raise {
            "framework": HTTPException(409, "taken"),
            "error": NotFound("session", "s"),
            "problem": Problem(410, "gone", "it was here"),
            "defect": RuntimeError("the password is swordfish"),
        }[kind]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway with routes of the framework and the mounted transcoder, one of whose parts is broken."""

    async def call(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is swordfish")

    async def credentials(scope: Any, _route: Any) -> list[tuple[str, str]]:
        if (b"authorization", b"Bearer no") in scope["headers"]:
            raise Denied("incidents.get")
        return []

    app = FastAPI(exception_handlers=dict(handlers()), openapi_url=None)
    _routes(app)
    app.mount("/api/v1", Transcoder(declared(), call, credentials))
    transport = httpx.ASGITransport(Limits(app, secure=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as made:
        yield made


async def test_every_answer_carries_safe_headers_and_an_id(client: httpx.AsyncClient) -> None:
    for path in ("/fine", "/nothing", "/refused/defect", "/api/v1/incidents", "/api/v1/nothing"):
        answer = await client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"]
        assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("PUT", "/fine", 405, "method"),
        ("GET", "/refused/framework", 409, "conflict"),
        ("GET", "/refused/error", 404, "not-found"),
        ("GET", "/refused/problem", 410, "gone"),
        ("GET", "/refused/defect", 500, "internal"),
        ("GET", "/api/v1/nothing", 404, "not-found"),
        ("GET", "/api/v1/incidents", 500, "internal"),
        ("TRACE", "/api/v1/incidents", 405, "method"),
    ],
)
async def test_every_refusal_is_a_problem(client: httpx.AsyncClient, method: str, path: str, status: int, slug: str) -> None:
    answer = await client.request(method, path, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:itsm:problem:{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["requestId"] == "mine"
    assert answer.json()["instance"] == path


async def test_a_defect_is_told_by_its_id_only(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/refused/defect", "/api/v1/incidents"):
        with caplog.at_level(logging.ERROR):
            answer = await client.get(path)
        assert "swordfish" not in answer.text
        assert answer.json()["requestId"] in answer.json()["detail"]
        assert caplog.records[-1].__dict__["request"] == answer.json()["requestId"]


async def test_what_the_framework_refuses_is_pointed_at_without_being_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.post("/wish", json={"size": "swordfish"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/size")
    assert "swordfish" not in answer.text
    unreadable = await client.post("/wish", content=b"{", headers={"content-type": "application/json"})
    assert (unreadable.status_code, unreadable.json()["type"]) == (400, "urn:itsm:problem:malformed")


async def test_who_is_refused_at_the_door_is_told_what_is_missing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/incidents/inc_1", headers={"authorization": "Bearer no"})
    assert (answer.status_code, answer.json()["permission"]) == (403, "incidents.get")


async def test_an_address_has_a_limit(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/fine?{'x' * 9000}")).json()["type"] == "urn:itsm:problem:uri-too-long"


async def test_headers_have_a_limit(client: httpx.AsyncClient) -> None:
    many = await client.get("/fine", headers=[("baggage", f"a={number}") for number in range(200)])
    large = await client.get("/fine", headers={"accept-language": "x" * 65536})
    assert [many.status_code, large.status_code] == [431, 431]
    assert many.json()["type"] == "urn:itsm:problem:headers-too-large"


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 129, "é", "<script>"])
async def test_an_unfit_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/fine", headers={b"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] not in ("", given)
