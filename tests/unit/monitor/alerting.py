"""The way in for signals without a process: memory instead of a database, a clock that stands still."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.store import CHANGES, Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.monitor import store as kept
from services.monitor.domain.signal import Severity, Signal, Status
from services.monitor.ports import Follow, Situations
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.reading import Reading

NOON = datetime(2126, 6, 3, 12, tzinfo=UTC)
KEY = b"a key that signs page tokens"


def minute(number: float) -> datetime:
    """An instant so many minutes after noon."""
    return NOON + timedelta(minutes=number)


def firing(start: float, fingerprint: str = "f", **more: Any) -> Signal:
    """Something is wrong since a minute."""
    more = {"title": "disk full", "source": "alertmanager", "severity": Severity.ERROR, **more}
    return Signal(fingerprint=fingerprint, status=Status.FIRING, start_time=minute(start), **more)


def resolved(start: float, end: float, fingerprint: str = "f", **more: Any) -> Signal:
    """It was wrong from one minute to another."""
    more = {"title": "disk full", "source": "alertmanager", "severity": Severity.ERROR, **more}
    return Signal(fingerprint=fingerprint, status=Status.RESOLVED, start_time=minute(start), end_time=minute(end), **more)


class Room:
    """The intake and what it needs."""

    def __init__(
        self, backend: Backend | None = None, *, situations: Situations | None = None, follow: Sequence[Follow] = ()
    ) -> None:
        self.clock = FakeClock(NOON)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.intake = Intake(self.store, situations, follow=follow)
        self.reading = Reading(self.store, kept.listings(KEY, self.clock))

    async def alerts(self, **query: Any) -> list[Any]:
        """The alerts as stored, the oldest start first."""
        return await self.store.find("alerts", query, sort=[("start_time", 1), ("_id", 1)])

    async def events(self, alert_id: str = "") -> list[str]:
        """The names of the events in their order, of one alert or all."""
        query = {"key": alert_id} if alert_id else {"kind": "alerts"}
        rows = await self.store.find(CHANGES, query, sort=[("_id", 1)])
        return [row["type"].rpartition(".")[2] for row in rows]

    async def claims(self) -> set[str]:
        """The fingerprints that have an open alert."""
        rows = await self.store.find("claims", {})
        prefix = f"{ctx.current().tenant}|open-alert|"
        return {row["_id"].removeprefix(prefix) for row in rows if row["_id"].startswith(prefix)}
