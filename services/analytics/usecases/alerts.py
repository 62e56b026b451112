"""Following alerts: the present state of each, replaced by what its next event says."""

from chassis.store import Store, Update
from services.analytics.projections.alerts import ALERTS, Document


class Alerts:
    """What this service knows of alerts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def follow(self, state: Document) -> None:
        """Takes the state that an event tells, in the ambient transaction; events of an alert come in order and once."""
        said = {name: value for name, value in state.items() if name not in ("_id", "tenant")}
        async with self._store.transaction() as tx:
            query = {"_id": state["_id"], "tenant": state["tenant"]}
            tx.write(Update(ALERTS, query, {"$set": said}, strict=False, upsert=True))
