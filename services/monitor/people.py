"""Who belongs to teams, asked of the auth service as this service's account.

An answer counts for `FRESH` seconds, and while the auth service is away for `AWAY`: people are called in an outage too.
"""

import time
from collections.abc import Callable, Sequence

from itsm.auth import v1 as pb

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.errors import DeadlinePassed, Invalid, NotFound, Unavailable
from chassis.rpc import call
from chassis.teams import AWAY, FRESH

_MOST = 10_000
_SECONDS = 5


class AskedMembers:
    """See `Members` in the ports."""

    def __init__(self, assembly: Assembly, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._assembly, self._monotonic = assembly, monotonic
        self._known: dict[tuple[str, str], tuple[float, Sequence[str]]] = {}

    async def of_team(self, id: str) -> Sequence[str]:  # noqa: A002 - as its field
        """See `Members`."""
        tenant, now = ctx.current().tenant, self._monotonic()
        known = self._known.get((tenant, id))
        if known is not None and now - known[0] < FRESH:
            return known[1]
        stub = pb.UserServiceStub(self._assembly.channels.to(self._assembly.settings.auth_target))
        found: Sequence[str]
        try:
            token, request = await self._assembly.account.token(), pb.GetTeamRequest(id=id)
            team = await call(stub.GetTeam, request, token=token, tenant=tenant, timeout=_SECONDS, repeatable=True)
            found = tuple(team.member_ids)
        except (NotFound, Invalid):  # the latter of what can be no team's id
            found = ()
        except (Unavailable, DeadlinePassed):
            if known is not None and now - known[0] < AWAY:
                return known[1]
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[tenant, id] = now, found
        return found
