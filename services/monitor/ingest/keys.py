"""Who sends: the key of a request, exchanged at the auth service and remembered for less than a minute.

Fails: `Unauthenticated` for no key or one that is not good, `Denied` for one that may not send this or whose integration is
disabled, `Unavailable` while the auth service does not answer.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from itsm.auth import v1 as auth_pb

from chassis import context as ctx
from chassis.auth import Policy, Principal
from chassis.context import Actor, Context
from chassis.domain import uuid7
from chassis.errors import Denied, Unauthenticated
from chassis.rpc import Channels, call
from services.monitor.domain.integration import Integration, IntegrationState
from services.monitor.usecases.integrations import Integrations

KEPT_SECONDS = 45.0
"""How long a revoked key, a withdrawn permission or a changed integration may still count, at most and unless said."""
_REFUSED_SECONDS = 5.0
_KEPT_ENTRIES = 10_000
_LONGEST_KEY = 8192
_VISIBLE = re.compile(r"[\x21-\x7e]+")

Exchange = Callable[[str], Awaitable[str]]


class Guard(Protocol):
    """Who a token is of and what roles permit."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """The verified caller, or `Unauthenticated`."""

    def policy(self) -> Policy:
        """The roles and their permissions as last heard."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose key it was. `integration` is None where nobody made one for this key: what is sent is read in the usual way."""

    tenant: str
    key_id: str
    principal: Principal
    integration: Integration | None = None


@dataclass(slots=True)
class _Kept:
    until: float
    sender: Sender | None = None
    refusal: Unauthenticated | None = None


@dataclass(slots=True)
class Keys:
    """Turns keys into senders. Concurrent requests with one key share one exchange."""

    exchange: Exchange
    guard: Guard
    integrations: Integrations
    now: Callable[[], float] = time.monotonic
    kept_seconds: float = KEPT_SECONDS
    _kept: "OrderedDict[bytes, _Kept]" = field(default_factory=OrderedDict)
    _asking: dict[bytes, "asyncio.Task[Sender]"] = field(default_factory=dict)

    async def sender(self, authorization: str, permission: str) -> Sender:
        """The sender that this header proves, who may do this."""
        sender = await self._known(shown(authorization))
        principal = sender.principal
        self.guard.policy().of(principal.tenant).require(permission, principal.roles, principal.limits, caveat=principal.caveat)
        if sender.integration is not None and sender.integration.state is IntegrationState.DISABLED:
            raise Denied(permission, "this integration is disabled")
        return sender

    async def _known(self, secret: str) -> Sender:
        key = hashlib.sha256(secret.encode()).digest()
        kept = self._kept.get(key)
        if kept is not None and self.now() < kept.until:
            if kept.refusal is not None:
                # Another one each time: an exception that is raised again remembers every place where it ever was.
                raise Unauthenticated(kept.refusal.message, reason=kept.refusal.reason, **kept.refusal.facts)
            if kept.sender is not None:
                return kept.sender
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, secret))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _ask(self, key: bytes, secret: str) -> Sender:
        began = self.now()
        try:
            sender = await self._exchanged(secret)
        except Unauthenticated as refusal:
            self._keep(key, _Kept(began + _REFUSED_SECONDS, refusal=refusal))
            raise
        self._keep(key, _Kept(began + self.kept_seconds, sender=sender))
        return sender

    async def _exchanged(self, secret: str) -> Sender:
        principal = await self.guard.verify(await self.exchange(secret))
        actor = Actor(id=principal.subject, kind=principal.kind)
        with ctx.use(Context(tenant=principal.tenant, actor=actor, correlation_id=uuid7())):
            integration = await self.integrations.of_key(principal.session_id)
        return Sender(principal.tenant, principal.session_id, principal, integration)

    def _keep(self, key: bytes, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_ENTRIES:
            self._kept.popitem(last=False)


def exchanging(channels: Channels, target: str) -> Exchange:
    """Exchanges at the auth service."""

    async def exchange(secret: str) -> str:
        stub = auth_pb.ExchangeServiceStub(channels.to(target))
        answer = await call(stub.Exchange, auth_pb.ExchangeRequest(secret=secret), repeatable=True)
        return str(answer.token)

    return exchange


def shown(authorization: str) -> str:
    """The key in a header: a bearer token, or the password of any user. Raises `Unauthenticated`."""
    scheme, _, text = authorization.strip().partition(" ")
    text = text.strip()
    match scheme.lower():
        case "bearer":
            key = text
        case "basic":
            key = _password(text)
        case _:
            raise Unauthenticated("send the key as a bearer token, or as the password of any user", reason="TOKEN_MISSING")
    if not _VISIBLE.fullmatch(key) or len(key) > _LONGEST_KEY:
        raise Unauthenticated("this is no key", reason="TOKEN_INVALID")
    return key


def _password(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated("the basic credentials cannot be read", reason="TOKEN_INVALID") from None
