"""Credentials: one mechanism for browser sessions, personal access tokens, and the keys of agents and integrations.

A credential is a long random secret of which only the hash is kept. It never reaches a service: it is exchanged for a token
of a minute. All times here are real ones, never those of the test clock.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from itsm.auth import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid, Unauthenticated

SESSION_IDLE = timedelta(hours=8)
SESSION_LIFE = timedelta(hours=24)
DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=366)
USE_NOTED = timedelta(minutes=1)  # a use is written down at most this often
_BYTES = 32
_LONGEST_NAME = 200


class Kind(StrEnum):
    """What a credential is for."""

    SESSION = "SESSION"
    PERSONAL = "PERSONAL"
    AGENT = "AGENT"
    INTEGRATION = "INTEGRATION"


_PREFIXES = {Kind.SESSION: "its", Kind.PERSONAL: "itp", Kind.AGENT: "ita", Kind.INTEGRATION: "iti"}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}
KEYS = frozenset({Kind.AGENT, Kind.INTEGRATION})
"""Kinds that stand for themselves rather than for a person."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as somebody shows it. It names its tenant, so that looking it up never leaves that tenant."""

    kind: Kind
    tenant: str
    text: str

    @classmethod
    def new(cls, kind: Kind, tenant: str) -> Self:
        """A fresh one with 256 random bits."""
        return cls(kind, tenant, f"{_PREFIXES[kind]}_{tenant}_{secrets.token_hex(_BYTES)}")

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises `Unauthenticated` for what cannot be a secret of ours."""
        prefix, _, rest = text.partition("_")
        tenant, _, random = rest.rpartition("_")
        kind = _KINDS.get(prefix)
        if kind is None or not tenant or len(random) != 2 * _BYTES or not random.isascii() or not random.isalnum():
            raise _unknown()
        return cls(kind, tenant, text)

    @property
    def hash(self) -> str:
        """What is kept of it. A plain hash does: nobody can try 256 random bits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SignIn:
    """How somebody signed in: the realm's session, when, how strongly, and the realm's roles at that moment."""

    session_id: str
    time: int
    acr: str
    roles: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Credential(Aggregate):
    """A secret's rights, without the secret."""

    kind: Kind
    name: str
    subject: str
    hash: str
    roles: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)
    expire_time: datetime
    creator_id: str
    create_time: datetime
    use_time: datetime | None = None
    revoke_time: datetime | None = None
    session_id: str = ""
    sign_in_time: int = 0
    sign_in_acr: str = ""
    sign_in_roles: list[str] = field(default_factory=list)
    proved: bool = False
    """Whether whoever made it had proved who he is: a token of anybody else never does what is sensitive."""

    @classmethod
    def session(cls, secret: Secret, *, id: str, subject: str, sign_in: SignIn, at: datetime) -> Self:  # noqa: A002 - as its field
        """For somebody who has just signed in."""
        session = cls(
            id=id,
            kind=Kind.SESSION,
            name="Browser",
            subject=subject,
            hash=secret.hash,
            expire_time=at + SESSION_LIFE,
            creator_id=subject,
            create_time=at,
            use_time=at,
            session_id=sign_in.session_id,
            sign_in_time=sign_in.time,
            sign_in_acr=sign_in.acr,
            sign_in_roles=list(sign_in.roles),
        )
        session.record(pb.TokenCreated())
        return session

    @classmethod
    def token(
        cls,
        secret: Secret,
        *,
        id: str,  # noqa: A002 - as its field
        name: str,
        creator_id: str,
        roles: Collection[str],
        permissions: Collection[str],
        expire_time: datetime | None,
        at: datetime,
        proved: bool = False,
    ) -> Self:
        """A token or key that its creator asked for. Raises `Invalid` naming what is wrong with it."""
        violations = {}
        if not name.strip() or len(name) > _LONGEST_NAME:
            violations["token.name"] = f"must have 1 to {_LONGEST_NAME} characters"
        ends = expire_time or at + DEFAULT_LIFE
        if not at < ends <= at + LONGEST_LIFE:
            violations["token.expireTime"] = f"must be in the next {LONGEST_LIFE.days} days"
        if secret.kind in KEYS and not roles:
            violations["token.roles"] = "a key needs at least one role: it stands for nobody"
        if violations:
            raise Invalid(violations)
        token = cls(
            id=id,
            kind=secret.kind,
            name=name.strip(),
            subject=id if secret.kind in KEYS else creator_id,
            hash=secret.hash,
            roles=sorted(set(roles)),
            permissions=sorted(set(permissions)),
            expire_time=ends,
            creator_id=creator_id,
            create_time=at,
            proved=proved,
        )
        token.record(pb.TokenCreated())
        return token

    def check(self, at: datetime) -> None:
        """Raises `Unauthenticated` when it is revoked, over, or a session that was left alone too long."""
        if self.revoke_time is not None:
            raise _unknown()
        if at >= self.expire_time:
            raise Unauthenticated("this has expired; sign in or make a new token", reason="CREDENTIAL_EXPIRED")
        if self.kind is Kind.SESSION and at - (self.use_time or self.create_time) >= SESSION_IDLE:
            raise Unauthenticated("the session was idle too long; sign in again", reason="CREDENTIAL_EXPIRED")

    def use_is_news(self, at: datetime) -> bool:
        """Whether this use is worth writing down."""
        return self.use_time is None or at - self.use_time >= USE_NOTED

    def effective_roles(self, held: Collection[str]) -> frozenset[str]:
        """What it may use now: of a person's token never more than the person holds at this moment."""
        if self.kind in KEYS:
            return frozenset(self.roles)
        return frozenset(held) & frozenset(self.roles) if self.roles else frozenset(held)

    def revoke(self, at: datetime, *, reason: str = "revoked") -> None:
        """Ends it for good. Raises `ForbiddenMove` when that has happened before."""
        if self.revoke_time is not None:
            raise ForbiddenMove("REVOKED", "revoke")
        self.revoke_time = at
        self.record(pb.TokenRevoked(reason=reason))


def _unknown() -> Unauthenticated:
    return Unauthenticated("this is no valid credential", reason="CREDENTIAL_UNKNOWN")


unknown = _unknown
