"""Who belongs to a team or holds a role, asked of the auth service as this service itself, and remembered for a minute."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from itsm.auth import v1 as auth_pb

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.rpc import call

FRESH = 60.0
_PAGE, _SECONDS, _MOST = 200, 5.0, 1_000


class People:
    """See `usecases.approving.People`."""

    def __init__(self, assembly: Assembly, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._assembly, self._monotonic = assembly, monotonic
        self._known: dict[tuple[str, str], tuple[float, Sequence[str]]] = {}

    async def members(self, team_id: str) -> Sequence[str]:
        """See there."""
        return await self._asked(f"team {team_id}", f'enabled = true AND teamIds = "{_quoted(team_id)}"', "")

    async def holders(self, role: str) -> Sequence[str]:
        """See there. Roles come from the realm and from grants: nobody can be looked up by one, so all are looked at."""
        return await self._asked(f"role {role}", "enabled = true", role)

    async def _asked(self, what: str, among: str, role: str) -> Sequence[str]:
        tenant, now = ctx.current().tenant, self._monotonic()
        known = self._known.get((tenant, what))
        if known is not None and now - known[0] < FRESH:
            return known[1]
        found, token = [], ""
        while True:
            page = await self._page(tenant, among, token)
            found += [user.id for user in page.users if not role or role in user.roles]
            token = page.next_page_token
            if not token:
                break
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[tenant, what] = (now, sorted(found))
        return self._known[tenant, what][1]

    async def _page(self, tenant: str, among: str, page_token: str) -> Any:
        stub = auth_pb.UserServiceStub(self._assembly.channels.to(self._assembly.settings.auth_target))
        request = auth_pb.ListUsersRequest(filter=among, page_size=_PAGE, page_token=page_token)
        token = await self._assembly.account.token()
        return await call(stub.ListUsers, request, token=token, tenant=tenant, timeout=_SECONDS, repeatable=True)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
