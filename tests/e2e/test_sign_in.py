"""Signing in with a browser, through the real pages of Keycloak: what the cookie is, and what never gets one."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import orjson
import pytest
from keycloak import KeycloakAdmin

from tests.support.browser import Browser
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.signin import walk

SESSION, LOGIN = "__Host-itsm", "__Host-itsm-login"


class Visitor(Browser):
    """A browser whose steps can be taken one by one."""

    def __init__(self, stack: dict[str, Any]) -> None:
        super().__init__(stack["gateway"])
        self.stack = stack

    async def go_to_keycloak(self, user: str, **query: str) -> str:
        """Begins a sign-in and fills the pages; returns the way back, which was not taken yet."""
        begun = await self.request("GET", "/auth/login", params=query)
        assert begun.status_code == 302
        fields = {"username": user, "password": self.stack["users"][user]["password"]}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as pages:
            back = await walk(pages, begun.headers["location"], fields)
        return back.removeprefix(self.url)

    async def come_in(self, user: str, **query: str) -> httpx.Response:
        """The whole way; returns the answer that sets the session cookie."""
        answer = await self.request("GET", await self.go_to_keycloak(user, **query))
        assert answer.status_code == 303, answer.text
        return answer

    async def signed_in(self) -> bool:
        """Whether the gateway knows who this is."""
        return (await self.request("GET", "/auth/me")).status_code == 200

    def ours(self) -> dict[str, str]:
        """What our own pages send with a write."""
        return {"x-itsm-csrf": "1", "sec-fetch-site": "same-origin", "origin": self.url}


@pytest.fixture
async def browser(stack: dict[str, Any]) -> AsyncIterator[Visitor]:
    """A browser that nobody has signed in with."""
    async with Visitor(stack) as visitor:
        yield visitor


def with_query(address: str, **changes: str) -> str:
    """The same way back with something else in it."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return f"{parts.path}?{urlencode(query)}"


async def test_a_person_signs_in_and_is_who_the_password_says(browser: Visitor) -> None:
    assert not await browser.signed_in()
    answer = await browser.come_in("agent", next="/incidents?state=NEW")
    assert answer.headers["location"] == "/incidents?state=NEW"
    me = (await browser.request("GET", "/auth/me")).json()
    assert (me["tenant"], me["roles"]) == ("main", ["agent"])
    assert (await browser.request("GET", "/api/v1/incidents?pageSize=1")).status_code == 200


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Visitor) -> None:
    answer = await browser.come_in("agent")
    (line,) = (line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{SESSION}="))
    flags = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags), "the prefix __Host- forbids it"
    assert browser.cookies.keys() == {SESSION}, "the cookie of the attempt is gone"
    assert "." not in browser.cookies[SESSION], "no token reaches the browser"


async def test_a_sign_in_leads_to_keycloak_with_proof_of_possession(browser: Visitor) -> None:
    begun = await browser.request("GET", "/auth/login")
    question = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert begun.headers["location"].startswith(browser.stack["keycloak"])
    assert (question["response_type"], question["code_challenge_method"]) == ("code", "S256")
    assert len(base64.urlsafe_b64decode(question["code_challenge"] + "=")) == hashlib.sha256().digest_size
    assert question["redirect_uri"] == browser.stack["gateway"] + "/auth/callback"
    assert begun.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"x-itsm-csrf": "1", "origin": "https://evil.example"},
        {"x-itsm-csrf": "1", "origin": "null"},
        {"x-itsm-csrf": "1", "sec-fetch-site": "cross-site"},
        {"x-itsm-csrf": "1", "sec-fetch-site": "same-site"},
    ],
)
async def test_a_write_that_another_site_may_have_caused_is_refused(browser: Visitor, headers: dict[str, str]) -> None:
    await browser.come_in("agent")
    body = {"title": "Not by me"}
    answer = await browser.request("POST", "/api/v1/incidents", json=body, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "CSRF")
    assert (await browser.request("POST", "/auth/logout", headers=headers)).status_code == 403
    assert await browser.signed_in()
    ours = await browser.request("POST", "/api/v1/incidents", json=body, headers=browser.ours())
    assert ours.status_code == 201


async def test_a_session_that_somebody_planted_is_not_taken_over(browser: Visitor) -> None:
    planted = secrets.token_urlsafe(32)
    browser.cookies[SESSION] = planted
    assert not await browser.signed_in()
    await browser.come_in("agent")
    assert browser.cookies[SESSION] != planted
    first = browser.cookies[SESSION]
    await browser.come_in("viewer")
    assert browser.cookies[SESSION] != first, "each sign-in has a secret of its own"
    assert (await browser.request("GET", "/auth/me")).json()["roles"] == ["viewer"]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "/a\r\nb: c",
    ],
)
async def test_nobody_is_led_to_another_site(browser: Visitor, target: str) -> None:
    answer = await browser.come_in("viewer", next=target)
    assert answer.headers["location"] == "/"


async def test_an_answer_to_another_attempt_is_refused(browser: Visitor, stack: dict[str, Any]) -> None:
    back = await browser.go_to_keycloak("agent")
    other = Visitor(stack)
    await other.request("GET", "/auth/login")
    for tried, address in (
        (other, back),
        (Visitor(stack), back),
        (browser, with_query(back, state="guessed")),
        (browser, with_query(back, iss="https://evil.example/realms/itsm")),
    ):
        answer = await tried.request("GET", address)
        assert (answer.status_code, answer.json()["reason"]) == (400, "SIGN_IN")
        assert SESSION not in tried.cookies
    assert (await browser.request("GET", back)).status_code == 303, "the right browser may still finish"


async def test_a_changed_cookie_of_an_attempt_is_refused(browser: Visitor) -> None:
    back = await browser.go_to_keycloak("agent")
    body, _, signature = browser.cookies[LOGIN].partition(".")
    kept = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = base64.urlsafe_b64encode(orjson.dumps(kept | {"next": "/elsewhere"})).rstrip(b"=").decode()
    browser.cookies[LOGIN] = f"{forged}.{signature}"
    answer = await browser.request("GET", back)
    assert (answer.status_code, answer.json()["reason"]) == (400, "SIGN_IN")


async def test_a_code_is_good_for_one_session(browser: Visitor) -> None:
    back = await browser.go_to_keycloak("agent")
    attempt = browser.cookies[LOGIN]
    assert (await browser.request("GET", back)).status_code == 303
    browser.cookies = {LOGIN: attempt}
    again = await browser.request("GET", back)
    assert (again.status_code, again.json()["reason"]) == (400, "SIGN_IN")
    assert SESSION not in browser.cookies


async def test_logging_out_ends_the_session_at_once(browser: Visitor) -> None:
    await browser.come_in("agent")
    kept = dict(browser.cookies)
    answer = await browser.request("POST", "/auth/logout", headers=browser.ours())
    assert answer.status_code == 200
    assert answer.json()["logoutUrl"].startswith(browser.stack["keycloak"])
    assert SESSION not in browser.cookies
    browser.cookies = kept
    assert not await browser.signed_in(), "a copy of the cookie is worth nothing"


async def test_a_sensitive_operation_asks_for_a_fresh_sign_in_and_takes_it(browser: Visitor, stack: dict[str, Any]) -> None:
    await browser.come_in("admin")
    first = dict(browser.cookies)
    async with Visitor(stack) as other:
        await other.come_in("viewer")
        viewer = (await other.request("GET", "/auth/me")).json()["subject"]
    address, body = f"/api/v1/users/{viewer}:grantRole", {"role": "analyst"}
    weak = await browser.request("POST", address, json=body, headers=browser.ours())
    assert (weak.status_code, weak.json()["reason"]) == (401, "INSUFFICIENT_USER_AUTHENTICATION")
    assert (weak.json()["acrValues"], weak.json()["maxAge"]) == ("urn:itsm:loa:2", "900")
    assert 'error="insufficient_user_authentication"' in weak.headers["www-authenticate"]
    back = await browser.come_in("admin", stepUp="true", next="/users")
    assert back.headers["location"] == "/users"
    granted = await browser.request("POST", address, json=body, headers=browser.ours())
    assert granted.status_code == 200, granted.text
    taken = await browser.request("POST", address.replace("grant", "revoke"), json=body, headers=browser.ours())
    assert taken.status_code == 200, taken.text
    browser.cookies = first
    assert not await browser.signed_in(), "the session before it is over"


async def test_a_sign_out_at_keycloak_ends_the_session_here(browser: Visitor, stack: dict[str, Any]) -> None:
    await browser.come_in("analyst")
    subject = (await browser.request("GET", "/auth/me")).json()["subject"]
    async with Visitor(stack) as bystander:
        await bystander.come_in("viewer")
        admin = KeycloakAdmin(
            server_url=stack["keycloak"],
            username=stack["backing"]["keycloak"]["admin"]["username"],
            password=stack["backing"]["keycloak"]["admin"]["password"],
            realm_name="itsm",
            user_realm_name="master",
        )
        await admin.a_user_logout(subject)
        async with asyncio.timeout(60):
            while await browser.signed_in():  # noqa: ASYNC110 - Keycloak tells of it in its own time
                await asyncio.sleep(0.1)
        assert await bystander.signed_in()


async def test_a_logout_token_that_keycloak_did_not_sign_ends_nothing(browser: Visitor) -> None:
    await browser.come_in("agent")
    for form in ({"logout_token": "a.b.c"}, {"logout_token": ""}, {}):
        answer = await browser.request("POST", "/auth/backchannel-logout", data=form)
        assert answer.status_code in (400, 401)
    assert await browser.signed_in()


async def test_a_session_lives_on_while_keycloak_is_away(breakable: Breakable, browser: Visitor, stack: dict[str, Any]) -> None:
    await browser.come_in("agent")  # nothing was asked yet, so no token of the session is remembered
    callers = Callers(stack)
    good = [(await callers.keycloak("agent"))["access_token"], stack["users"]["agent"]["token"]]
    await callers.close()
    await breakable.stack.process("keycloak").stop()
    try:
        await breakable.stack.restart("incident")  # a process that just began, too
        for token in good:
            async with Gateway(stack["gateway"], token) as agent:
                assert (await agent.post("incidents", {"title": "While nobody can sign in"}))["state"] == "NEW"
        assert await browser.signed_in()
        answer = await browser.request("POST", "/api/v1/incidents", json={"title": "Still here"}, headers=browser.ours())
        assert answer.status_code == 201
        begun = await browser.request("GET", "/auth/login")
        assert begun.status_code == 302
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        refused = await browser.request("GET", f"/auth/callback?{urlencode({'state': state, 'code': 'c'})}")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    finally:
        await breakable.heal()
