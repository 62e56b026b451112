"""How a process comes by its own token, and keeps it."""

import asyncio
import base64
from urllib.parse import parse_qs

import httpx
import pytest

from chassis.errors import Unavailable
from chassis.service_account import ServiceAccount


class TokenEndpoint(httpx.AsyncBaseTransport):
    """Issues numbered tokens of 300 s."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: httpx.Response | None = None
        self.now = 1000.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        await asyncio.sleep(0.001)
        return self.answer or httpx.Response(200, json={"access_token": f"t{len(self.requests)}", "expires_in": 300})

    def account(self) -> ServiceAccount:
        http = httpx.AsyncClient(transport=self)
        return ServiceAccount("https://sign-in.example/token", "itsm-monitor", "s3cret", http, monotonic=lambda: self.now)


async def test_a_token_is_asked_for_once_and_kept_for_80_percent_of_its_life() -> None:
    endpoint = TokenEndpoint()
    account = endpoint.account()
    assert {await account.token() for _ in range(5)} == {"t1"}
    endpoint.now += 239
    assert await account.token() == "t1"
    endpoint.now += 1
    assert await account.token() == "t2"
    request = endpoint.requests[0]
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"]}
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"itsm-monitor:s3cret"


async def test_many_callers_share_one_request() -> None:
    endpoint = TokenEndpoint()
    account = endpoint.account()
    assert set(await asyncio.gather(*(account.token() for _ in range(30)))) == {"t1"}
    assert len(endpoint.requests) == 1


async def test_many_callers_share_one_failure_instead_of_waiting_for_one_each() -> None:
    endpoint = TokenEndpoint()
    endpoint.answer = httpx.Response(503)
    account = endpoint.account()
    outcomes = await asyncio.gather(*(account.token() for _ in range(30)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert len(endpoint.requests) == 1
    with pytest.raises(Unavailable):
        await account.token()
    assert len(endpoint.requests) == 2


async def test_the_old_token_serves_while_keycloak_is_away_and_until_it_ends() -> None:
    endpoint = TokenEndpoint()
    account = endpoint.account()
    await account.token()
    endpoint.answer = httpx.Response(503)
    endpoint.now += 250
    assert [await account.token() for _ in range(20)] == ["t1"] * 20
    assert len(endpoint.requests) == 2
    endpoint.now += 46
    with pytest.raises(Unavailable):
        await account.token()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": "unauthorized_client"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
    ],
)
async def test_a_refused_account_is_unavailable_and_tells_no_secret(
    answer: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = TokenEndpoint()
    endpoint.answer = answer
    with pytest.raises(Unavailable):
        await endpoint.account().token()
    assert caplog.records
    assert "s3cret" not in caplog.text
