"""Relations and questions of an asset service without a process: memory instead of a database, a clock that stands still."""

from datetime import UTC, datetime
from typing import Any

from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis.errors import Busy
from chassis.store import Backend, Store
from chassis.testing import FakeClock, MemoryBackend
from services.asset import store as kept
from services.asset.domain.asset import Asset, Criticality, Redundancy
from services.asset.domain.relation import Relation, RelationKind
from services.asset.usecases.graphs import RELATIONS, Graphs
from services.asset.usecases.impact import Impact, ImpactAnswer, ImpactQuestion
from services.asset.usecases.reading import Reading
from services.asset.usecases.relations import Relations

NOON = datetime(2126, 6, 3, 12, tzinfo=UTC)
KEY = b"a key that signs page tokens"


def id_of(name: str) -> str:
    """The id of an asset in the caller's tenant."""
    tenant = ctx.current().tenant
    return f"ast_{name}" if tenant == "main" else f"ast_{tenant}-{name}"


class Landscape:
    """One process; several on one `backend` are replicas."""

    def __init__(self, backend: Backend | None = None, **bounds: Any) -> None:
        self.clock = FakeClock(NOON)
        self.backend = backend or MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.graphs = Graphs(self.store, **bounds)
        listings = kept.listings(KEY, self.clock)
        self.relations = Relations(self.store, listings[RELATIONS])
        self.reading = Reading(self.store, listings, kept.timeline(KEY, self.clock))
        self.impact = Impact(self.store, self.graphs)

    async def asset(self, name: str, class_: str = "server", **fields: Any) -> str:
        """A new asset, known by its name."""
        asset = Asset(id=id_of(name), name=name, class_=class_, create_time=NOON, update_time=NOON, **fields)
        asset.record(pb.AssetCreated(source="manual"))
        async with self.store.transaction() as tx:
            tx.add(asset)
        return asset.id

    async def change(self, name: str, **fields: Any) -> None:
        """An asset becomes another, however that came about."""

        async def once() -> None:
            async with self.store.transaction() as tx:
                asset = await tx.get(Asset, id_of(name))
                for field, value in fields.items():
                    setattr(asset, field, value)
                asset.record(pb.AssetUpdated(source="manual"))
                tx.save(asset)

        await again(once)

    async def serve(self, provider: str, consumer: str, kind: RelationKind = RelationKind.USES, group: str = "") -> Relation:
        """A relation by names."""
        ends = {"provider_id": id_of(provider), "consumer_id": id_of(consumer)}
        return await self.relations.create({**ends, "kind": kind, "group": group})

    async def down(self, name: str, **more: Any) -> ImpactAnswer:
        """What an asset takes down."""
        return await self.impact.impact(ImpactQuestion(id_of(name), **more))

    async def failed(self, name: str, **more: Any) -> list[str]:
        """The same by names, in the order of the answer."""
        answer = await self.down(name, **more)
        return [shown.item.name if shown.item else "?" for shown in answer.hits if shown.hit.state == "FAILED"]

    async def shop(self) -> None:
        """A shop on two nodes of one farm, of which it needs one, and a database; the nodes share a host."""
        for name in ("host", "node-1", "node-2", "disk"):
            await self.asset(name)
        await self.asset("db", "database", criticality=Criticality.HIGH)
        nodes = [Redundancy(group="nodes", minimum_count=1)]
        await self.asset("shop", "business_service", criticality=Criticality.CRITICAL, redundancy=nodes)
        await self.serve("host", "node-1", RelationKind.HOSTS)
        await self.serve("host", "node-2", RelationKind.HOSTS)
        await self.serve("node-1", "shop", RelationKind.MEMBER_OF, "nodes")
        await self.serve("node-2", "shop", RelationKind.MEMBER_OF, "nodes")
        await self.serve("db", "shop")
        await self.serve("disk", "db")


async def again(work: Any, *arguments: Any, **named: Any) -> Any:
    """Once more when busy, as the edges do."""
    try:
        return await work(*arguments, **named)
    except Busy:
        return await work(*arguments, **named)
