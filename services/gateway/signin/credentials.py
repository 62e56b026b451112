"""Who is calling: the session cookie, personal access token or Keycloak token of a request as a token for our services.

Secrets are exchanged at the auth service for tokens of 60 seconds, kept here for 45. A cookie counts only where no
`Authorization` is given, and on a write only together with proof that our own pages sent it.

Fails: `Unauthenticated`, `Problem` 403 for a write that another site may have caused, `Unavailable` without the auth service.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from itsm.auth import v1 as pb

from chassis.errors import Unauthenticated
from chassis.http.problems import Problem
from chassis.policy import ANONYMOUS
from chassis.rpc import Channels, call
from services.gateway.rest.exchange import Scope
from services.gateway.rest.route import Route

COOKIE = "__Host-itsm"
CSRF_HEADER = b"x-itsm-csrf"
_KEPT_SECONDS = 45.0
_KEPT_ENTRIES = 20_000
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_VISIBLE = re.compile(rb"[\x21-\x7e]+")  # what the metadata of an RPC can carry
_TOKEN_PARTS = 3  # of a JWT; a secret of ours has no dots


class Auth:
    """The auth service as the gateway calls it."""

    def __init__(self, channels: Channels, target: str) -> None:
        self._channels, self._target = channels, target

    @property
    def exchange(self) -> pb.ExchangeServiceStub:
        """Secrets in exchange for short tokens; sessions."""
        return pb.ExchangeServiceStub(self._channels.to(self._target))

    @property
    def users(self) -> pb.UserServiceStub:
        """Who somebody is."""
        return pb.UserServiceStub(self._channels.to(self._target))


class Credentials:
    """Turns what a request shows into the metadata that it is sent on with."""

    def __init__(self, auth: Auth, public_url: str) -> None:
        self._auth = auth
        address = urlsplit(public_url)
        self._origin = f"{address.scheme}://{address.netloc}".encode()
        self._kept: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._owners: dict[bytes, tuple[str, str, str]] = {}
        self._forgotten = 0
        self._asking: dict[bytes, asyncio.Task[str]] = {}

    async def __call__(self, scope: Scope, route: Route) -> Sequence[tuple[str, str]]:
        """See `transcode.Credentials`."""
        if route.rpc.requires == ANONYMOUS:
            return ()
        return await self.metadata(scope)

    async def metadata(self, scope: Scope) -> Sequence[tuple[str, str]]:
        """The caller's token and the tenant that was asked for. Raises `Unauthenticated` where nothing was shown."""
        headers = dict(scope["headers"])
        if [name for name, _ in scope["headers"]].count(b"authorization") > 1:
            raise Problem(400, "malformed", "Authorization is said more than once")
        tenant = headers.get(b"x-itsm-tenant", b"")
        if tenant and not _VISIBLE.fullmatch(tenant):
            raise Problem(400, "malformed", "X-ITSM-Tenant takes visible ASCII characters")
        token = await self._token(scope["method"], headers)
        metadata = [("authorization", f"Bearer {token}")]
        if tenant:
            metadata.append(("x-itsm-tenant", tenant.decode()))
        return metadata

    async def _token(self, method: str, headers: dict[bytes, bytes]) -> str:
        if given := headers.get(b"authorization"):
            scheme, _, text = given.partition(b" ")
            if scheme.lower() != b"bearer" or not text:
                raise Unauthenticated("Authorization takes a bearer token", reason="TOKEN_MISSING")
            if not _VISIBLE.fullmatch(text):
                raise Unauthenticated("this is no token", reason="TOKEN_INVALID")
            shown = text.decode()
            return shown if shown.count(".") == _TOKEN_PARTS - 1 else await self.exchanged(shown)
        secret = session_secret(headers)
        if not secret:
            raise Unauthenticated("sign in, or send a bearer token", reason="TOKEN_MISSING")
        if method not in _SAFE_METHODS:
            self.check_origin(headers)
        return await self.exchanged(secret)

    def check_origin(self, headers: dict[bytes, bytes]) -> None:
        """Raises `Problem` 403 unless a write by cookie comes from our own pages, by what only a browser can say."""
        site = headers.get(b"sec-fetch-site", b"same-origin")
        origin = headers.get(b"origin", self._origin)
        if site not in (b"same-origin", b"none") or origin != self._origin or CSRF_HEADER not in headers:
            raise Problem(403, "forbidden", "a write by session needs the header X-ITSM-CSRF and our own origin", reason="CSRF")

    async def exchanged(self, secret: str) -> str:
        """A short token for a secret. Concurrent requests with one secret share one exchange."""
        key = hashlib.sha256(secret.encode()).digest()
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, secret))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    def forget(self, secret: str) -> None:
        """Drops the token of a session that has ended here."""
        self._forgotten += 1
        self._drop(hashlib.sha256(secret.encode()).digest())

    def forget_all(self) -> None:
        """Drops every token that was exchanged here, when sessions ended elsewhere and nobody says which."""
        self._forgotten += 1
        self._kept.clear()
        self._owners.clear()

    def forget_of(self, tenant: str, *, credential: str = "", subject: str = "") -> None:
        """Drops what was exchanged for one credential, or for all of a person's in a tenant: the rights behind it changed.

        What is being exchanged at this moment may have been answered before: it serves its request and is not kept.
        """
        self._forgotten += 1
        for key, owner in list(self._owners.items()):
            if owner in ((tenant, credential, owner[2]), (tenant, owner[1], subject)):
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        self._kept.pop(key, None)
        self._owners.pop(key, None)

    async def _ask(self, key: bytes, secret: str) -> str:
        forgotten = self._forgotten
        answer = await call(self._auth.exchange.Exchange, pb.ExchangeRequest(secret=secret), repeatable=True)
        token: str = answer.token
        if forgotten != self._forgotten:
            return token
        self._kept[key] = (time.monotonic() + _KEPT_SECONDS, token)
        self._owners[key] = answer.tenant, answer.credential_id, answer.subject
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_ENTRIES:
            self._drop(next(iter(self._kept)))
        return token


def session_secret(headers: dict[bytes, bytes]) -> str:
    """The session cookie; empty when there is none."""
    return cookie(headers, COOKIE)


def cookie(headers: dict[bytes, bytes], name: str) -> str:
    """One cookie of a request; empty when it is absent or the header cannot be read."""
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
