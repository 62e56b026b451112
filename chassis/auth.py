"""Who is calling: verifies access tokens against the keys of Keycloak and of the auth service, and of nobody else.

Every service does this itself for every call; nothing is believed because of where it comes from. Checks run on the real
clock, never on the test clock.

Fails: `Unauthenticated` for every token that is not exactly as it must be (the message says what, never echoes the token),
`Denied` for a good token without a usable tenant, `Unavailable` while an issuer's keys cannot be fetched.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from chassis.errors import Denied, Unauthenticated
from chassis.keys import ALGORITHMS, REFRESH_AFTER, Keys
from chassis.policy import Policy, ungrouped
from chassis.service_account import ServiceAccount

__all__ = [
    "ALGORITHMS",
    "AUDIENCE",
    "HOME_TENANT",
    "Issuer",
    "Keys",
    "Policy",
    "Principal",
    "ServiceAccount",
    "Verifier",
    "own_issuer",
    "proven_claims",
]

AUDIENCE = "itsm-api"
HOME_TENANT = "main"

_LEEWAY = 30
_MAX_LIFE = 24 * 3600
_MAX_TOKEN = 8192  # the whole metadata of a call may have 8 KiB (attacks: GR-04)
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HEADER_TYPES = frozenset({"jwt", "at+jwt"})
_SEVERAL_TENANTS = (
    "the token is of a member of several tenants, so the realm's client roles do not count; "
    "exchange it at the auth service for a token with the roles granted in one tenant"
)
_OTHER_TENANT = "the realm's client roles count in the tenant {home} only; exchange the token at the auth service"


def own_issuer(installation: str) -> str:
    """What the auth service of this installation calls itself in the tokens that it signs."""
    return f"urn:itsm:{installation}:auth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A verified caller.

    `limits` is the list of permissions that a restricted token was given (None: whatever the roles permit). `act` is the
    opaque id of whoever acts on the subject's behalf. Times are seconds since 1970; `auth_time` is 0 when not known.
    `attended` says that somebody signed in and is at hand, unlike the bearer of a token made beforehand.
    `caveat` says why `roles` may hold less than expected.
    """

    subject: str
    kind: str
    tenant: str
    roles: frozenset[str]
    expires_at: int
    issuer: str
    act: str = ""
    auth_time: int = 0
    acr: str = ""
    attended: bool = False
    session_id: str = ""
    token_id: str = ""
    scopes: frozenset[str] = frozenset()
    limits: frozenset[str] | None = None
    caveat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Someone whose tokens are believed. `parties` lists the clients (`azp`) that tokens may be for; empty: any."""

    name: str
    keys: Keys
    parties: frozenset[str] = frozenset()
    algorithms: frozenset[str] = ALGORITHMS


@dataclass(slots=True)
class Verifier:
    """Turns an access token into a `Principal`.

    `keycloak` and `own` are the two issuers. `service_clients` are the realm's service accounts: `itsm-<service>`.
    `home_tenant` is the one tenant in which client roles of the realm count: they are given to a person everywhere at once,
    and an admin of one tenant must be nobody in another. Empty: they count in any tenant that a token names alone.
    """

    keycloak: Issuer
    own: Issuer
    service_clients: frozenset[str] = frozenset()
    home_tenant: str = HOME_TENANT
    cache_size: int = 10_000
    now: Callable[[], float] = time.time
    _verified: dict[tuple[bytes, str], tuple[Principal, float]] = field(default_factory=dict, init=False, repr=False)

    @property
    def keys(self) -> tuple[Keys, Keys]:
        """Those of both issuers."""
        return self.keycloak.keys, self.own.keys

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """Verifies the token. `tenant_hint` is the tenant that the caller asked for, in metadata `x-itsm-tenant`.

        Raises `Unauthenticated`, `Denied` or `Unavailable`.
        """
        entry = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), tenant_hint)
        known = self._verified.get(entry)
        if known is not None:
            if self.now() < known[1]:
                return known[0]
            del self._verified[entry]
        principal = await self._verify(token, tenant_hint)
        if len(self._verified) >= self.cache_size:
            del self._verified[next(iter(self._verified))]
        now = self.now()
        if now < principal.expires_at:
            # No longer than keys are: the token of a key that its issuer has withdrawn must not go on.
            self._verified[entry] = principal, min(principal.expires_at, now + REFRESH_AFTER)
        return principal

    async def _verify(self, token: str, hint: str) -> Principal:
        header, unproven = _parts(token)
        issuer = self._issuer(unproven.get("iss"))
        claims = await proven_claims(token, issuer)
        self._check_times(claims)
        self._check_kind(claims, header, issuer)
        return self._of_own(claims, hint) if issuer is self.own else self._of_keycloak(claims, hint)

    def _issuer(self, name: Any) -> Issuer:
        if name and name == self.keycloak.name:
            return self.keycloak
        if name and name == self.own.name:
            return self.own
        raise _refused("the token is of an issuer that is not trusted here")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.now()
        end, issued = _time(claims, "exp"), _time(claims, "iat")
        if now >= end + _LEEWAY:
            raise Unauthenticated("the token has expired", reason="TOKEN_EXPIRED")
        if issued > now + _LEEWAY or ("nbf" in claims and _time(claims, "nbf") > now + _LEEWAY):
            raise _refused("the token is not valid yet")
        if end - issued > _MAX_LIFE:
            raise _refused("the token lives longer than any that is issued here")

    def _check_kind(self, claims: Mapping[str, Any], header: Mapping[str, Any], issuer: Issuer) -> None:
        audience = claims.get("aud")
        if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
            raise _refused(f"the token is not for {AUDIENCE}")
        if (header["typ"].lower() if issuer is self.own else claims.get("typ")) not in ("at+jwt", "Bearer"):
            raise _refused("this is not an access token")
        if issuer.parties and _word(claims, "azp") not in issuer.parties:
            raise _refused("the token was issued to a client that is not known here")
        if not _word(claims, "sub"):
            raise _refused("the token names nobody")

    def _of_own(self, claims: Mapping[str, Any], hint: str) -> Principal:
        tenant = _word(claims, "tenant")
        if not _TENANT.fullmatch(tenant):
            raise _no_tenant("the token names no tenant")
        if hint and hint != tenant:
            raise _no_tenant("the token is of another tenant than was asked for")
        limits = claims.get("permissions")
        return _principal(
            claims,
            kind=_word(claims, "kind") or "user",
            tenant=tenant,
            roles=_words(claims.get("roles")),
            limits=None if limits is None else ungrouped(_words(limits)),
            attended="auth_time" in claims,
        )

    def _of_keycloak(self, claims: Mapping[str, Any], hint: str) -> Principal:
        party = _word(claims, "azp")
        if party in self.service_clients:
            return self._of_service(claims, party, hint)
        tenants = _tenants(claims.get("organization"))
        if not tenants:
            raise _no_tenant("the token names no tenant; ask for the scope organization:*")
        if hint and hint not in tenants:
            raise _no_tenant("the caller is no member of the tenant that was asked for")
        if len(tenants) > 1:
            if not hint:
                raise _no_tenant(f"the tenant must be named: {_SEVERAL_TENANTS}")
            return _principal(claims, kind="user", tenant=hint, roles=frozenset(), caveat=_SEVERAL_TENANTS, attended=True)
        (tenant,) = tenants
        if self.home_tenant and tenant != self.home_tenant:
            caveat = _OTHER_TENANT.format(home=self.home_tenant)
            return _principal(claims, kind="user", tenant=tenant, roles=frozenset(), caveat=caveat, attended=True)
        access = claims.get("resource_access")
        ours = access.get(AUDIENCE) if isinstance(access, dict) else None
        roles = _words(ours.get("roles")) if isinstance(ours, dict) else frozenset[str]()
        held = frozenset(role for role in roles if ":" not in role)
        return _principal(claims, kind="user", tenant=tenant, roles=held, attended=True)

    def _of_service(self, claims: Mapping[str, Any], party: str, hint: str) -> Principal:
        if "sid" in claims or "organization" in claims:
            raise _refused("the token of a service account cannot be of a person's session")
        if not _TENANT.fullmatch(hint):
            raise _no_tenant("the call of a service account must name its tenant")
        name = party.removeprefix("itsm-")
        return _principal(claims, kind="service", tenant=hint, roles=frozenset({f"service:{name}"}))


def _principal(
    claims: Mapping[str, Any],
    *,
    kind: str,
    tenant: str,
    roles: frozenset[str],
    limits: frozenset[str] | None = None,
    caveat: str = "",
    attended: bool = False,
) -> Principal:
    auth_time = claims.get("auth_time")
    act = claims.get("act")
    return Principal(
        subject=_word(claims, "sub"),
        kind=kind,
        tenant=tenant,
        roles=roles,
        expires_at=_time(claims, "exp"),
        issuer=_word(claims, "iss"),
        act=_word(act, "sub") if isinstance(act, dict) else "",
        auth_time=auth_time if isinstance(auth_time, int) else 0,
        acr=_word(claims, "acr"),
        attended=attended,
        session_id=_word(claims, "sid"),
        token_id=_word(claims, "jti"),
        scopes=frozenset(_word(claims, "scope").split()),
        limits=limits,
        caveat=caveat,
    )


async def proven_claims(token: str, issuer: Issuer, *, header_types: frozenset[str] = _HEADER_TYPES) -> Mapping[str, Any]:
    """The claims of a token that this issuer signed, whatever they say. Raises `Unauthenticated` or `Unavailable`."""
    header, unproven = _parts(token)
    if unproven.get("iss") != issuer.name:
        raise _refused("the token is of an issuer that is not trusted here")
    if _word(header, "alg") not in issuer.algorithms:
        raise _refused("the token is signed with an algorithm that is not accepted")
    if _word(header, "typ").lower() not in header_types:
        raise _refused("this is not an access token")
    if "crit" in header:  # RFC 7515 4.1.11: what is critical must be understood, and none of it is in use here
        raise _refused("the token demands an extension that is not known here")
    kid = _word(header, "kid")
    if not kid:
        raise _refused("the token does not name its key")
    return _proven(token, await issuer.keys.get(kid), issuer)


def _parts(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they stand there, proven by nothing: only good for choosing the key."""
    if not token:
        raise Unauthenticated("there is no token", reason="TOKEN_MISSING")
    if len(token) > _MAX_TOKEN:
        raise _refused("the token is too long")
    pieces = token.split(".")
    if len(pieces) != 3:
        raise _refused("the token is not a signed JWT")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))) for piece in pieces[:2])
    except (ValueError, RecursionError) as problem:
        raise _refused("the token cannot be read") from problem
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise _refused("the token cannot be read")
    return header, claims


def _proven(token: str, key: jwk.Key, issuer: Issuer) -> Mapping[str, Any]:
    accepted = issuer.algorithms if not key.alg else issuer.algorithms & {key.alg}
    try:
        return jwt.decode(token, key, algorithms=sorted(accepted)).claims
    except (JoseError, ValueError, TypeError) as problem:
        raise _refused("the token's signature does not hold") from problem


def _tenants(claim: Any) -> frozenset[str]:
    """Keycloak writes a list of aliases, or an object by alias when it adds ids."""
    names = claim if isinstance(claim, list | dict) else []
    return frozenset(name for name in names if isinstance(name, str) and _TENANT.fullmatch(name))


def _time(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 < value < 1 << 40:
        raise _refused(f"the token's {name} is not a time")
    return value


def _word(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _words(value: Any) -> frozenset[str]:
    return frozenset(word for word in value if isinstance(word, str) and word) if isinstance(value, list) else frozenset()


def _refused(message: str) -> Unauthenticated:
    return Unauthenticated(message, reason="TOKEN_INVALID")


def _no_tenant(message: str) -> Denied:
    denied = Denied("tenant", message)
    denied.reason = "NO_TENANT"
    return denied
