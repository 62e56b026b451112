"""Escalation policies: made, changed, read; and which one an alert goes by."""

from collections.abc import Mapping
from typing import Any

from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound, Stale
from chassis.listing import Listing
from chassis.store import Store, Transaction
from services.monitor.domain.escalation import EscalationPolicy, chosen
from services.monitor.domain.signal import Severity
from services.monitor.usecases.reading import THERE, Document, Paged, Paging, page_of, there

POLICIES = "escalation_policies"
MOST = 500


class Policies:
    """What people may do with policies. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, *, ids: Ids = new_id) -> None:
        self._store, self._listing, self._ids = store, listing, ids

    async def create(self, fields: Mapping[str, Any]) -> EscalationPolicy:
        """A new policy. Raises `Invalid`; also for one more than are looked at."""
        made = EscalationPolicy.made(id=self._ids("esp"), at=self._store.clock(), **fields)
        if await self._store.count(POLICIES, THERE, limit=MOST) >= MOST:
            raise Invalid({"": f"there may be {MOST} policies"})
        async with self._store.transaction() as tx:
            tx.add(made)
        return made

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> EscalationPolicy:  # noqa: A002 - as its field
        """Changes named fields. Raises `Invalid`."""
        async with self._store.transaction() as tx:
            policy = await self._stored(tx, id, etag)
            policy.edit(self._store.clock(), **fields)
            tx.save(policy)
        return policy

    async def remove(self, id: str, *, etag: str = "") -> EscalationPolicy:  # noqa: A002 - as above
        """It is gone. Raises `NotFound`."""
        async with self._store.transaction() as tx:
            policy = await self._stored(tx, id, etag)
            policy.remove(self._store.clock())
            tx.save(policy)
        return policy

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One policy, to become a message. Raises `NotFound`."""
        return there(await self._store.document(EscalationPolicy, id, naive=True), "escalationpolicy")

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the policies that match."""
        return await page_of(self._store, POLICIES, self._listing, filter_text, order_by, paging, among=THERE)

    async def known(self, id: str) -> EscalationPolicy:  # noqa: A002 - as above
        """One policy. Raises `NotFound`."""
        found = await self._store.find(POLICIES, {"_id": id, **THERE}, limit=1)
        if not found:
            raise NotFound("escalationpolicy", id)
        return from_document(found[0], EscalationPolicy)

    async def of(self, team_id: str, severity: Severity) -> EscalationPolicy | None:
        """The policy by which such an alert calls people; None for nobody."""
        rows = await self._store.find(POLICIES, {"enabled": True, **THERE}, limit=MOST)
        return chosen([from_document(row, EscalationPolicy) for row in rows], team_id, severity)

    async def _stored(self, tx: Transaction, id: str, etag: str) -> EscalationPolicy:  # noqa: A002 - as above
        found = await tx.find(EscalationPolicy, {"_id": id, **THERE}, limit=1)
        if not found:
            raise NotFound("escalationpolicy", id)
        if etag and etag != found[0].etag:
            raise Stale(found[0].etag, given=etag)
        return found[0]
