"""What the owner of a rule may do now: no more than when he said what the rule does, and no more than his roles permit today.

The auth service is asked for his roles when a rule acts, which nobody waits for; an answer counts for `FRESH` seconds, and
while that service is away for `RIGHTS_AWAY`. Fails: `Unavailable` when it is away for longer; whom it does not know may
do nothing.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from chassis import context as ctx
from chassis.auth import Policy
from chassis.context import Actor, Context
from chassis.errors import DeadlinePassed, Denied, Unavailable
from chassis.teams import FRESH, RIGHTS_AWAY

_MOST = 10_000

Ask = Callable[[str, str], Awaitable[Collection[str]]]
"""The roles of a person in a tenant; none for nobody."""


class Rights:
    """`policy` is the one that this service enforces."""

    def __init__(self, policy: Callable[[], Policy], ask: Ask, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._policy, self._ask, self._monotonic = policy, ask, monotonic
        self._known: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    async def of(self, rule_id: str, owner_id: str, limits: Collection[str], *, cause: str, correlation: str) -> "Acting":
        """How a rule acts: as itself, on behalf of its owner."""
        tenant = ctx.current().tenant
        roles, policy = await self._roles(tenant, owner_id), self._policy().of(tenant)
        context = Context(
            tenant=tenant,
            actor=Actor(id=rule_id, kind="service"),
            act=owner_id,
            roles=roles,
            permissions=policy.allowed(roles, frozenset(limits)),
            causation_id=cause,
            correlation_id=correlation,
        )
        return Acting(context, lambda permission: policy.scope(roles, permission, owner_id))

    async def _roles(self, tenant: str, owner_id: str) -> frozenset[str]:
        now, key = self._monotonic(), (tenant, owner_id)
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            roles = frozenset(await self._ask(tenant, owner_id))
        except (Unavailable, DeadlinePassed):
            if known is not None and now - known[0] < RIGHTS_AWAY:
                return known[1]
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (now, roles)
        return roles


class Acting:
    """The rights of one rule at one moment."""

    def __init__(self, context: Context, scope: Callable[[str], Mapping[str, Any]]) -> None:
        self.context = context
        self._scope = scope

    def doing(self, permission: str) -> Context:
        """The context in which it does one thing. Raises `Denied` where its owner may not."""
        if permission not in self.context.permissions:
            raise Denied(permission, f"whoever made the rule may not do this: it needs the permission {permission}")
        return replace(self.context, scope=self._scope(permission))
