"""The incident service on a real mongod, called over gRPC as anybody."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from itsm.incident import v1 as pb
from pymongo import AsyncMongoClient

from chassis.management import Answer, ManagementServer
from chassis.policy import Policy
from chassis.rpc import call, connect
from chassis.rpc.methods import required_permissions
from chassis.service import running
from services.incident.app import SERVICES, Settings, build
from tests.support.issuers import OWN, FakeIssuer, short


async def table_of_roles() -> Policy:
    """What the auth service would answer."""
    everything = frozenset().union(*map(required_permissions, SERVICES))
    some = frozenset({"incidents.create", "incidents.get", "incidents.list", "incidents.note"})
    scopes = {"requester": {"incidents": {"requester_id": "$subject"}}}
    return Policy(version=1, roles={"agent": everything, "requester": some}, scopes=scopes)


class Caller:
    """Somebody of a tenant of their own, with the methods of the stub."""

    def __init__(self, running: "Running", tenant: str, subject: str = "alice", role: str = "agent") -> None:
        self._running = running
        self._stubs = (pb.IncidentServiceStub(running.channel), pb.SlaServiceStub(running.channel))
        self._tenant = tenant
        self.token = running.issuer.sign(short(sub=subject, tenant=tenant, roles=[role]), typ="at+jwt")

    def as_(self, subject: str, role: str = "agent", tenant: str = "") -> "Caller":
        """Somebody else, of the same tenant unless said."""
        return Caller(self._running, tenant or self._tenant, subject, role)

    async def __call__(self, method: str, request: Any, *, key: str = "") -> Any:
        rpc = next(getattr(stub, method) for stub in self._stubs if hasattr(stub, method))
        if not key:
            return await call(rpc, request, token=self.token)
        metadata = (("authorization", f"Bearer {self.token}"), ("idempotency-key", key))
        return await rpc(request, metadata=metadata, timeout=10)

    async def open(self, title: str = "mail is down", **fields: Any) -> pb.Incident:
        """An incident."""
        return await self("OpenIncident", pb.OpenIncidentRequest(incident=pb.Incident(title=title, **fields)))


@dataclass
class Running:
    """A running service and who signs the tokens that it believes."""

    channel: Any
    issuer: FakeIssuer


@pytest.fixture(scope="session")
async def database(backing: dict[str, Any]) -> AsyncIterator[str]:
    """The address of a database of our own: a service that runs on the same mongod keeps its policy and its timers."""
    name = f"itsm_incident_{uuid4().hex[:8]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    yield uri
    client: Any = AsyncMongoClient(uri)
    await client.drop_database(name)
    await client.close()


@pytest.fixture(scope="session")
def clock_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How many seconds the clock of the service is ahead, as a text."""
    return tmp_path_factory.mktemp("clock") / "ahead"


@pytest.fixture(scope="session")
async def incident_service(database: str, clock_file: Path) -> AsyncIterator[Running]:
    """The service as it runs in production, except for who answers its questions about keys and roles."""
    issuer = FakeIssuer(OWN, "Ed25519")

    async def published(_accept: str) -> Answer:
        return Answer(json.dumps(issuer.document()).encode())

    keys = ManagementServer({"/jwks.json": published})
    keys.start("127.0.0.1:0")
    settings = Settings(
        environment="development",
        mongo_uri=database,
        page_token_key="a key that signs page tokens",
        token_issuer_jwks=f"http://127.0.0.1:{keys.port}/jwks.json",
        clock_file=clock_file,
        drain_seconds=0,
    )
    async with running(build(settings, fetch_policy=table_of_roles)) as service:
        channel = connect(service.address)
        await channel.channel_ready()
        yield Running(channel, issuer)
        await channel.close()
    keys.stop()


@pytest.fixture
def desk(incident_service: Running) -> Caller:
    """An agent in a tenant that nobody else has."""
    return Caller(incident_service, f"t-{uuid4().hex[:12]}")
