"""Which teams the caller of a request belongs to, asked of the auth service with the caller's own token.

An answer counts for `FRESH` seconds: whoever leaves a team reads what is the team's for so long, and no longer.

Fails: never. While the auth service is away nobody belongs to any team: what is for teams is then for nobody.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from itsm.auth import v1 as pb

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Unavailable
from chassis.rpc import Channels, call

_log = logging.getLogger(__name__)

FRESH = 15.0
AWAY = 86_400.0
"""How long an answer about people and teams counts while the auth service is away, for who has to be called or written to
(docs/decisions/048-who-is-on-call.md)."""
RIGHTS_AWAY = 600.0
"""The same for what a right hangs on, such as somebody's roles."""
_SECONDS = 2
_MOST = 10_000


class Teams(Protocol):
    """Who belongs where."""

    async def of_caller(self) -> frozenset[str]:
        """The ids of the caller's teams; none of a service."""


class AskedTeams:
    """See `Teams`. `target` is the address of the auth service."""

    def __init__(self, channels: Channels, target: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._channels, self._target, self._monotonic = channels, target, monotonic
        self._known: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    async def of_caller(self) -> frozenset[str]:
        """See `Teams`."""
        caller = ctx.current()
        if caller.actor.kind != "user":
            return frozenset()
        now, key = self._monotonic(), (caller.tenant, caller.actor.id)
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            teams = await self._ask()
        except (Unavailable, DeadlinePassed) as error:
            _log.warning("Nobody says which teams the caller belongs to.", extra={"reason": error.reason})
            teams = frozenset()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = now, teams
        return teams

    async def _ask(self) -> frozenset[str]:
        caller = ctx.current()
        stub = pb.UserServiceStub(self._channels.to(self._target))
        answer = await call(
            stub.WhoAmI, pb.WhoAmIRequest(), token=caller.token, tenant=caller.tenant, timeout=_SECONDS, repeatable=True
        )
        return frozenset(answer.team_ids)
