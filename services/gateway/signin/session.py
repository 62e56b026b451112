"""Signing in with a browser: the code flow with PKCE in the gateway, so that pages never hold a token.

The cookie is the opaque secret of a session that the auth service keeps; it alone says whether the session still lives. What
must survive the visit to Keycloak (state, nonce, verifier, where to go) travels in a signed cookie of ten minutes.

Fails: `Problem` 400 for a return from Keycloak that we did not ask for, 502 when Keycloak refuses the code, 503 without it.
"""

import base64
import hashlib
import hmac
import logging
import secrets
import time
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from itsm.auth import v1 as pb

from chassis import proof, protojson
from chassis.domain import Clock
from chassis.errors import Error, Unauthenticated
from chassis.http.problems import Problem
from chassis.rpc import call
from services.gateway.rest.exchange import Exchange
from services.gateway.signin.credentials import COOKIE, Auth, Credentials, session_secret
from services.gateway.signin.credentials import cookie as cookie_of

_log = logging.getLogger(__name__)

LOGIN_COOKIE = "__Host-itsm-login"
_LOGIN_SECONDS = 600
_SESSION_SECONDS = 24 * 3600
_SCOPE = "openid organization:*"
_MAX_NEXT = 2048
_MAX_TENANT = 63
_MAX_FORM = 64 << 10


@dataclass(frozen=True, slots=True)
class Realm:
    """Where people sign in, and as which client we send them there."""

    issuer: str
    internal_url: str
    client_id: str
    client_secret: str
    public_url: str

    def address(self, name: str, *, internal: bool = False) -> str:
        """An address of the OpenID Connect protocol, as browsers or as this process reach it."""
        return f"{self.internal_url if internal else self.issuer}/protocol/openid-connect/{name}"

    @property
    def callback(self) -> str:
        """Where Keycloak sends the browser back to."""
        return f"{self.public_url}/auth/callback"


class SignIn:
    """The addresses under `/auth`. By `clock` pages tell how long ago something was, and what is left of a promise."""

    def __init__(
        self, realm: Realm, credentials: Credentials, auth: Auth, http: httpx.AsyncClient, key: bytes, clock: Clock
    ) -> None:
        self._realm = realm
        self._credentials = credentials
        self._auth = auth
        self._http = http
        self._clock = clock
        self._key = hashlib.sha256(b"login" + key).digest()
        self.router = router = APIRouter(prefix="/auth", include_in_schema=False)
        router.add_api_route("/config", self.config, methods=["GET"])
        router.add_api_route("/login", self.login, methods=["GET"])
        router.add_api_route("/callback", self.callback, methods=["GET"])
        router.add_api_route("/me", self.me, methods=["GET"])
        router.add_api_route("/logout", self.logout, methods=["POST"])
        router.add_api_route("/backchannel-logout", self.backchannel_logout, methods=["POST"])

    async def config(self) -> dict[str, str]:
        """How a program signs a person in: the realm, and the client for devices."""
        return {"issuer": self._realm.issuer, "clientId": "itsm-cli", "deviceScopes": _SCOPE}

    async def login(self, request: Request) -> Response:
        """Sends the browser to Keycloak; `next` is the path to come back to, `tenant` the one to work in.

        With `stepUp=true` the sign-in proves anew, at the second level, who this is (chassis/proof.py).
        """
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        kept = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "next": _path(request.query_params.get("next", "/")),
            "tenant": _tenant(request.query_params.get("tenant", "")),
            "until": time.time() + _LOGIN_SECONDS,
        }
        question = {
            "response_type": "code",
            "client_id": self._realm.client_id,
            "redirect_uri": self._realm.callback,
            "scope": _SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": _unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if request.query_params.get("stepUp") == "true":
            question |= {"acr_values": proof.LEVEL, "max_age": str(proof.LONGEST)}
        answer = RedirectResponse(f"{self._realm.address('auth')}?{urlencode(question)}", 302)
        _set(answer, LOGIN_COOKIE, self._signed(kept), _LOGIN_SECONDS)
        return answer

    async def callback(self, request: Request) -> Response:
        """Back from Keycloak: the code for tokens, the token for a session, the session's secret as cookie."""
        given = request.query_params
        if len(given) != len(given.multi_items()):
            raise _unasked("the answer of the sign-in says something twice")
        kept = self._opened(cookie_of(dict(request.headers.raw), LOGIN_COOKIE))
        if not hmac.compare_digest(kept["state"].encode(), given.get("state", "").encode("utf-8", "replace")):
            raise _unasked("the answer of the sign-in is for another attempt")
        if given.get("iss", self._realm.issuer) != self._realm.issuer:
            raise _unasked("the answer of the sign-in is of another issuer")
        if "code" not in given:
            raise _unasked(f"the sign-in ended with {given.get('error', 'no code')[:100]}")
        tokens = await self._tokens(given["code"], kept["verifier"])
        if _claim(tokens.get("id_token", ""), "nonce") != kept["nonce"]:
            raise _unasked("the sign-in was not for this browser")
        asked = pb.OpenSessionRequest(access_token=tokens["access_token"], tenant=kept["tenant"])
        opened = await call(self._auth.exchange.OpenSession, asked)
        await self._close_former(session_secret(dict(request.headers.raw)))
        answer = RedirectResponse(kept["next"], 303)
        _set(answer, COOKIE, opened.secret, _SESSION_SECONDS)
        _set(answer, LOGIN_COOKIE, "", 0)
        return answer

    async def _close_former(self, secret: str) -> None:
        """A browser has one session: what it came with is worth nothing any more, to whoever else may have it."""
        if not secret:
            return
        self._credentials.forget(secret)
        try:
            await call(self._auth.exchange.CloseSession, pb.CloseSessionRequest(secret=secret))
        except Unauthenticated:  # it was over, or somebody planted it
            return
        except Error as error:  # the new session is open, and only the cookie that follows names it
            _log.warning("Former session not closed.", extra={"reason": error.reason})

    async def me(self, request: Request) -> Response:
        """Who is signed in, in which tenant, with which roles and permissions."""
        metadata = dict(await self._credentials.metadata(request.scope))
        token = metadata["authorization"].removeprefix("Bearer ")
        tenant = metadata.get("x-itsm-tenant", "")
        answer = await call(self._auth.users.WhoAmI, pb.WhoAmIRequest(), token=token, tenant=tenant, repeatable=True)
        # The clock of a browser's machine may be wrong.
        date = format_datetime(self._clock(), usegmt=True)
        return Response(protojson.encode(answer), media_type="application/json", headers={"date": date})

    async def logout(self, request: Request) -> Response:
        """Ends the session here and says where to end it at Keycloak."""
        headers = dict(request.headers.raw)
        self._credentials.check_origin(headers)
        if secret := session_secret(headers):
            self._credentials.forget(secret)
            await call(self._auth.exchange.CloseSession, pb.CloseSessionRequest(secret=secret))
        question = {"client_id": self._realm.client_id, "post_logout_redirect_uri": f"{self._realm.public_url}/"}
        answer = JSONResponse({"logoutUrl": f"{self._realm.address('logout')}?{urlencode(question)}"})
        _set(answer, COOKIE, "", 0)
        return answer

    async def backchannel_logout(self, request: Request) -> Response:
        """Keycloak says that sessions are over; the token that it sends is the proof."""
        body = (await Exchange(request.scope, request.receive).body(_MAX_FORM)).decode("latin-1")
        try:
            logout_token = parse_qs(body, max_num_fields=10).get("logout_token")
        except ValueError:  # more fields than a logout has
            logout_token = None
        if not logout_token:
            raise Problem(400, "malformed", "there is no logout_token")
        await call(self._auth.exchange.EndSessions, pb.EndSessionsRequest(logout_token=logout_token[0]))
        self._credentials.forget_all()
        return Response(status_code=200, headers={"cache-control": "no-store"})

    async def _tokens(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._realm.callback,
            "code_verifier": verifier,
        }
        try:
            answer = await self._http.post(
                self._realm.address("token", internal=True), data=form, auth=(self._realm.client_id, self._realm.client_secret)
            )
        except httpx.HTTPError as error:
            raise Problem(503, "dependency", "the sign-in service does not answer", headers={"retry-after": "5"}) from error
        if answer.status_code != httpx.codes.OK:
            raise _unasked("the sign-in service does not accept the code; it may have been used before")
        tokens: dict[str, Any] = answer.json()
        return tokens

    def _signed(self, kept: dict[str, Any]) -> str:
        body = _unpadded(orjson.dumps(kept))
        return f"{body}.{_unpadded(hmac.digest(self._key, body.encode(), 'sha256'))}"

    def _opened(self, text: str) -> dict[str, Any]:
        body, _, signature = text.partition(".")
        expected = _unpadded(hmac.digest(self._key, body.encode(), "sha256"))
        if not body or not hmac.compare_digest(signature.encode(), expected.encode()):
            raise _unasked("no sign-in was begun in this browser")
        kept: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if kept["until"] < time.time():
            raise _unasked("the sign-in took too long; begin again")
        return kept


def _claim(token: str, name: str) -> str:
    # It came over a channel of our own from the token address, which is proof enough (OpenID Connect Core 3.1.3.7, 6).
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return str(claims.get(name, ""))


def _unasked(detail: str) -> Problem:
    return Problem(400, "malformed", detail, reason="SIGN_IN")


def _path(given: str) -> str:
    """A path of ours to come back to; anything that a browser could take for another site becomes the start page."""
    harmless = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable() and "\\" not in given
    return given if harmless and len(given) <= _MAX_NEXT else "/"


def _tenant(given: str) -> str:
    """A name that a tenant may have; which ones are the person's is for the auth service to say."""
    return given if len(given) <= _MAX_TENANT and given.isascii() and given.isprintable() else ""


def _set(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def _unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
