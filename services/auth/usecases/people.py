"""People and their roles in a tenant: what the realm gives, what is granted here, and who may change that."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock, Ids, new_id
from chassis.errors import ForbiddenMove, NotFound
from chassis.store import Store, Transaction
from services.auth.domain.grant import Grant
from services.auth.domain.role import check, giveable
from services.auth.domain.roles import PEOPLE_ROLES, ROLES
from services.auth.usecases.administrators import GRANTS, Administrators
from services.auth.usecases.mirror import USERS
from services.auth.usecases.policies import Policies

_CLAIM = "grant"

Document = Mapping[str, Any]


class People:
    """Roles that people hold, and their changes. `administrators` knows who has to keep his."""

    def __init__(self, store: Store, policies: Policies, clock: Clock, *, ids: Ids = new_id) -> None:
        self._store = store
        self._policies = policies
        self.administrators = Administrators(store, policies)
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

    async def holdable(self) -> frozenset[str]:
        """The roles that people of the caller's tenant can hold."""
        return PEOPLE_ROLES | (await self._policies.current()).of(ctx.current().tenant).roles.keys() - ROLES.keys()

    async def giveable(self, roles: frozenset[str], held: frozenset[str] | None = None) -> frozenset[str]:
        """What holders of these roles may give and take in the caller's tenant, with the permissions that they may use."""
        policy = (await self._policies.current()).of(ctx.current().tenant)
        return giveable(policy, roles, policy.permissions(roles) if held is None else held)

    async def grant(self, subject: str, role: str) -> Grant:
        """Gives a role. Raises `Denied`, `NotFound` for nobody of this tenant, `AlreadyExists` when held by a grant."""
        context, now = ctx.current(), self._clock()
        seen = await self._policies.seen()
        await self._check(subject, role, "roles.grant")
        if await self.user(context.tenant, subject) is None:
            raise NotFound("user", subject)
        async with self._store.transaction() as tx:
            self._rely(tx, role, seen)
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
        await self._check(subject, role, "roles.revoke")
        async with self._store.transaction() as tx:
            holder = await tx.holder(_CLAIM, f"{subject}|{role}")
            if holder is None:
                raise NotFound("grant", f"{subject}|{role}")
            grant = await tx.get(Grant, holder)
            await self._keep_somebody(tx, context.tenant, grant)
            grant.take(at=now)
            tx.save(grant)
        return grant

    async def give_for(self, directory_id: str, subject: str, role: str) -> None:
        """Gives a role on a directory's behalf, beside whatever people gave; again changes nothing. Raises `ForbiddenMove`
        for a role that is gone."""
        seen = await self._policies.seen()
        if role not in (await self._policies.current()).of(ctx.current().tenant).roles:
            raise ForbiddenMove("GONE", "grantRole", f"there is no role {role} any more")
        async with self._store.transaction() as tx:
            self._rely(tx, role, seen)
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
            await self._keep_somebody(tx, ctx.current().tenant, grant)
            grant.take(at=self._clock())
            tx.save(grant)

    async def given_by(self, tenant: str, directory_id: str) -> list[tuple[str, str]]:
        """Who holds which role by a directory."""
        query = {"tenant": tenant, "directory_id": directory_id, "revoke_time": None}
        rows = await self._store.backend.find(GRANTS, query)
        return sorted((row["subject"], row["role"]) for row in rows)

    async def _check(self, subject: str, role: str, permission: str) -> None:
        context = ctx.current()
        policy = (await self._policies.current()).of(context.tenant)
        may = await self.giveable(context.roles, context.permissions)
        check(role, policy=policy, subject=subject, by=context.actor.id, may=may, permission=permission)

    def _rely(self, tx: Transaction, role: str, seen: int | None) -> None:
        """A role that is given is not removed at the same moment."""
        if role not in ROLES:
            self._policies.rely(tx, seen)

    async def _keep_somebody(self, tx: Transaction, tenant: str, grant: Grant) -> None:
        if await self.administrators.matters(tenant, grant.role):
            tx.write(await self.administrators.after(tenant, "revokeRole", without=lambda row: row["_id"] == grant.id))
