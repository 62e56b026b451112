"""Escalation policies: made, changed, read; and which one an alert goes by."""

from collections.abc import Mapping
from typing import Any

from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.domain.escalation import EscalationPolicy, chosen
from services.monitor.domain.signal import Severity
from services.monitor.usecases.keeping import MOST, Keeping
from services.monitor.usecases.reading import THERE

POLICIES = "escalation_policies"


class Policies(Keeping[EscalationPolicy]):
    """What people may do with policies."""

    def __init__(self, store: Store, listing: Listing, *, ids: Ids = new_id) -> None:
        super().__init__(store, listing, EscalationPolicy, "escalationpolicy", ids)

    async def create(self, fields: Mapping[str, Any]) -> EscalationPolicy:
        """A new policy. Raises `Invalid`; also for one more than are looked at."""
        return await self._add(EscalationPolicy.made(id=self._ids("esp"), at=self._store.clock(), **fields), "policies")

    async def of(self, team_id: str, severity: Severity) -> EscalationPolicy | None:
        """The policy by which such an alert calls people; None for nobody."""
        rows = await self._store.find(POLICIES, {"enabled": True, **THERE}, limit=MOST)
        return chosen([from_document(row, EscalationPolicy) for row in rows], team_id, severity)
