"""The analytics service on a real database, fed with facts directly."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from chassis import context as ctx
from chassis.errors import Busy
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.testing import FakeClock, caller
from services.analytics import store as kept
from services.analytics.domain.summary import Row
from services.analytics.reactions import fact_of
from services.analytics.usecases.alerts import Alerts
from services.analytics.usecases.facts import FactLog
from services.analytics.usecases.kpis import Kpis
from services.analytics.usecases.rebuild import Rebuild
from services.analytics.usecases.snapshots import Snapshots
from tests.support.incident_events import START, History


@dataclass
class Figures:
    """The use cases over one database."""

    backend: MongoBackend
    clock: FakeClock = field(default_factory=lambda: FakeClock(START + timedelta(days=30)))

    def __post_init__(self) -> None:
        self.store = Store(self.backend, self.clock, (), kept.INDEXES)
        self.log = FactLog(self.store)
        self.alerts = Alerts(self.store)
        self.snapshots = Snapshots(self.store, self.clock)
        self.rebuild = Rebuild(self.store, self.snapshots, self.clock)
        self.kpis = Kpis(self.store, kept.FIELDS, self.clock)

    async def told(self, *histories: History) -> None:
        """All events of these incidents, in one batch; one that loses a race is taken again, as the consumer does."""
        while True:
            try:
                async with self.store.transaction():
                    for history in histories:
                        for told in history.told:
                            await self.log.record(fact_of(told.message.incident, told.envelope))
            except Busy:
                continue
            return

    async def rows(self, name: str, *, tenant: str = "main", **question: Any) -> list[Row]:
        """A figure as its rows."""
        with ctx.use(caller(tenant)):
            return (await self.kpis.get(name, **question)).rows

    async def count(self, name: str, **question: Any) -> dict[str, float | None]:
        """The values of a figure by `group/series`."""
        return {_label(row): row.value for row in await self.rows(name, **question)}


def _label(row: Row) -> str:
    return f"{row.group}/{row.series}" if row.series else row.group


def day(number: int) -> datetime:
    """Midnight, so many days after the first."""
    return START.replace(hour=0) + timedelta(days=number)


@pytest.fixture
async def figures(backing: dict[str, Any]) -> AsyncIterator[Figures]:
    name = f"test_analytics_{uuid4().hex[:12]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    backend = MongoBackend(uri)
    await backend.ensure_indexes(kept.INDEXES)
    yield Figures(backend)
    await backend.close()
    async with AsyncMongoClient(uri) as client:
        await client.drop_database(name)


def several(count: int) -> Iterable[str]:
    """Ids of so many incidents."""
    return [f"inc_{number}" for number in range(count)]
