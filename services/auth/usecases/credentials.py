"""Making, listing and ending credentials, and exchanging them for short tokens.

Exchange runs before anybody is known: the secret names its tenant, and everything is looked up inside that tenant alone.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis import context as ctx
from chassis import proof
from chassis.auth import Principal
from chassis.codec import from_document
from chassis.domain import Clock, Ids, new_id
from chassis.errors import Denied, ForbiddenMove, Invalid, Unauthenticated
from chassis.policy import Policy, grouped
from chassis.store import Store, Update
from services.auth.domain.credential import KEYS, Credential, Kind, Secret, SignIn, unknown
from services.auth.domain.roles import SENSITIVE, issuable
from services.auth.usecases.people import People
from services.auth.usecases.signing import Signer

CREDENTIALS = "credentials"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A short token, and what it was made from."""

    token: str
    end: int
    tenant: str
    credential: Credential


class Credentials:
    """Sessions, tokens and keys. `policy` is the one that this service enforces, `clock` the real one."""

    def __init__(
        self, store: Store, people: People, signer: Signer, policy: Callable[[], Policy], clock: Clock, *, ids: Ids = new_id
    ) -> None:
        self._store = store
        self._people = people
        self._signer = signer
        self._policy = policy
        self._clock = clock
        self._ids = ids

    async def create(
        self, kind: Kind, name: str, roles: Collection[str], permissions: Collection[str], expire_time: datetime | None
    ) -> tuple[Credential, Secret]:
        """A token of the caller, or a key. Raises `Invalid`; `Denied` for more than the caller may do; `Unauthenticated` for
        somebody who signed in too long ago to make one that may do something sensitive.

        A service makes the keys that its role may give, and nothing else.
        """
        context = ctx.current()
        person = context.actor.kind == "user"
        # A key may hold a person's role, and makes nothing all the same.
        roles_that_give = context.roles if person else {role for role in context.roles if role.startswith("service:")}
        given = issuable(frozenset(roles_that_give))
        if not person and not given:
            raise Denied("tokens.create", "only people make tokens")
        if not person and kind not in KEYS:
            raise Invalid({"token.kind": "a service makes keys, and nothing else"})
        if kind is Kind.SESSION:
            raise Invalid({"token.kind": "a session is made by signing in"})
        if kind in KEYS and "tokens.issue" not in context.permissions:
            raise Denied("tokens.issue")
        allowed = (context.roles if person else frozenset()) | (given if kind in KEYS else frozenset())
        if lacking := set(roles) - allowed:
            raise Denied("tokens.create", f"you do not hold the role {', '.join(sorted(lacking))}")
        asked = set(permissions) or self._permissions(context.tenant, frozenset(roles) or context.roles)
        if kind in KEYS or asked & SENSITIVE:
            proof.require(attended=context.attended, acr=context.acr, auth_time=context.auth_time)
        if set(permissions) - context.permissions or (self._limited() and asked - context.permissions):
            raise Denied("tokens.create", "a token cannot do more than what made it")
        if not roles and not await self._people.roles(context.tenant, context.actor.id) <= context.roles:
            # The caller came with a token that uses some of the roles only: its offspring uses no others.
            roles = context.roles
        # A token that holds what is sensitive was made by somebody who had proved it: its offspring may hold it as well.
        sensitive = bool(asked & SENSITIVE)
        proved = proof.given(acr=context.acr, auth_time=context.auth_time) if context.attended else sensitive
        secret = Secret.new(kind, context.tenant)
        async with self._store.transaction() as tx:
            credential = Credential.token(
                secret,
                id=self._ids("crd"),
                name=name,
                creator_id=context.actor.id,
                roles=roles,
                permissions=permissions,
                expire_time=expire_time,
                at=self._clock(),
                proved=proved,
            )
            tx.add(credential)
        return credential, secret

    def _permissions(self, tenant: str, roles: frozenset[str]) -> frozenset[str]:
        return self._policy().of(tenant).permissions(roles)

    def _limited(self) -> bool:
        """Whether the caller itself came with a token that may not use all of its roles."""
        context = ctx.current()
        return bool(self._permissions(context.tenant, context.roles) - context.permissions)

    async def revoke(self, id: str, *, etag: str = "") -> Credential:  # noqa: A002 - as its field
        """Ends it. Raises `NotFound` for one that the caller may not see."""
        async with self._store.transaction() as tx:
            credential = await tx.get(Credential, id, etag=etag)
            credential.revoke(self._clock())
            tx.save(credential)
        return credential

    async def exchange(self, text: str, kind: Kind | None = None) -> Exchanged:
        """A short token for a secret. Raises `Unauthenticated` for every secret that is not good now."""
        secret, credential = await self._found(text, kind)
        now, tenant = self._clock(), secret.tenant
        credential.check(now)
        roles = credential.effective_roles(await self._held(tenant, credential))
        await self._note_use(credential, now, tenant)
        claims: dict[str, Any] = {
            "sub": credential.subject,
            "kind": "service" if credential.kind in KEYS else "user",
            "tenant": tenant,
            "roles": sorted(roles),
            "sid": credential.id,
        }
        limits = self._limits(credential, tenant, roles)
        if limits is not None:
            claims["permissions"] = grouped(limits)
        if credential.kind is Kind.SESSION:
            claims |= {"auth_time": credential.sign_in_time, "acr": credential.sign_in_acr}
        token, end = await self._signer.sign(claims)
        return Exchanged(token, end, tenant, credential)

    async def _note_use(self, credential: Credential, now: datetime, tenant: str) -> None:
        if credential.use_is_news(now):
            query = {"_id": credential.id, "tenant": tenant}
            noted = Update(CREDENTIALS, query, {"$set": {"use_time": now}}, strict=False)
            await self._store.backend.write([noted])

    def _limits(self, credential: Credential, tenant: str, roles: frozenset[str]) -> Collection[str] | None:
        """The permissions that it is limited to, if to any. What its person came to hold later is no proof of who made it."""
        may = set(credential.permissions) or self._permissions(tenant, roles)
        if credential.kind is Kind.PERSONAL and not credential.proved and may & SENSITIVE:
            return may - SENSITIVE
        return credential.permissions or None

    async def delegate(
        self, subject: str, roles: Collection[str], permissions: Collection[str], credential_id: str = ""
    ) -> tuple[str, int]:
        """A short token that stands for a person, with the caller as the one who acts, and when it ends.

        It holds those of `roles` that the person has now, and of `permissions` nothing that is sensitive. `credential_id` is
        the token that the person came with, if it was one made beforehand. Raises `ForbiddenMove` where nothing of that is
        good any more.
        """
        context, now = ctx.current(), self._clock()
        user = await self._people.user(context.tenant, subject)
        held = await self._people.roles(context.tenant, subject) if user is not None else frozenset[str]()
        if credential_id:
            held = await self._still(context.tenant, credential_id, subject, held, now)
        used = held & frozenset(roles)
        if not used:
            raise _over("the person holds no role any more with which this was asked for")
        claims: dict[str, Any] = {
            "sub": subject,
            "kind": "user",
            "tenant": context.tenant,
            "roles": sorted(used),
            "permissions": grouped(set(permissions) - SENSITIVE),
            "act": {"sub": context.actor.id},
        }
        _log.info("Token delegated.", extra={"subject": subject, "actor": context.actor.id, "credential": credential_id})
        return await self._signer.sign(claims | ({"sid": credential_id} if credential_id else {}))

    async def _still(
        self, tenant: str, credential_id: str, subject: str, held: frozenset[str], now: datetime
    ) -> frozenset[str]:
        """What a person's token may use now. Raises `ForbiddenMove` for one that has ended."""
        row = await self._store.backend.find_one(CREDENTIALS, {"_id": credential_id, "tenant": tenant})
        credential = from_document(row, Credential) if row is not None else None
        if credential is None or credential.kind is not Kind.PERSONAL or credential.subject != subject:
            raise _over("the token with which this was asked for is not known")
        try:
            credential.check(now)
        except Unauthenticated as ended:
            raise _over("the token with which this was asked for has ended") from ended
        await self._note_use(credential, now, tenant)
        return credential.effective_roles(held)

    async def open_session(self, principal: Principal) -> tuple[Credential, Secret]:
        """A session for somebody whose fresh access token was verified. Raises `Denied` for a machine's."""
        if principal.kind != "user" or not principal.session_id:
            raise Denied("session", "only somebody who has just signed in opens a session")
        secret = Secret.new(Kind.SESSION, principal.tenant)
        sign_in = SignIn(principal.session_id, principal.auth_time, principal.acr, tuple(sorted(principal.roles)))
        session = Credential.session(secret, id=self._ids("crd"), subject=principal.subject, sign_in=sign_in, at=self._clock())
        with ctx.use(_acting(principal.tenant, principal.subject)):
            async with self._store.transaction() as tx:
                tx.add(session)
        return session, secret

    async def close_session(self, text: str) -> None:
        """Ends the session of this secret; one that is over already stays so."""
        secret, credential = await self._found(text, Kind.SESSION)
        if credential.revoke_time is None:
            await self._end(secret.tenant, credential.id, credential.subject, "signed-out")

    async def end_sessions(self, tenants: Collection[str], *, session_id: str, subject: str) -> int:
        """Ends what the realm says is over: the sessions of one of its sessions, or all of a person. Says how many."""
        by = {"session_id": session_id} if session_id else {"subject": subject}
        ended = 0
        for tenant in tenants:
            query = {"tenant": tenant, "kind": Kind.SESSION.value, "revoke_time": None, **by}
            for row in await self._store.backend.find(CREDENTIALS, query):
                await self._end(tenant, row["_id"], row["subject"], "signed-out-elsewhere")
                ended += 1
        return ended

    async def _end(self, tenant: str, id: str, subject: str, reason: str) -> None:  # noqa: A002 - as its field
        with ctx.use(_acting(tenant, subject)):
            async with self._store.transaction() as tx:
                credential = await tx.get(Credential, id)
                if credential.revoke_time is None:
                    credential.revoke(self._clock(), reason=reason)
                    tx.save(credential)

    async def _found(self, text: str, kind: Kind | None) -> tuple[Secret, Credential]:
        secret = Secret.read(text)
        if kind is not None and secret.kind is not kind:
            raise unknown()
        row = await self._store.backend.find_one(CREDENTIALS, {"tenant": secret.tenant, "hash": secret.hash})
        if row is None:
            raise unknown()
        return secret, from_document(row, Credential)

    async def _held(self, tenant: str, credential: Credential) -> frozenset[str]:
        """What the person behind it holds now. Somebody the mirror has not seen yet has what the sign-in said."""
        if credential.kind in KEYS:
            return frozenset()
        user = await self._people.user(tenant, credential.subject)
        if user is not None and not user["enabled"]:
            raise unknown()
        realm = user["realm_roles"] if user is not None else credential.sign_in_roles
        return frozenset(realm) | await self._people.granted(tenant, credential.subject)


def _over(why: str) -> ForbiddenMove:
    return ForbiddenMove("REVOKED", "delegate", why)


def _acting(tenant: str, subject: str) -> ctx.Context:
    return ctx.Context(tenant=tenant, actor=ctx.Actor(id=subject))
