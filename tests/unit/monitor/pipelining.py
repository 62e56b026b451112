"""The whole pipeline in memory: the mirror filled by hand, the clock moved by hand, due alerts looked at as the worker does."""

from datetime import datetime, timedelta
from typing import Any

from itsm.asset import v1 as asset_pb

from chassis.store import Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.monitor import store as kept
from services.monitor.domain.signal import AlertKind, AssetHint, Severity, Signal, Status
from services.monitor.domain.stages import PIPELINE
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.looking import HOLD_FIELD, Looking
from services.monitor.usecases.mirror import Mirror
from services.monitor.usecases.quiet import Quiet
from services.monitor.usecases.reading import Reading
from services.monitor.usecases.situations import LOOK_FIELD, LiveSituations
from tests.unit.monitor.alerting import KEY, NOON

HOLD = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    """An instant so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def down(asset: str, start: float = 0, **more: Any) -> Signal:
    """A check finds an asset down, since so many seconds after noon."""
    return _signal(asset, Status.FIRING, start, None, **more)


def up(asset: str, start: float, end: float, **more: Any) -> Signal:
    """It was down from one second to another."""
    return _signal(asset, Status.RESOLVED, start, at(end), **more)


def _signal(asset: str, status: Status, start: float, end: datetime | None, **more: Any) -> Signal:
    told: dict[str, Any] = {
        "fingerprint": f"check/{asset}",
        "title": f"{asset} is down",
        "source": "check",
        "severity": Severity.CRITICAL,
        "kind": AlertKind.AVAILABILITY,
        "asset_hint": AssetHint(asset_id=asset),
        **more,
    }
    return Signal(status=status, start_time=at(start), end_time=end, **told)


class Plant:
    """Everything that decides about alerts."""

    def __init__(self, backend: Backend | None = None, *, hold: timedelta = HOLD) -> None:
        self.clock = FakeClock(NOON)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.mirror = Mirror(self.store)
        self.situations = LiveSituations(self.store, self.mirror, hold=hold, interval=MINUTE)
        self.looking = Looking(self.store, self.situations)
        self.intake = Intake(self.store, self.situations, stages=PIPELINE, follow=(self.situations.after,))
        self.reading = Reading(self.store, kept.listings(KEY, self.clock))
        self._heard = ""
        self.quiet = Quiet(self.store, self.looking, *kept.quiet_listings(KEY, self.clock))

    async def asset(self, id: str, **more: Any) -> None:  # noqa: A002 - the field's name everywhere
        """An asset in use."""
        told = {"name": id, "state": asset_pb.Asset.IN_USE, "criticality": asset_pb.Asset.MEDIUM, **more}
        await self.mirror.put_asset(asset_pb.Asset(id=id, **told))

    async def needs(self, consumer: str, *providers: str, group: str = "", kind: int = asset_pb.Relation.USES) -> None:
        """Relations from providers to a consumer."""
        for provider in providers:
            id = f"rel_{provider}_{consumer}_{group}"  # noqa: A001 - as above
            await self.mirror.put_relation(
                asset_pb.Relation(id=id, provider_id=provider, consumer_id=consumer, group=group, kind=kind)
            )

    async def take(self, *signals: Signal) -> None:
        """Signals come, and what they ended is heard of."""
        await self.intake.take(signals)
        await self.hear()

    async def hear(self) -> None:
        """Does what events of alerts bring about."""
        for row in await self.store.find("changes", {"kind": "alerts", "_id": {"$gt": self._heard}}, sort=[("_id", 1)]):
            self._heard = row["_id"]
            if row["type"].endswith("AlertResolved"):
                (alert,) = await self.store.find("alerts", {"_id": row["key"]})
                await self.looking.cause_over(row["key"], alert["end_time"])
            elif row["type"].endswith("AlertSuppressed"):
                await self.looking.cause_explained(row["key"])

    async def pass_to(self, seconds: float) -> None:
        """Lets time pass, with a look at each alert when it is due."""
        while True:
            due = await self._next()
            if due is None or due > at(seconds):
                break
            self.clock.now = max(self.clock.now, due)
            await self.look()
        self.clock.now = max(self.clock.now, at(seconds))

    async def look(self) -> None:
        """Looks at all alerts that are due, as the workers do."""
        for field in (HOLD_FIELD, LOOK_FIELD):
            for row in await self.store.find("alerts", {field: {"$gt": at(-1e6), "$lte": self.clock.now}}):
                await self.looking.look("main", row["_id"])
        await self.hear()

    async def _next(self) -> datetime | None:
        rows = await self.store.find("alerts", {})
        dues = [row[field] for row in rows for field in (HOLD_FIELD, LOOK_FIELD) if row.get(field) is not None]
        return min(dues, default=None)

    async def alert(self, asset: str) -> dict[str, Any]:
        """The newest alert of an asset."""
        rows = await self.store.find("alerts", {"asset_id": asset}, sort=[("create_time", -1)])
        return rows[0]

    async def stands(self) -> dict[str, str]:
        """How the newest alert of each asset stands: `ROUTED`, `HELD`, `RESOLVED`, or by what it is kept from people."""
        return {row["asset_id"]: _standing(row) for row in await self.store.find("alerts", {}, sort=[("create_time", 1)])}

    async def cause(self, asset: str) -> str:
        """The asset of the alert because of which that of another one is kept."""
        reference = (await self.alert(asset))["suppression"]["reference"]
        (row,) = await self.store.find("alerts", {"_id": reference.removeprefix("alerts/")})
        return str(row["asset_id"])


def _standing(row: dict[str, Any]) -> str:
    if row["state"] == "RESOLVED":
        return "RESOLVED"
    if row["suppression"]:
        return str(row["suppression"]["reason"])
    return "ROUTED" if row["route_time"] else "HELD"
