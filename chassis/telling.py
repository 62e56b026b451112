"""That a tenant for demonstration is being told its history: it stands in the database before the first of it is written, so
that what is due of it rests in every process of the service.

Fails with `Unavailable` while the database is silent.
"""

import time
from collections.abc import Iterable

from chassis.demonstration import is_one
from chassis.store.backend import Backend, Update

TELLING = "telling"
"""One document a tenant: until when, in milliseconds since 1970, what is due of it rests."""

_QUIET_SECONDS, _NOTED_SECONDS = 20.0, 5.0


class Telling:
    """Which tenants are being told their history, as all processes of a service know it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._noted: dict[str, float] = {}

    async def note(self, tenant: str) -> None:
        """It is, from now on for a while: durable when it returns, so that it goes before what is dated back."""
        now = time.monotonic()
        if now - self._noted.get(tenant, now - _NOTED_SECONDS) < _NOTED_SECONDS:
            return
        until = {"$max": {"until": int((time.time() + _QUIET_SECONDS + _NOTED_SECONDS) * 1000)}}
        await self._backend.write([Update(TELLING, {"_id": tenant, "tenant": tenant}, until, strict=False, upsert=True)])
        self._noted[tenant] = now

    async def resting(self, tenants: Iterable[str]) -> set[str]:
        """Those of these tenants whose history is being told. Asks the database about tenants for demonstration alone."""
        asked = sorted({tenant for tenant in tenants if is_one(tenant)})
        if not asked:
            return set()
        query = {"_id": {"$in": asked}, "tenant": {"$in": asked}, "until": {"$gt": int(time.time() * 1000)}}
        return {row["_id"] for row in await self._backend.find(TELLING, query)}
