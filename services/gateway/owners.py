"""What the makers of webhooks may read, by the roles that they have now.

The auth service is asked as this service's account; an answer counts for `FRESH` seconds, and while that service is away for
`RIGHTS_AWAY`. Fails: `Unavailable` when it is away for longer; somebody whom it does not know may read nothing.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from itsm.auth import v1 as auth_pb

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.auth import Principal
from chassis.errors import DeadlinePassed, NotFound, Unavailable
from chassis.rpc import call
from chassis.teams import FRESH, RIGHTS_AWAY
from services.gateway.live.ring import Entry
from services.gateway.live.sight import Sight
from services.gateway.ports import Told

_MOST = 10_000

Ask = Callable[[str, str], Any]


class Owners:
    """See `services.gateway.ports.Owners`. `ask` gives the roles of a subject in a tenant, none for nobody."""

    def __init__(self, guard: Any, ask: Ask, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._guard, self._ask, self._monotonic = guard, ask, monotonic
        self._known: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    async def sees(self, owner_id: str, limits: Collection[str] | None, event: Told) -> bool:
        """See `ports.Owners`."""
        tenant = ctx.current().tenant
        principal = Principal(
            subject=owner_id,
            kind="user",
            tenant=tenant,
            roles=await self._roles(tenant, owner_id),
            expires_at=0,
            issuer="",
            limits=None if limits is None else frozenset(limits),
        )
        return Sight(principal, self._guard.policy().of(tenant)).sees(_entry(event))

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


def asking(assembly: Assembly) -> Ask:
    """`Ask` by the auth service."""

    async def ask(tenant: str, owner_id: str) -> Collection[str]:
        stub = auth_pb.UserServiceStub(assembly.channels.to(assembly.settings.auth_target))
        token = await assembly.account.token()
        try:
            user = await call(
                stub.GetUser, auth_pb.GetUserRequest(id=owner_id), token=token, tenant=tenant, timeout=5, repeatable=True
            )
        except NotFound:
            return ()
        return tuple(user.roles) if user.enabled else ()

    return ask


def _entry(event: Told) -> Entry:
    return Entry(
        service="",
        partition=0,
        offset=0,
        time=0,
        tenant=event.tenant,
        plural=event.plural,
        subject=event.subject,
        type=event.type,
        head=b"",
        value=event.text,
    )
