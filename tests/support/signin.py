"""A person who signs in at the real Keycloak: the code flow with PKCE, page by page, without a browser.

Fails with `SignInRefused`, which holds what the page or the answer said.
"""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

_FORM = re.compile(r'<form[^>]*\saction="([^"]+)"')
_FIELD = re.compile(r'<(?:input|select)[^>]*\sname="([^"]+)"')
_PROBLEM = re.compile(r"kc-feedback-text[^>]*>\s*([^<]*[^<\s])\s*<")
_MAX_PAGES = 6


class SignInRefused(Exception):
    """Keycloak did not let the person in, or the redirect was not for us."""


@dataclass(frozen=True)
class Client:
    """A client of the realm, as the console is one. `secret` is empty for a public one."""

    issuer: str
    client_id: str
    redirect_uri: str
    secret: str = ""

    def address(self, name: str) -> str:
        return f"{self.issuer}/protocol/openid-connect/{name}"


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def walk(http: httpx.AsyncClient, address: str, fields: dict[str, str]) -> str:
    """Fills the sign-in pages that `address` leads to until Keycloak redirects away; returns that redirect.

    Cookies are sent by hand: they are `Secure`, and httpx does not send such cookies over plain http.
    """
    page = await http.get(address)
    for _ in range(_MAX_PAGES):
        if page.is_redirect:
            return page.headers["location"]
        form = _FORM.search(page.text)
        if page.status_code != httpx.codes.OK or form is None:
            raise SignInRefused(f"status {page.status_code}: {_text(page)}")
        problem = _PROBLEM.search(page.text)
        if problem is not None:
            raise SignInRefused(html.unescape(problem.group(1)).strip())
        filled = {name: fields[name] for name in _FIELD.findall(page.text) if name in fields}
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in http.cookies.jar)
        page = await http.post(html.unescape(form.group(1)), data=filled, headers={"cookie": cookies})
    raise SignInRefused("the pages do not end")


async def code_for(
    client: Client,
    username: str,
    password: str,
    *,
    verifier: str,
    scope: str = "openid organization:*",
    organization: str = "",
    acr: str = "",
) -> str:
    """Signs in and returns the authorization code, after checking that the redirect is an answer to this request."""
    state = secrets.token_urlsafe(16)
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": scope,
        "state": state,
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        **({"acr_values": acr} if acr else {}),
    }
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        address = str(httpx.URL(client.address("auth"), params=query))
        fields = {"username": username, "password": password, "kc.org": organization}
        location = await walk(http, address, fields)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    if not location.startswith(client.redirect_uri) or answer.get("state") != state or answer.get("iss") != client.issuer:
        raise SignInRefused(f"the redirect is not ours: {urlsplit(location)._replace(query='').geturl()}")
    if "code" not in answer:
        raise SignInRefused(answer.get("error_description", answer.get("error", "no code")))
    return answer["code"]


async def redeem(client: Client, **form: str) -> dict[str, Any]:
    """Asks the token endpoint; raises with its `error` when it refuses."""
    auth = (client.client_id, client.secret) if client.secret else None
    if not client.secret:
        form["client_id"] = client.client_id
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        answer = await http.post(client.address("token"), data=form, auth=auth)
    body: dict[str, Any] = answer.json()
    if answer.status_code != httpx.codes.OK:
        raise SignInRefused(f"{answer.status_code} {body.get('error')}: {body.get('error_description')}")
    return body


async def sign_in(
    client: Client, username: str, password: str, *, scope: str = "openid organization:*", organization: str = "", acr: str = ""
) -> dict[str, Any]:
    """The whole way: `access_token`, `id_token`, `refresh_token`."""
    verifier = secrets.token_urlsafe(48)
    code = await code_for(client, username, password, verifier=verifier, scope=scope, organization=organization, acr=acr)
    return await redeem(
        client, grant_type="authorization_code", code=code, redirect_uri=client.redirect_uri, code_verifier=verifier
    )


def _text(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page.text, flags=re.DOTALL)).strip()[:300]
