"""Alerts that are long over go: told by an event, and their record removed by the database within minutes.

Whoever holds the lease looks once a minute and works in batches with pauses, so that a storm of long ago is no storm again.
What is kept beside alerts (evidence, episodes, notifications) has ends of its own; changes and figures stay.

Fails: never. A batch that fails is tried again at the next round; of one that cannot go as a whole, each goes by itself. An
alert that cannot go at all, as one of another release that cannot be read, is named in the log and passed over for a day: it
holds up no other.
"""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Busy, Unavailable
from chassis.lease import Lease
from chassis.service import Service, Stage
from chassis.store import Store
from services.monitor.domain.alert import Alert, State
from services.monitor.usecases.intake import ALERTS

_log = logging.getLogger(__name__)

BATCH = 100
"""Alerts of all tenants that go at once."""
PURGE_FIELD = "purge_time"
_PASSED_OVER = timedelta(days=1)
_EVERY_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


class Purging:
    """Removes alerts that nothing happened to for as long as they are `kept` since they ended."""

    def __init__(self, store: Store, *, kept: timedelta) -> None:
        self._store, self._kept = store, kept
        self._lease = Lease(store.backend, "alert-retention", "monitor")
        self._actor = Actor(id="itsm-monitor", kind="service")
        self._passed: dict[str, datetime] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background("alert retention", self.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Works whenever it holds the lease, until it is canceled."""
        await self._lease.lead(self._rounds)

    async def _rounds(self) -> None:
        while True:
            purged = 0
            try:
                purged = await self.round()
            except (Unavailable, Busy) as error:
                _log.warning("Old alerts are removed later: %s", error)
            await asyncio.sleep(_PAUSE_SECONDS if purged == BATCH else _EVERY_SECONDS)

    async def round(self) -> int:
        """One batch, the oldest first; of how many it was. Raises `Busy` and `Unavailable`, then some of them may have gone."""
        query: dict[str, Any] = {
            "state": State.RESOLVED.value,
            PURGE_FIELD: None,
            "update_time": {"$lt": self._store.clock() - self._kept},
        }
        self._passed = {id_: until for id_, until in self._passed.items() if until > self._store.clock()}
        if self._passed:
            query["_id"] = {"$nin": sorted(self._passed)}
        found = await self._store.backend.find(
            ALERTS, query, sort=[("update_time", 1)], limit=BATCH, projection={"_id": 1, "tenant": 1}
        )
        by_tenant: dict[str, list[str]] = defaultdict(list)
        for row in found:
            by_tenant[row["tenant"]].append(row["_id"])
        for tenant, ids in by_tenant.items():
            with ctx.use(Context(tenant=tenant, actor=self._actor, correlation_id=uuid4().hex)):
                await self._serve(ids)
        return len(found)

    async def _serve(self, ids: list[str]) -> None:
        try:
            await self._purge(ids)
        except (Unavailable, Busy):
            raise
        except Exception as error:  # whatever is wrong with one alert, the others go
            if len(ids) == 1:
                self._passed[ids[0]] = self._store.clock() + _PASSED_OVER
                _log.error("An old alert cannot be removed.", extra={"alert": ids[0]}, exc_info=error)
                return
            for each in ids:
                await self._serve([each])

    async def _purge(self, ids: list[str]) -> None:
        async with self._store.transaction() as tx:
            for alert in await tx.find(Alert, {"_id": {"$in": ids}}):
                alert.purge(self._store.clock())
                tx.save(alert)
