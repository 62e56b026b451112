"""The asset service on a real mongod, in two processes' worth of it, called over gRPC as anybody."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from itsm.asset import v1 as pb
from pymongo import AsyncMongoClient

from chassis.management import Answer, ManagementServer
from chassis.policy import Policy
from chassis.rpc import call, connect
from chassis.rpc.methods import required_permissions
from chassis.service import running
from services.asset.app import AGENTS, ASSETS, CLASSES, DUPLICATES, GRAPH, IMPORTS, Settings, build
from tests.support.issuers import OWN, FakeIssuer, short
from tests.support.keymaker import KeyMaker

Stub = Callable[[Any], Any]
STUBS: tuple[Stub, ...] = (
    pb.AssetServiceStub,
    pb.AssetClassServiceStub,
    pb.DuplicateServiceStub,
    pb.GraphServiceStub,
    pb.AgentServiceStub,
    pb.ImportServiceStub,
)
SERVED = (ASSETS, CLASSES, DUPLICATES, GRAPH, AGENTS, IMPORTS)
HIDDEN = "hidden-from-keepers"
"""Assets of this team are not for `keeper`."""


async def table_of_roles() -> Policy:
    """What the auth service would answer."""
    everything = frozenset[str]().union(*(required_permissions(service) for service in SERVED))
    reading = frozenset(name for name in everything if name.partition(".")[2] in ("get", "list", "impact", "graph"))
    scopes = {"keeper": {"assets": {"team_id": {"$ne": HIDDEN}}}}
    return Policy(version=1, roles={"manager": everything, "viewer": reading, "keeper": reading}, scopes=scopes)


class Caller:
    """Somebody of a tenant of their own, with the methods of all stubs."""

    def __init__(
        self, running: "Running", tenant: str, subject: str = "alice", role: str = "manager", replica: int = 0
    ) -> None:
        self._running = running
        self._stubs = [stub(running.channels[replica]) for stub in STUBS]
        self.tenant = tenant
        self.token = running.issuer.sign(short(sub=subject, tenant=tenant, roles=[role]), typ="at+jwt")

    def as_(self, role: str = "manager", *, subject: str = "alice", tenant: str = "", replica: int = 0) -> "Caller":
        """Somebody else, of the same tenant unless said; `replica` says which process is asked."""
        return Caller(self._running, tenant or self.tenant, subject, role, replica)

    async def __call__(self, method: str, request: Any, *, key: str = "") -> Any:
        rpc = next(getattr(stub, method) for stub in self._stubs if hasattr(stub, method))
        if not key:
            return await call(rpc, request, token=self.token)
        metadata = (("authorization", f"Bearer {self.token}"), ("idempotency-key", key))
        return await rpc(request, metadata=metadata, timeout=30)

    async def asset(self, name: str, class_: str = "server", **fields: Any) -> Any:
        """An asset."""
        return await self("CreateAsset", pb.CreateAssetRequest(asset=pb.Asset(**{"name": name, "class": class_, **fields})))


@dataclass
class Running:
    """The channels of two processes on one database, and who signs the tokens that they believe."""

    channels: list[Any]
    issuer: FakeIssuer
    database: Any


@pytest.fixture(scope="session")
async def asset_service(backing: dict[str, Any]) -> AsyncIterator[Running]:
    """The service as it runs in production, except for who answers its questions about keys and roles."""
    name = f"itsm_asset_{uuid4().hex[:8]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    issuer = FakeIssuer(OWN, "Ed25519")

    async def published(_accept: str) -> Answer:
        return Answer(json.dumps(issuer.document()).encode())

    keys = ManagementServer({"/jwks.json": published})
    keys.start("127.0.0.1:0")
    settings = Settings(
        environment="development",
        mongo_uri=uri,
        page_token_key="a key that signs page tokens",
        token_issuer_jwks=f"http://127.0.0.1:{keys.port}/jwks.json",
        drain_seconds=0,
    )
    client: Any = AsyncMongoClient(uri)
    keymaker = KeyMaker()
    async with AsyncExitStack() as replicas:
        channels = []
        for _ in range(2):
            service = await replicas.enter_async_context(running(build(settings, fetch_policy=table_of_roles, keys=keymaker)))
            channels.append(connect(service.address))
            await channels[-1].channel_ready()
        yield Running(channels, issuer, client[name])
        for channel in channels:
            await channel.close()
    keys.stop()
    await client.drop_database(name)
    await client.close()


@pytest.fixture
def estate(asset_service: Running) -> Caller:
    """A manager of assets in a tenant that nobody else has."""
    return Caller(asset_service, f"t-{uuid4().hex[:12]}")
