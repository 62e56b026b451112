"""Signing in on another screen: the OAuth device flow (RFC 8628) with PKCE (RFC 7636).

The platform tells at `{url}/auth/config` who signs people in: `issuer`, `clientId`, `deviceScopes`.

Fails: `CliError` when that is not offered or does not answer, `SignInNeeded` when it is declined or takes too long.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from cli.credentials import Credentials, Renewal
from cli.errors import CliError, SignInNeeded

LEEWAY = 20.0
"""Seconds before its end at which a token is renewed."""
SLOWER = 5.0
"""Seconds that `slow_down` adds to the interval (RFC 8628 3.5)."""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the person does: open the address on any device and confirm the code."""

    address: str
    complete_address: str
    code: str
    seconds: float


def sign_in(url: str, invite: Callable[[Invitation], None]) -> Credentials:
    """Runs the flow; `invite` shows the person where to go. Returns once it is confirmed there."""
    with httpx.Client(timeout=20, follow_redirects=True) as http:
        config = _get(http, f"{url}/auth/config")
        client_id, issuer = _text(config, "clientId"), _text(config, "issuer")
        scopes = config.get("deviceScopes", [])
        provider = _get(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if provider.get("issuer") != issuer:
            raise CliError(f"{issuer} says that it is {provider.get('issuer')}")
        token_endpoint = _text(provider, "token_endpoint")
        verifier = secrets.token_urlsafe(64)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        begun = _post(
            http,
            _text(provider, "device_authorization_endpoint"),
            client_id=client_id,
            scope=scopes if isinstance(scopes, str) else " ".join(scopes),
            code_challenge=challenge,
            code_challenge_method="S256",
        )
        if "error" in begun:
            raise CliError(f"the sign-in is refused: {_why(begun)}")
        seconds = float(begun.get("expires_in", 600))
        address = _text(begun, "verification_uri")
        complete = str(begun.get("verification_uri_complete") or address)
        invite(Invitation(address, complete, _text(begun, "user_code"), seconds))
        granted = _wait(
            lambda: _post(
                http,
                token_endpoint,
                grant_type=GRANT,
                client_id=client_id,
                device_code=_text(begun, "device_code"),
                code_verifier=verifier,
            ),
            interval=float(begun.get("interval", 5)),
            seconds=seconds,
        )
    return _credentials(url, granted, token_endpoint, client_id, "")


def renewed(stored: Credentials) -> Credentials:
    """A new token for an old one. Raises `SignInNeeded` when the session is over."""
    renewal = stored.renewal
    if renewal is None or not renewal.refresh_token:
        raise SignInNeeded("the sign-in is over")
    with httpx.Client(timeout=20) as http:
        granted = _post(
            http,
            renewal.token_endpoint,
            grant_type="refresh_token",
            client_id=renewal.client_id,
            refresh_token=renewal.refresh_token,
        )
    if "error" in granted:
        raise SignInNeeded(f"the sign-in is over: {_why(granted)}")
    return _credentials(stored.url, granted, renewal.token_endpoint, renewal.client_id, renewal.refresh_token)


def _wait(ask: Callable[[], dict[str, Any]], *, interval: float, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        time.sleep(interval)
        answer = ask()
        error = answer.get("error")
        if error is None:
            return answer
        if error == "slow_down":
            interval += SLOWER
        elif error != "authorization_pending":
            raise SignInNeeded(f"the sign-in did not happen: {_why(answer)}")
        if time.monotonic() + interval > deadline:
            raise SignInNeeded("the sign-in was not confirmed in time")


def _credentials(url: str, granted: dict[str, Any], token_endpoint: str, client_id: str, before: str) -> Credentials:
    renewal = Renewal(
        refresh_token=str(granted.get("refresh_token") or before),
        expires=time.time() + float(granted.get("expires_in", 60)),
        token_endpoint=token_endpoint,
        client_id=client_id,
    )
    return Credentials(url=url, token=_text(granted, "access_token"), renewal=renewal)


def _get(http: httpx.Client, address: str) -> dict[str, Any]:
    return _read(address, lambda: http.get(address))


def _post(http: httpx.Client, address: str, **form: str) -> dict[str, Any]:
    return _read(address, lambda: http.post(address, data=form))


def _read(address: str, request: Callable[[], httpx.Response]) -> dict[str, Any]:
    """The JSON object; errors of OAuth come with status 400 and are answers too."""
    try:
        response = request()
        data = response.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CliError(f"{address} does not answer: {error or type(error).__name__}") from error
    except ValueError as error:
        raise CliError(f"{address} answers {response.status_code} with something that is no JSON") from error
    if not isinstance(data, dict) or (response.is_error and not isinstance(data.get("error"), str)):
        raise CliError(f"{address} answers {response.status_code}: signing in on a device is not offered here")
    return data


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise CliError(f"the answer lacks {name}; signing in on a device is not offered here")
    return value


def _why(answer: dict[str, Any]) -> str:
    return str(answer.get("error_description") or answer["error"])
