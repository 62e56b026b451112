"""How a webhook does: since when everything that it is told fails. One that fails for days, or is gone, is disabled."""

from chassis.errors import NotFound
from chassis.store import Store, Update
from services.gateway.domain.webhook import Webhook, fails_for_good

HEALTH = "webhook_health"


class Health:
    """Counts failures of webhooks of the current tenant, beside their records: a count is no change that others hear of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def worked(self, webhook_id: str) -> None:
        """Something was taken: what failed before counts no more."""
        query = self._store.scoped({"_id": webhook_id, "failures": {"$gt": 0}})
        await self._store.backend.update_many(HEALTH, query, {"$set": {"failures": 0, "first_failure_time": None}})

    async def failed(self, webhook_id: str) -> bool:
        """An attempt failed; says whether that was enough."""
        now = self._store.clock()
        found = await self._store.find(HEALTH, {"_id": webhook_id}, limit=1)
        before = found[0] if found else {}
        first, failures = before.get("first_failure_time") or now, before.get("failures", 0) + 1
        update = {"$set": {"first_failure_time": first, "failures": failures}}
        query = self._store.scoped({"_id": webhook_id})
        await self._store.backend.write([Update(HEALTH, query, update, strict=False, upsert=True)])
        return fails_for_good(first, failures, now)

    async def disable(self, webhook_id: str, reason: str) -> None:
        """The webhook is told of nothing more."""
        async with self._store.transaction() as tx:
            try:
                webhook = await tx.get(Webhook, webhook_id)
            except NotFound:  # removed meanwhile, and forgotten
                return
            webhook.disable(self._store.clock(), reason)
            tx.save(webhook)
        query = self._store.scoped({"_id": webhook_id})
        await self._store.backend.update_many(HEALTH, query, {"$set": {"failures": 0, "first_failure_time": None}})
