"""That somebody administers roles in each tenant: what would leave nobody is refused, two such changes at once included."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from chassis.errors import Busy, ForbiddenMove
from chassis.policy import Policy
from chassis.store import Store, Update
from services.auth.domain.role import locks_out
from services.auth.domain.roles import ADMINISTERS
from services.auth.usecases.mirror import USERS
from services.auth.usecases.policies import Policies

GRANTS = "grants"
_GUARDS = "grant_guards"

Losing = Callable[[Mapping[str, Any]], bool]
"""Whether a grant would be gone."""


class Administrators:
    """Who may sign in, with which roles, and whether that is enough."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store, self._policies = store, policies

    async def held(
        self, tenant: str, *, without: Losing = lambda _: False, subjects: Collection[str] | None = None
    ) -> dict[str, frozenset[str]]:
        """By person the roles of those who may sign in, of these `subjects` or of all."""
        among: dict[str, Any] = {} if subjects is None else {"subject": {"$in": sorted(subjects)}}
        users = await self._store.backend.find(USERS, {"tenant": tenant, "enabled": True, **among})
        granted: dict[str, set[str]] = defaultdict(set)
        for row in await self._store.backend.find(GRANTS, {"tenant": tenant, "revoke_time": None, **among}):
            if not without(row):
                granted[row["subject"]].add(row["role"])
        return {user["subject"]: frozenset({*user["realm_roles"], *granted[user["subject"]]}) for user in users}

    async def after(self, tenant: str, verb: str, *, without: Losing) -> Update:
        """A write that fails where administrators were changed meanwhile. Raises `ForbiddenMove` where none would be left
        without these grants, `Busy` for the first time."""
        guard = await self._guard(tenant)
        policy = (await self._policies.current()).of(tenant)
        before, after = await self.held(tenant), await self.held(tenant, without=without)
        if locks_out(before, policy, after, policy):
            raise refusal(verb)
        return guard

    async def changed(self, tenant: str, verb: str, policy: Policy, later: Policy) -> Update:
        """The same of another policy, as it is and as it would be."""
        guard = await self._guard(tenant)
        held = await self.held(tenant)
        if locks_out(held, policy, held, later):
            raise refusal(verb)
        return guard

    async def needed(self, tenant: str, subject: str) -> bool:
        """Whether nobody administers roles without this person."""
        policy, before = (await self._policies.current()).of(tenant), await self.held(tenant)
        return locks_out(before, policy, {who: roles for who, roles in before.items() if who != subject}, policy)

    async def needed_of(self, tenant: str, directory_id: str) -> bool:
        """Whether nobody administers roles without what this directory gives."""
        policy, before = (await self._policies.current()).of(tenant), await self.held(tenant)
        after = await self.held(tenant, without=lambda grant: grant["directory_id"] == directory_id)
        return locks_out(before, policy, after, policy)

    async def matters(self, tenant: str, role: str) -> bool:
        """Whether taking this role could leave nobody."""
        return not ADMINISTERS.isdisjoint((await self._policies.current()).of(tenant).permissions(frozenset({role})))

    async def _guard(self, tenant: str) -> Update:
        query = {"_id": f"{tenant}|admins", "tenant": tenant}
        guard = await self._store.backend.find_one(_GUARDS, query)
        if guard is None:
            create = Update(_GUARDS, query, {"$set": {"changes": 0}}, strict=False, upsert=True)
            await self._store.backend.write([create])
            raise Busy("the count of administrators begins now")
        return Update(_GUARDS, {**query, "changes": guard["changes"]}, {"$inc": {"changes": 1}})


def refusal(verb: str) -> ForbiddenMove:
    """Says that somebody has to stay."""
    told = "nobody would be left who administers roles: give somebody else the role admin first"
    return ForbiddenMove("LAST_ADMIN", verb, told)
