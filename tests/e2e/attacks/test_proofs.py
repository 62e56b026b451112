"""Tokens and sign-ins that are not what they say: none lets anybody in, and each refusal is told in the log."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import orjson
import pytest
from keycloak import KeycloakAdmin

from chassis.auth import own_issuer
from chassis.settings import MongoDriver
from chassis.store.mongo import MongoBackend
from services.auth.usecases.signing import Signer
from tests.e2e.test_sign_in import LOGIN, SESSION, Visitor
from tests.support.attempts import Attempt, attempted
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.signin import SignInRefused, code_for
from tests.support.universal import watched

LIST = "incidents?pageSize=1"
HOURS = 3600


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    made = Callers(stack)
    yield made
    await made.close()


@pytest.fixture
async def signers(stack: dict[str, Any]) -> AsyncIterator[Callable[..., Signer]]:
    """Whoever signs with the key of the auth service itself, by another clock or under another name."""
    environment = stack["backing"]["service_environment"]["auth"]
    backend = MongoBackend(stack["backing"]["mongo"]["uris"]["auth"], MongoDriver.PYMONGO)
    sealing = environment.get("ITSM_SIGNING_SECRET") or environment["ITSM_CLIENT_SECRET"]

    def signer(*, shift: float = 0, issuer: str = "") -> Signer:
        name = issuer or own_issuer(environment["ITSM_INSTALLATION"])
        return Signer(backend, name, sealing, now=lambda: time.time() + shift)

    yield signer
    await backend.close()


async def test_no_proof_an_odd_one_or_two_let_nobody_in(stack: dict[str, Any], agent: Gateway) -> None:
    good = stack["users"]["agent"]["token"]
    tries = [
        Attempt("nothing", (401,), LIST, "GET", slug="unauthenticated"),
        *(
            Attempt(f"the proof {text[:20]!r}", (401,), LIST, "GET", headers={"authorization": text}, slug="unauthenticated")
            for text in (
                "Bearer",
                f"Basic {good}",
                good,
                f"Bearer {good} x",
                f"Token {good}",
                "Bearer x.y.z",
                "Bearer a",
            )
        ),
        Attempt("a lower-case scheme", (200,), LIST, "GET", headers={"authorization": f"bearer {good}"}),
        Attempt("two proofs", (400,), LIST, "GET", headers=[("authorization", f"Bearer {good}")] * 2, slug="malformed"),
        Attempt("a token of 1 MiB", (431,), LIST, "GET", headers=bearer("x" * (1 << 20))),
        Attempt("a token of 30 KiB", (401,), LIST, "GET", headers=bearer("x." * 7_000 + "y")),
    ]
    async with Gateway(stack["gateway"]) as nobody, watched(stack, agent, secrets=[good]) as watch:
        await attempted(watch, nobody.http, tries)
        refused = [answer for answer in watch.answers if answer.status_code == 401]
        assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in refused)
        assert good not in watch.logs()


async def test_a_token_of_another_time_issuer_purpose_or_tenant_lets_nobody_in(
    stack: dict[str, Any], agent: Gateway, callers: Callers, signers: Callable[..., Signer]
) -> None:
    person = {"sub": "mallory", "kind": "user", "tenant": "main", "roles": ["admin"]}
    issuer = own_issuer(stack["backing"]["service_environment"]["auth"]["ITSM_INSTALLATION"])

    async def signed(shift: float = 0, name: str = "", **claims: Any) -> str:
        kept = {key: value for key, value in {**person, **claims}.items() if value is not None}
        return (await signers(shift=shift, issuer=name).sign(kept))[0]

    keycloak = await callers.keycloak("agent")
    good = await signed()
    head, body, signature = good.split(".")
    told = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    raised = base64.urlsafe_b64encode(orjson.dumps({**told, "tenant": "other"})).rstrip(b"=").decode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    liars = {
        "an expired token": await signed(-HOURS),
        "a token that has just expired": await signed(-95),
        "a token of the future": await signed(HOURS),
        "another issuer": await signed(name=f"{issuer}/"),
        "an issuer in capitals": await signed(name=issuer.upper()),
        "an issuer that looks like ours": await signed(name=issuer.replace("i", "\u0456", 1)),
        "an ID token": keycloak["id_token"],
        "a token to renew with": keycloak["refresh_token"],
        "changed claims": f"{head}.{raised}.{signature}",
        "no signature": f"{head}.{body}.",
        "no algorithm": f"{unsigned}.{body}.",
        "a key of one's own": callers.forged("admin", "main"),
        "nobody": await signed(sub=""),
    }
    strangers = {
        f"the tenant {tenant!r}": await signed(tenant=tenant)
        for tenant in (None, "", "*", ["main", "other"], {"main": {}}, "main\0", "../main", 7)
    }
    async with Gateway(stack["gateway"]) as nobody, watched(stack, agent, audited=True) as watch:
        tries = [Attempt(what, (401,), LIST, "GET", headers=bearer(token)) for what, token in liars.items()]
        tries += [Attempt(what, (401, 403), LIST, "GET", headers=bearer(token)) for what, token in strangers.items()]
        other = bearer(good) | {"x-itsm-tenant": "other"}
        tries += [
            Attempt("the same token rightly", (200,), LIST, "GET", headers=bearer(good)),
            Attempt("another tenant than the token's", (403,), LIST, "GET", headers=other),
        ]
        await attempted(watch, nobody.http, tries)


async def test_a_flood_of_bad_signatures_is_refused_and_others_are_served(
    stack: dict[str, Any], agent: Gateway, callers: Callers, soak: bool
) -> None:
    head, body, signature = (await callers.person("agent", "main")).split(".")
    size = sum(path.stat().st_size for path in _logs(stack))
    count = 20_000 if soak else 600
    async with Gateway(stack["gateway"]) as nobody, watched(stack, agent) as watch:
        room = asyncio.Semaphore(32)

        async def one(number: int) -> int:
            async with room:
                token = f"{head}.{body}.{number:06d}{signature[6:]}"
                return (await nobody.http.get(f"/api/v1/{LIST}", headers=bearer(token))).status_code

        assert set(await asyncio.gather(*(one(number) for number in range(count)))) == {401}
        told = watch.logs()
    assert body not in told and signature[8:] not in told
    assert sum(path.stat().st_size for path in _logs(stack)) - size < count * 4_096 + (1 << 20), "the log is flooded"


def _logs(stack: dict[str, Any]) -> list[Path]:
    return list((Path(stack["backing"]["state"]) / "logs").glob("*.log"))


async def test_the_way_back_after_a_sign_in_leads_to_ourselves_alone(stack: dict[str, Any]) -> None:
    kept = {"/incidents?state=NEW", "/a%2f%2fevil", "/x/y#z"}
    home = {
        "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
        "javascript:alert(1)", "data:text/html,x", "/a\r\nset-cookie: x=y", "/a\tb", "\t//evil.example", " //evil.example",
        "http:evil.example", "evil", "", "/" + "x" * 2_048, "/\u2028x", "/\0x", "https:///evil.example", "/a\x7f",
    }  # fmt: skip
    async with Visitor(stack) as visitor:
        for given in kept | home:
            begun = await visitor.request("GET", "/auth/login", params={"next": given})
            assert begun.status_code == 302
            body = visitor.cookies[LOGIN].partition(".")[0]
            told = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            assert told["next"] == (given if given in kept else "/"), given
            assert "evil" not in begun.headers["location"]
        long = await visitor.request("GET", "/auth/login?next=/" + "x" * 8_192)
        assert long.status_code == 414


async def test_what_is_said_twice_on_the_way_back_is_refused(stack: dict[str, Any], agent: Gateway) -> None:
    async with Visitor(stack) as visitor, watched(stack, agent) as watch:
        back = await visitor.go_to_keycloak("viewer")
        parts = urlsplit(back)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for wrong in (
            [*query.items(), ("state", "guessed")],
            [("state", "guessed"), *query.items()],
            [*query.items(), ("code", "guessed")],
            [*query.items(), ("iss", "https://evil.example")],
            [("error", "access_denied"), ("state", query["state"])],
            [("state", query["state"])],
            [],
        ):
            answer = watch.saw(await visitor.request("GET", f"{parts.path}?{urlencode(wrong)}"))
            assert answer.status_code == 400, wrong
            assert SESSION not in visitor.cookies
        assert (await visitor.request("GET", back)).status_code == 303


async def test_keycloak_takes_no_address_but_the_one_of_our_client(stack: dict[str, Any], callers: Callers) -> None:
    console = callers.console()
    ours = urlsplit(console.redirect_uri)
    question = {
        "response_type": "code", "client_id": console.client_id, "scope": "openid", "state": "x", "nonce": "x",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    wrong = [
        f"{console.redirect_uri}/more", f"{console.redirect_uri}/../more", f"{console.redirect_uri}#x",
        f"{console.redirect_uri}?x=y",
        f"{ours.scheme}://{ours.netloc}@evil.example{ours.path}", f"{ours.scheme}://evil.example#{ours.netloc}{ours.path}",
        console.redirect_uri.replace("/auth/callback", "/auth%2Fcallback"), f"{ours.scheme}://{ours.netloc}/*",
        f"{ours.scheme}://{ours.netloc}.evil.example{ours.path}", console.redirect_uri.upper(),
    ]  # fmt: skip
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        for address in wrong:
            answer = await http.get(console.address("auth"), params={**question, "redirect_uri": address})
            assert answer.status_code == 400, address
        for twice in (("redirect_uri", console.redirect_uri), ("client_id", console.client_id), ("state", "y")):
            asked = [*question.items(), ("redirect_uri", console.redirect_uri), twice]
            answer = await http.get(f"{console.address('auth')}?{urlencode(asked)}")
            assert answer.status_code == 400 or "error=invalid_request" in answer.headers.get("location", ""), twice
        without = {**question, "redirect_uri": console.redirect_uri}
        del without["code_challenge"], without["code_challenge_method"]
        refused = await http.get(console.address("auth"), params=without)
        assert "error=invalid_request" in refused.headers.get("location", ""), "a client of ours needs PKCE"


async def test_who_guesses_passwords_has_to_wait_and_the_real_one_gets_in_afterwards(
    stack: dict[str, Any], callers: Callers
) -> None:
    described = stack["backing"]["keycloak"]
    admin = KeycloakAdmin(
        server_url=stack["keycloak"],
        username=described["admin"]["username"],
        password=described["admin"]["password"],
        realm_name="itsm",
        user_realm_name="master",
    )
    password = "A-long-password-of-one-1"
    user = await admin.a_create_user(
        {
            "username": "guessed", "enabled": True, "email": "guessed@example.com", "firstName": "Gus", "lastName": "Essed",
            "credentials": [{"type": "password", "value": password, "temporary": False}],
        },
        exist_ok=True,
    )  # fmt: skip
    console = callers.console()

    async def enter(given: str) -> str:
        try:
            return await code_for(console, "guessed", given, verifier="v" * 64, scope="openid")
        except SignInRefused as refused:
            return f"refused: {refused}"

    try:
        wrong = [await enter(f"Wrong-password-{number}") for number in range(6)]
        locked = await enter(password)
        assert {text[:8] for text in wrong} == {"refused:"}
        assert locked.startswith("refused:"), "the right password of somebody who is being guessed has to wait too"
        assert locked == wrong[0], "what was right about it is not told"
        await admin.a_clear_bruteforce_attempts_for_user(user)  # as time would
        assert not (await enter(password)).startswith("refused:")
    finally:
        await admin.a_delete_user(user)
