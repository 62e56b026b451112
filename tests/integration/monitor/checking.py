"""The monitor service on a real mongod with everything that checks need, called over gRPC as anybody."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from itsm.monitor import v1 as pb
from pymongo import AsyncMongoClient

from chassis.management import Answer, ManagementServer
from chassis.policy import Policy
from chassis.rpc import call, connect
from chassis.service import Service, running
from services.auth.domain.roles import ROLES, SCOPES
from services.monitor.app import Settings, build
from tests.support.cable import Cable
from tests.support.issuers import OWN, FakeIssuer, short

T = TypeVar("T")
SLOW = 60.0


async def table_of_roles() -> Policy:
    """What the auth service would answer."""
    return Policy(version=1, roles=ROLES, scopes=SCOPES)


class Caller:
    """Somebody of a tenant, with the methods of the stubs."""

    def __init__(self, running: "Monitor", tenant: str, subject: str = "alice", role: str = "monitor-manager") -> None:
        self.tenant, self.running = tenant, running
        self._stubs = (
            pb.CheckServiceStub(running.channel),
            pb.AlertServiceStub(running.channel),
            pb.AlertRuleServiceStub(running.channel),
        )
        self._token = running.issuer.sign(short(sub=subject, tenant=tenant, roles=[role]), typ="at+jwt")

    def as_(self, subject: str, role: str, tenant: str = "") -> "Caller":
        """Somebody else, of the same tenant unless said."""
        return Caller(self.running, tenant or self.tenant, subject, role)

    async def __call__(self, method: str, request: Any) -> Any:
        rpc = next(getattr(stub, method) for stub in self._stubs if hasattr(stub, method))
        return await call(rpc, request, token=self._token)

    async def watch(self, target: str, **fields: Any) -> pb.Check:
        """A check that is looked at every five seconds and believed at once."""
        given = {"name": "Shop", "kind": pb.Check.TCP, "interval": Duration(seconds=5), "raise_after": 1} | fields
        return await self("CreateCheck", pb.CreateCheckRequest(check=pb.Check(target=target, **given)))

    async def check(self, id: str) -> pb.Check:  # noqa: A002 - as its field
        return await self("GetCheck", pb.GetCheckRequest(id=id))

    async def alerts(self, check: pb.Check) -> list[pb.Alert]:
        """Of a check, the oldest first."""
        asked = pb.ListAlertsRequest(filter=f'checkId = "{check.id}"', order_by="createTime")
        return list((await self("ListAlerts", asked)).alerts)

    async def until_state(self, check: pb.Check, state: int) -> pb.Check:
        """The check, once it is in this state."""

        async def reached() -> pb.Check | None:
            now = await self.check(check.id)
            return now if now.state == state else None

        return await until(reached)


@dataclass
class Monitor:
    """A running service, who signs the tokens that it believes, and its database."""

    channel: Any
    issuer: FakeIssuer
    service: Service
    database: str
    settings: Mapping[str, Any]

    def caller(self) -> Caller:
        """A monitor manager in a tenant that nobody else has."""
        return Caller(self, f"t-{uuid4().hex[:12]}")


async def until(found: Callable[[], Awaitable[T | None]], within: float = SLOW) -> T:
    """What is found, once it is. Raises `TimeoutError`."""
    async with asyncio.timeout(within):
        while True:
            if (value := await found()) is not None:
                return value
            await asyncio.sleep(0.1)


@asynccontextmanager
async def monitoring(backing: Mapping[str, Any], *, cable: Cable | None = None, **more: Any) -> AsyncIterator[Monitor]:
    """The service as it runs in production, on a database of its own, except for who answers about keys and roles.

    With a cable it reaches the database through that.
    """
    name = f"itsm_monitor_{uuid4().hex[:8]}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{name}?")
    reached = uri
    if cable is not None:
        # The driver asks the server for its address and goes there, unless it is told to stay.
        direct = uri.replace("replicaSet=rs0", "directConnection=true")
        reached = re.sub(r"@[^/]+/", f"@127.0.0.1:{cable.port}/", direct)
    issuer = FakeIssuer(OWN, "Ed25519")

    async def published(_accept: str) -> Answer:
        return Answer(json.dumps(issuer.document()).encode())

    keys = ManagementServer({"/jwks.json": published})
    keys.start("127.0.0.1:0")
    settings = {
        "environment": "development",
        "mongo_uri": reached,
        "page_token_key": "a key that signs page tokens",
        "token_issuer_jwks": f"http://127.0.0.1:{keys.port}/jwks.json",
        "drain_seconds": 0,
        **more,
    }
    try:
        async with serving(Monitor(None, issuer, None, uri, settings)) as monitor:  # type: ignore[arg-type]
            yield monitor
    finally:
        keys.stop()
        client: Any = AsyncMongoClient(uri)
        await client.drop_database(name)
        await client.close()


@asynccontextmanager
async def serving(like: Monitor) -> AsyncIterator[Monitor]:
    """One more process on the same database."""
    async with running(build(Settings(**like.settings), fetch_policy=table_of_roles)) as service:
        channel = connect(service.address)
        await channel.channel_ready()
        yield Monitor(channel, like.issuer, service, like.database, like.settings)
        await channel.close()


def clock(path: Path) -> Callable[[float], None]:
    """Sets how many seconds the clock of the service is ahead."""

    def ahead(seconds: float) -> None:
        path.write_text(str(seconds))

    return ahead
