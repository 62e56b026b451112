"""Roles of a tenant's own: making, changing and removing them, whom that affects, and what somebody may do by all of his."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock, Ids, new_id
from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid, NotFound
from chassis.policy import Policy
from chassis.store import Store, Transaction
from services.auth.domain.role import MOST, USUAL, Role, beyond, listed, part, scopes
from services.auth.domain.roles import ADMINISTERS, PEOPLE_ROLES, ROLES
from services.auth.usecases.administrators import GRANTS, Administrators
from services.auth.usecases.mirror import TEAMS, USERS
from services.auth.usecases.policies import Policies

OWN_ROLES = "roles"
_CREDENTIALS = "credentials"
_CLAIM = "role"
_THERE: Mapping[str, Any] = {"delete_time": None}
_SHOWN = 20
"""How many of those whom an update affects are told by name."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Affected:
    """What would change for somebody."""

    user: Document
    gained: Sequence[str]
    lost: Sequence[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an update would do. `affected` are the first of `affected_count`."""

    gained: Sequence[str]
    lost: Sequence[str]
    holder_count: int
    affected_count: int
    affected: Sequence[Affected]
    token_count: int


@dataclass(slots=True)
class Sources:
    """Where somebody has a role from."""

    realm: bool = False
    granted: bool = False
    directory_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do: his roles, and by permission the roles that it comes from and whether it is bounded."""

    user: Document
    roles: Mapping[str, Sources]
    permissions: Mapping[str, tuple[Sequence[str], bool]]


class Roles:
    """What callers may do with roles. `heard` has this process enforce at once what was changed."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        administrators: Administrators,
        clock: Clock,
        heard: Callable[[], Awaitable[None]],
        *,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._policies, self._administrators = store, policies, administrators
        self._clock, self._heard, self._ids = clock, heard, ids

    async def all(self) -> Sequence[Document]:
        """Those of the caller's tenant, by name."""
        return await self._store.find(OWN_ROLES, _THERE, sort=[("name", 1)], limit=MOST)

    async def get(self, id: str) -> Document:  # noqa: A002 - as its field
        """One by its id or its name. Raises `NotFound`."""
        by = {"_id": id} if "_" in id else {"name": id}
        found = await self._store.find(OWN_ROLES, {**_THERE, **by}, limit=1)
        if not found:
            raise NotFound("role", id)
        return found[0]

    async def create(self, fields: Mapping[str, Any]) -> Role:
        """A new one. Raises `Invalid`; `Denied` for what the caller does not hold; `AlreadyExists` for a name that is taken."""
        seen, policy = await self._now()
        given = await self._with_base(dict(fields), policy)
        async with self._store.transaction() as tx:
            others = await tx.find(Role, dict(_THERE))
            if len(others) >= MOST:
                raise Invalid({"": f"a tenant may have {MOST} roles of its own at most"})
            role = Role.made(id=self._ids("rol"), by=ctx.current().actor.id, at=self._clock(), **given)
            if taken := next((other for other in others if other.name == role.name), None):
                raise AlreadyExists("role", taken.id, f"there is a role {role.name} already")
            self._judge(policy, role, role.permissions, "roles.create")
            await self._check_teams(role)
            tx.claim(_CLAIM, role.name, role.id)
            tx.add(role)
            self._policies.write(tx, seen, [*others, role])
        await self._heard()
        return role

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Role:  # noqa: A002 - as its field
        """Changes named fields. Raises as `create`; `ForbiddenMove` for a built-in role, and where nobody would administer."""
        seen, policy = await self._now()
        async with self._store.transaction() as tx:
            role = await self._loaded(tx, id, etag, "updateRole")
            before = frozenset(role.permissions)
            later = await self._changed(tx, role, fields, policy)
            if not ADMINISTERS.isdisjoint(before - set(role.permissions)):
                tx.write(await self._administrators.changed(ctx.current().tenant, "updateRole", policy, later))
            tx.save(role)
            tx.answers(role)
            self._policies.write(tx, seen, await tx.find(Role, dict(_THERE)))
        await self._heard()
        return role

    async def preview(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Preview:  # noqa: A002 - as above
        """Whom an update would affect. Raises as `update`; nothing is changed."""
        _, policy = await self._now()
        async with self._store.transaction() as tx:
            role = await self._loaded(tx, id, etag, "previewRole")
            before = frozenset(role.permissions)
            later = await self._changed(tx, role, fields, policy)
            if not ADMINISTERS.isdisjoint(before - set(role.permissions)):
                await self._administrators.changed(ctx.current().tenant, "previewRole", policy, later)
        after = frozenset(role.permissions)
        tenant = ctx.current().tenant
        holders = await self._holders(role.name)
        held = await self._administrators.held(tenant, subjects=holders)
        users = await self._store.backend.find(USERS, {"tenant": tenant, "subject": {"$in": sorted(held)}})
        affected = [
            Affected(user, sorted(may_then - may_now), sorted(may_now - may_then))
            for user in sorted(users, key=lambda user: (user["display_name"] or user["username"]).casefold())
            for may_now, may_then in [(policy.permissions(held[user["subject"]]), later.permissions(held[user["subject"]]))]
            if may_now != may_then
        ]
        return Preview(
            gained=sorted(after - before),
            lost=sorted(before - after),
            holder_count=len(holders),
            affected_count=len(affected),
            affected=affected[:_SHOWN],
            token_count=len(await self._tokens(role.name)),
        )

    async def delete(self, id: str, *, etag: str = "") -> Role:  # noqa: A002 - as its field
        """Removes it. Raises `ForbiddenMove` while somebody, or a key, holds it."""
        seen, _ = await self._now()
        async with self._store.transaction() as tx:
            role = await self._loaded(tx, id, etag, "deleteRole")
            people, tokens = await asyncio.gather(self._holders(role.name), self._tokens(role.name))
            if people or tokens:
                held = f"{len(people)} people hold the role {role.name} and {len(tokens)} tokens or keys name it"
                raise ForbiddenMove("GRANTED", "deleteRole", f"{held}: take it from them first")
            others = [other for other in await tx.find(Role, dict(_THERE)) if other.id != role.id]
            role.delete(self._clock())
            tx.save(role)
            tx.release(_CLAIM, role.name)
            self._policies.write(tx, seen, others)
        await self._heard()
        return role

    async def rights(self, subject: str) -> Rights:
        """What somebody of the caller's tenant may do. Raises `NotFound`."""
        tenant = ctx.current().tenant
        user = await self._store.backend.find_one(USERS, {"_id": f"{tenant}|{subject}", "tenant": tenant})
        if user is None:
            raise NotFound("user", subject)
        sources: dict[str, Sources] = defaultdict(Sources)
        for role in user["realm_roles"]:
            sources[role].realm = True
        for row in await self._store.backend.find(GRANTS, {"tenant": tenant, "subject": subject, "revoke_time": None}):
            if row["directory_id"]:
                sources[row["role"]].directory_ids.append(row["directory_id"])
            else:
                sources[row["role"]].granted = True
        policy = (await self._policies.current()).of(tenant)
        held = frozenset(sources) if user["enabled"] else frozenset[str]()
        permissions = {
            each: (
                sorted(role for role in held if each in policy.roles.get(role, ())),
                bool(policy.scope(held, each, subject)),
            )
            for each in sorted(policy.permissions(held))
        }
        return Rights(user, dict(sorted(sources.items())), permissions)

    async def _now(self) -> tuple[int | None, Policy]:
        seen = await self._policies.seen()
        return seen, (await self._policies.current()).of(ctx.current().tenant)

    async def _loaded(self, tx: Transaction, id: str, etag: str, verb: str) -> Role:  # noqa: A002 - as above
        if id in ROLES:
            raise ForbiddenMove(
                "BUILT_IN", verb, f"{id} is a role that every tenant has and cannot be changed: make one from it"
            )
        role = await tx.get(Role, id if "_" in id else await tx.holder(_CLAIM, id) or id, etag=etag)
        if role.delete_time is not None:
            raise NotFound("role", id)
        return role

    async def _changed(self, tx: Transaction, role: Role, fields: Mapping[str, Any], policy: Policy) -> Policy:
        """The policy as it would be with the role changed. Raises what the change is refused for."""
        before, teams = set(role.permissions), list(role.team_ids)
        role.edit(self._clock(), **fields)
        added = [each for each in role.permissions if each not in before]
        widened = role.permissions if role.team_ids != teams else added
        self._judge(policy, role, widened, "roles.update")
        if widened and ctx.current().actor.id in await self._holders(role.name):
            raise Denied("roles.update", f"you hold the role {role.name} yourself: nobody adds to his own rights")
        if role.team_ids != teams:
            await self._check_teams(role)
        others = [each for each in await tx.find(Role, dict(_THERE)) if each.id != role.id]
        rows = [
            {"name": each.name, "permissions": each.permissions, "bounds": each.bounds, "team_ids": each.team_ids}
            for each in (*others, role)
        ]
        tenant, whole = ctx.current().tenant, await self._policies.current()
        return Policy(whole.version, whole.roles, whole.scopes, whole.revision, {tenant: part(rows)}).of(tenant)

    @staticmethod
    def _judge(policy: Policy, role: Role, permissions: Collection[str], needs: str) -> None:
        context = ctx.current()
        reach = scopes(role.bounds, role.team_ids)
        if lacking := beyond(policy, context.roles, context.permissions, permissions, reach):
            raise Denied(needs, f"nobody gives what he does not hold: {listed(lacking, ', ')}")

    async def _with_base(self, given: dict[str, Any], policy: Policy) -> dict[str, Any]:
        """The fields completed by those of the role that it is made from."""
        base = given.get("base_role", "")
        if not base:
            return {**given, "bounds": USUAL}
        if base in PEOPLE_ROLES:
            return {"permissions": sorted(ROLES[base]), **given, "bounds": base}
        own = next((row for row in await self.all() if row["name"] == base), None)
        if own is None:
            names = sorted((policy.roles.keys() - ROLES.keys()) | PEOPLE_ROLES)
            raise Invalid({"base_role": f"there is no role {base[:80]} that people can hold, but {listed(names, ', ')}"})
        return {"permissions": own["permissions"], "team_ids": own["team_ids"], **given, "bounds": own["bounds"]}

    async def _check_teams(self, role: Role) -> None:
        tenant = ctx.current().tenant
        query = {"tenant": tenant, "subject": {"$in": role.team_ids}}
        known = {row["subject"] for row in await self._store.backend.find(TEAMS, query)} if role.team_ids else set()
        if strange := [each[:80] for each in role.team_ids if each not in known]:
            raise Invalid({"team_ids": f"there is no team {listed(strange, ', ')}"})

    async def _holders(self, name: str) -> set[str]:
        query = {"tenant": ctx.current().tenant, "role": name, "revoke_time": None}
        return {row["subject"] for row in await self._store.backend.find(GRANTS, query)}

    async def _tokens(self, name: str) -> Sequence[Document]:
        query = {"tenant": ctx.current().tenant, "roles": name, "revoke_time": None, "expire_time": {"$gt": self._clock()}}
        return await self._store.backend.find(_CREDENTIALS, query)
