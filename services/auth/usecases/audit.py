"""The audit log: every change of every service, from the restricted topic, in the batch that moves the position too."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Clock
from chassis.store import Store, Update
from services.auth.domain.audit import entry
from services.auth.usecases.reading import AUDIT


class AuditLog:
    """Only ever added to; an entry that comes twice is the same entry."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(self, id: str, told: Mapping[str, Any]) -> None:  # noqa: A002 - as its field
        """Keeps one change, in the ambient transaction."""
        tenant = ctx.current().tenant
        document = entry(told, received=self._clock())
        async with self._store.transaction() as tx:
            query = {"_id": f"{tenant}|{id}", "tenant": tenant}
            tx.write(Update(AUDIT, query, {"$setOnInsert": {"entry": id, **document}}, strict=False, upsert=True))
