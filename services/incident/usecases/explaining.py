"""Saying why a clock is due when it is."""

from collections.abc import Sequence

from chassis.store import Store
from services.incident.domain.clock import Clock
from services.incident.domain.explain import explain
from services.incident.domain.incident import Incident
from services.incident.usecases.policies import Policies


class Explaining:
    """Accounts of an incident's clocks."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def clocks(self, id: str) -> Sequence[tuple[Clock, list[str]]]:  # noqa: A002 - the field's name everywhere
        """Each clock with its account, step by step. Raises `NotFound`."""
        incident, levels = await self._store.get(Incident, id), await self._policies.levels()
        levels.catch_up(incident.clocks)
        now = self._store.clock()
        return [(clock, explain(clock, now, levels.counting(clock))) for clock in incident.clocks]
