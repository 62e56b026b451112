"""Sign-in and what a request shows of its caller, as far as nothing behind the gateway is asked."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx
import orjson
import pytest
from fastapi import FastAPI
from itsm.auth import v1 as pb

from chassis.errors import Unauthenticated
from chassis.http.problems import Problem
from chassis.rpc import Channels
from chassis.testing import FakeClock
from services.gateway.rest import answers
from services.gateway.rest.limits import Limits
from services.gateway.signin.credentials import Auth, Credentials
from services.gateway.signin.session import Realm, SignIn

NOBODY = "127.0.0.1:9"
REALM = Realm("http://sign-in.example/realms/itsm", f"http://{NOBODY}/realms/itsm", "console", "secret", "http://gateway")


@pytest.fixture
async def credentials() -> AsyncIterator[Credentials]:
    channels = Channels()
    yield Credentials(Auth(channels, NOBODY), "http://gateway")
    await channels.close()


@pytest.fixture
async def browser(credentials: Credentials) -> AsyncIterator[httpx.AsyncClient]:
    channels = Channels()
    async with httpx.AsyncClient() as http:
        api = FastAPI(exception_handlers=dict(answers.handlers()))
        api.include_router(
            SignIn(
                REALM, credentials, Auth(channels, NOBODY), http, b"a key", FakeClock(datetime(2026, 11, 24, tzinfo=UTC))
            ).router
        )
        transport = httpx.ASGITransport(Limits(api, secure=False), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client
    await channels.close()


def shown(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"method": "GET", "headers": list(headers)}


@pytest.mark.parametrize("state", ["", "state=&", "state=another&", "state=%C3%A4&", "state=%ff&"])
async def test_an_answer_to_another_attempt_is_refused_whatever_its_state_holds(browser: httpx.AsyncClient, state: str) -> None:
    begun = await browser.get("/auth/login?next=/incidents")
    cookie = begun.headers["set-cookie"].partition(";")[0]
    answer = await browser.get(f"/auth/callback?{state}code=x", headers={"cookie": cookie})
    assert (answer.status_code, answer.json()["reason"]) == (400, "SIGN_IN")
    assert "__Host-itsm=" not in answer.headers.get("set-cookie", "")


async def test_a_sign_in_asks_for_a_code_with_state_nonce_and_a_challenge(browser: httpx.AsyncClient) -> None:
    begun = await browser.get("/auth/login")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == "http://gateway/auth/callback"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    flags = {part.strip().lower() for part in begun.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


async def test_a_step_up_asks_for_the_second_level_and_nothing_else_does(browser: httpx.AsyncClient) -> None:
    async def question(query: str) -> dict[str, list[str]]:
        return parse_qs(urlsplit((await browser.get(f"/auth/login{query}")).headers["location"]).query)

    asked = await question("?next=/users&stepUp=true")
    assert (asked["acr_values"], asked["max_age"]) == (["urn:itsm:loa:2"], ["900"])
    for query in ("", "?stepUp=", "?stepUp=false", "?acr_values=urn:itsm:loa:2"):
        assert not {"acr_values", "max_age"} & (await question(query)).keys()


async def test_a_former_session_that_cannot_be_closed_spoils_no_sign_in(credentials: Credentials) -> None:
    class Exchanges(pb.ExchangeServiceServicer):
        closed = ""

        async def OpenSession(self, _request: Any, _context: Any) -> pb.OpenSessionResponse:
            return pb.OpenSessionResponse(secret="the-new-one")

        async def CloseSession(self, request: Any, context: grpc.aio.ServicerContext) -> None:
            self.closed = request.secret
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    async def keycloak(_scope: Any, _receive: Any, send: Any) -> None:
        claims = base64.urlsafe_b64encode(orjson.dumps({"nonce": nonce})).rstrip(b"=").decode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps({"access_token": "a", "id_token": f"e30.{claims}.x"})})

    exchanges, channels, server = Exchanges(), Channels(), grpc.aio.server()
    pb.add_ExchangeServiceServicer_to_server(exchanges, server)
    auth = Auth(channels, f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    await server.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(keycloak)) as http:
        api = FastAPI(exception_handlers=dict(answers.handlers()))
        api.include_router(
            SignIn(REALM, credentials, auth, http, b"a key", FakeClock(datetime(2026, 11, 24, tzinfo=UTC))).router
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://gateway") as client:
            begun = await client.get("/auth/login?next=/incidents")
            asked = parse_qs(urlsplit(begun.headers["location"]).query)
            nonce, state = asked["nonce"][0], asked["state"][0]
            cookies = f"{begun.headers['set-cookie'].partition(';')[0]}; __Host-itsm=the-old-one"
            answer = await client.get(f"/auth/callback?code=x&state={state}", headers={"cookie": cookies})
    await server.stop(None)
    await channels.close()
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents")
    assert "__Host-itsm=the-new-one" in answer.headers["set-cookie"]
    assert exchanges.closed == "the-old-one"


@pytest.mark.parametrize("body", [b"", b"\xff", b"a=1&" * 20, b"logout_token="])
async def test_a_logout_that_cannot_be_read_is_refused(browser: httpx.AsyncClient, body: bytes) -> None:
    answer = await browser.post("/auth/backchannel-logout", content=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:itsm:problem:malformed")


async def test_two_authorizations_are_one_too_many(credentials: Credentials) -> None:
    with pytest.raises(Problem) as refused:
        await credentials.metadata(shown((b"authorization", b"Bearer a.b.c"), (b"authorization", b"Bearer d.e.f")))
    assert (refused.value.status, refused.value.slug) == (400, "malformed")


async def test_a_token_of_other_characters_is_none(credentials: Credentials) -> None:
    with pytest.raises(Unauthenticated):
        await credentials.metadata(shown((b"authorization", b"Bearer a.\xff.c")))


@pytest.mark.parametrize("tenant", [b"\xff", b"a\tb", b"a b"])
async def test_a_tenant_that_no_name_can_be_is_refused(credentials: Credentials, tenant: bytes) -> None:
    with pytest.raises(Problem) as refused:
        await credentials.metadata(shown((b"authorization", b"Bearer a.b.c"), (b"x-itsm-tenant", tenant)))
    assert (refused.value.status, refused.value.slug) == (400, "malformed")
