"""An issuer of tokens without a network: real keys, real signatures, a transport that answers what the test says."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwk, jwt

KEYCLOAK = "https://sign-in.example/realms/itsm"
OWN = "urn:itsm:local:auth"


@dataclass
class FakeIssuer(httpx.AsyncBaseTransport):
    """Publishes its keys over httpx and signs what it is given. `fetches` counts how often the keys were asked for."""

    name: str
    algorithm: str = "RS256"
    fetches: int = 0
    answer: httpx.Response | None = None
    delay: float = 0
    broken: bool = False
    keys: dict[str, jwk.Key] = field(default_factory=dict)
    extra_keys: list[dict[str, Any]] = field(default_factory=list)
    current: str = ""

    def __post_init__(self) -> None:
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        parameters = {"kid": kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "Ed25519":
            self.keys[kid] = jwk.OKPKey.generate_key("Ed25519", parameters)
        elif self.algorithm == "ES256":
            self.keys[kid] = jwk.ECKey.generate_key("P-256", parameters)
        else:
            self.keys[kid] = jwk.RSAKey.generate_key(2048, parameters)
        self.current = kid

    def document(self) -> dict[str, Any]:
        return {"keys": [*(key.as_dict(private=False) for key in self.keys.values()), *self.extra_keys]}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        await asyncio.sleep(self.delay)
        if self.broken:
            raise httpx.ConnectError("refused", request=request)
        return self.answer or httpx.Response(200, json=self.document())

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self)

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": self.algorithm, "kid": self.current, "typ": "JWT", **header}
        return jwt.encode(head, claims, self.keys[self.current], algorithms=[self.algorithm])


def person(**changes: Any) -> dict[str, Any]:
    """Claims of an access token as Keycloak writes them for someone signed in; None leaves a claim out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": KEYCLOAK,
        "aud": "itsm-api",
        "sub": "8c1f8a1e-0000-4000-8000-000000000001",
        "typ": "Bearer",
        "azp": "itsm-console",
        "iat": now,
        "exp": now + 300,
        "auth_time": now - 10,
        "jti": "onrtac:1",
        "sid": "session-1",
        "acr": "urn:itsm:loa:1",
        "scope": "openid organization:* profile itsm email",
        "organization": ["main"],
        "resource_access": {"itsm-api": {"roles": ["agent"]}},
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def machine(**changes: Any) -> dict[str, Any]:
    """Claims of a service account's token."""
    absent = dict.fromkeys(("sid", "auth_time", "organization", "resource_access"))
    return person(**(absent | {"azp": "itsm-monitor", "client_id": "itsm-monitor", "jti": "trrtcc:1"} | changes))


def short(**changes: Any) -> dict[str, Any]:
    """Claims of a short token of the auth service."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": OWN,
        "aud": "itsm-api",
        "sub": "usr_1",
        "kind": "user",
        "tenant": "acme",
        "roles": ["agent"],
        "iat": now,
        "exp": now + 60,
        "auth_time": now - 10,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def as_text(document: Any) -> str:
    """JSON without spaces, as tokens hold it."""
    return json.dumps(document, separators=(",", ":"))
