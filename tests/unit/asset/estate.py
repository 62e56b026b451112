"""An asset service without a process: memory instead of a database, a clock that stands still."""

from datetime import UTC, datetime
from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import to_message
from chassis.store import Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.asset import store as kept
from services.asset.domain.asset import Asset
from services.asset.domain.identity import IdentifierKind
from services.asset.domain.report import Report, cleaned
from services.asset.usecases.classes import Classes
from services.asset.usecases.duplicates import Duplicates
from services.asset.usecases.items import Items
from services.asset.usecases.placing import Placing
from services.asset.usecases.reading import Reading
from tests.unit.incident.desk import Again

MONDAY = datetime(2126, 6, 3, 9, tzinfo=UTC)
KEY = b"a key that signs page tokens"


class Estate:
    """Everything that the service is made of, plugged together as `app.build` does."""

    def __init__(self, backend: Backend | None = None, now: datetime = MONDAY) -> None:
        self.clock = FakeClock(now)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.reading = Reading(self.store, kept.listings(KEY, self.clock), kept.timeline(KEY, self.clock))
        self.classes = Classes(self.store)
        self.placing = Placing(self.store)
        self.items = Again(Items(self.store, self.classes, self.placing))
        self.duplicates = Again(Duplicates(self.store))

    async def create(self, name: str = "web01", class_: str = "server", **fields: Any) -> Asset:
        """An asset that a person makes."""
        asset: Asset = await self.items.create({"name": name, "class_": class_, **fields})
        return asset

    async def report(self, said: Report) -> Asset | None:
        """What a source says, as agents and imports say it."""
        _, asset = await self.placing.place(said, await self.classes.catalog())
        return asset

    async def assets(self) -> list[dict[str, Any]]:
        """All assets as they are stored, in the order of their making."""
        found = await self.backend.find("assets", {"tenant": "main"}, sort=[("_id", 1)])
        return list(found)

    async def rows(self) -> list[dict[str, Any]]:
        """All change rows, in order."""
        found = await self.backend.find("changes", {"tenant": "main", "kind": {"$exists": True}}, sort=[("_id", 1)])
        return list(found)


def said(
    source: str, time: datetime = MONDAY, identifiers: dict[str, list[str]] | None = None, own_key: str = "", **values: Any
) -> Report:
    """A report of a source; identifiers by kind, values by the names that sources use."""
    values = {"name": "web01", "class": "computer"} | {name.rstrip("_"): value for name, value in values.items()}
    kinds = cleaned({IdentifierKind(kind): each for kind, each in (identifiers or {}).items()})
    return Report(source=source, time=time, values=values, identifiers=kinds, own_key=own_key)


def shown(asset: Asset) -> pb.Asset:
    """The asset as the world sees it."""
    return to_message(asset, pb.Asset)
