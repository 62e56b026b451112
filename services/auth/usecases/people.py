"""People and their roles in a tenant: what the realm gives, what is granted here, and who may change that."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock, Ids, new_id
from chassis.errors import Busy, ForbiddenMove, NotFound
from chassis.store import Store, Update
from services.auth.domain.grant import Grant, check
from services.auth.usecases.mirror import USERS

GRANTS = "grants"
_GUARDS = "grant_guards"
_CLAIM = "grant"

Document = Mapping[str, Any]


class People:
    """Roles that people hold, and their changes."""

    def __init__(self, store: Store, clock: Clock, *, ids: Ids = new_id) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def user(self, tenant: str, subject: str) -> Document | None:
        """The mirrored person, if there is one."""
        return await self._store.backend.find_one(USERS, {"_id": f"{tenant}|{subject}", "tenant": tenant})

    async def granted(self, tenant: str, subject: str) -> frozenset[str]:
        """Roles that were granted here and hold."""
        query = {"tenant": tenant, "subject": subject, "revoke_time": None}
        return frozenset(row["role"] for row in await self._store.backend.find(GRANTS, query))

    async def roles(self, tenant: str, subject: str) -> frozenset[str]:
        """All roles that somebody holds now; none for whom the realm has disabled."""
        user = await self.user(tenant, subject)
        if user is not None and not user["enabled"]:
            return frozenset()
        return frozenset(user["realm_roles"] if user else ()) | await self.granted(tenant, subject)

    async def grant(self, subject: str, role: str) -> Grant:
        """Gives a role. Raises `Denied`, `NotFound` for nobody of this tenant, `AlreadyExists` when held by a grant."""
        context, now = ctx.current(), self._clock()
        check(role, subject=subject, by=context.actor.id, roles=context.roles, permission="roles.grant")
        if await self.user(context.tenant, subject) is None:
            raise NotFound("user", subject)
        async with self._store.transaction() as tx:
            holder = await tx.holder(_CLAIM, f"{subject}|{role}")
            if holder is None:
                grant = Grant.give(id=self._ids("grt"), subject=subject, role=role, by=context.actor.id, at=now)
                tx.claim(_CLAIM, f"{subject}|{role}", grant.id)
                tx.add(grant)
            else:
                grant = await tx.get(Grant, holder)
                grant.give_again(by=context.actor.id, at=now)
                tx.save(grant)
        return grant

    async def take(self, subject: str, role: str) -> Grant:
        """Takes a granted role away. Raises `Denied`, `NotFound`, or `ForbiddenMove` for the last administrator."""
        context, now = ctx.current(), self._clock()
        check(role, subject=subject, by=context.actor.id, roles=context.roles, permission="roles.revoke")
        async with self._store.transaction() as tx:
            holder = await tx.holder(_CLAIM, f"{subject}|{role}")
            if holder is None:
                raise NotFound("grant", f"{subject}|{role}")
            grant = await tx.get(Grant, holder)
            if role == "admin":
                tx.write(await self._after_this_one(context.tenant, subject))
            grant.take(at=now)
            tx.save(grant)
        return grant

    async def give_for(self, directory_id: str, subject: str, role: str) -> None:
        """Gives a role on a directory's behalf, beside whatever people gave; again changes nothing."""
        async with self._store.transaction() as tx:
            key, now, by = f"{subject}|{role}|{directory_id}", self._clock(), ctx.current().actor.id
            holder = await tx.holder(_CLAIM, key)
            if holder is None:
                grant = Grant.give(id=self._ids("grt"), subject=subject, role=role, by=by, at=now, directory_id=directory_id)
                tx.claim(_CLAIM, key, grant.id)
                tx.add(grant)
                return
            grant = await tx.get(Grant, holder)
            if not grant.holds:
                grant.give_again(by=by, at=now)
                tx.save(grant)

    async def take_for(self, directory_id: str, subject: str, role: str) -> None:
        """Takes what a directory gave; again changes nothing. Raises `ForbiddenMove` for the last administrator."""
        async with self._store.transaction() as tx:
            holder = await tx.holder(_CLAIM, f"{subject}|{role}|{directory_id}")
            grant = await tx.get(Grant, holder) if holder else None
            if grant is None or not grant.holds:
                return
            if role == "admin":
                tx.write(await self._after_this_one(ctx.current().tenant, subject))
            grant.take(at=self._clock())
            tx.save(grant)

    async def given_by(self, tenant: str, directory_id: str) -> list[tuple[str, str]]:
        """Who holds which role by a directory."""
        query = {"tenant": tenant, "directory_id": directory_id, "revoke_time": None}
        rows = await self._store.backend.find(GRANTS, query)
        return sorted((row["subject"], row["role"]) for row in rows)

    async def needed(self, tenant: str, subject: str) -> bool:
        """Whether somebody is the last administrator of the tenant."""
        return await self._administrators(tenant) == {subject}

    async def needed_of(self, tenant: str, directory_id: str) -> bool:
        """Whether somebody is an administrator of the tenant, and everybody who is one is so by this directory alone."""
        return bool(await self._administrators(tenant)) and not await self._administrators(tenant, without=directory_id)

    async def _after_this_one(self, tenant: str, subject: str) -> Update:
        """A write that fails when administrators were changed meanwhile, so that two cannot remove each other at once."""
        query = {"_id": f"{tenant}|admins", "tenant": tenant}
        guard = await self._store.backend.find_one(_GUARDS, query)
        if guard is None:
            create = Update(_GUARDS, query, {"$set": {"changes": 0}}, strict=False, upsert=True)
            await self._store.backend.write([create])
            raise Busy("the count of administrators begins now")
        others = await self._administrators(tenant) - {subject}
        if not others:
            raise ForbiddenMove("LAST_ADMIN", "revokeRole", "this is the last administrator of the tenant")
        return Update(_GUARDS, {**query, "changes": guard["changes"]}, {"$inc": {"changes": 1}})

    async def _administrators(self, tenant: str, *, without: str = "") -> set[str]:
        users = await self._store.backend.find(USERS, {"tenant": tenant, "enabled": True})
        query: dict[str, Any] = {"tenant": tenant, "role": "admin", "revoke_time": None}
        if without:
            query["directory_id"] = {"$ne": without}
        granted = await self._store.backend.find(GRANTS, query)
        enabled = {user["subject"] for user in users}
        by_realm = {user["subject"] for user in users if "admin" in user["realm_roles"]}
        return by_realm | (enabled & {row["subject"] for row in granted})
