"""Two sides that are kept in step, in memory: the real incident service behind RPCs, and another system over HTTP.

Time stands still for all of them but where a test moves it. Events are handed on, deliveries made and polls held when a test
says so, in whatever order it likes.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis.auth import Principal
from chassis.context import Actor, Context
from chassis.events.wire import Envelope
from chassis.failpoints import OFF, Failpoints
from chassis.outbound import Outbound
from chassis.races import again
from chassis.rpc import Channels, Edge
from chassis.sealing import Sealing
from chassis.store import Store
from chassis.store.backend import Document
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.roles import ROLES
from services.gateway import store as kept
from services.gateway.catalog import Catalog
from services.gateway.deliveries.worker import Worker
from services.gateway.domain.connection import Connection, Kind
from services.gateway.domain.delivery import Channel
from services.gateway.sync import kept as sync_kept
from services.gateway.sync.engine import Engine
from services.gateway.sync.health import Doing
from services.gateway.sync.http import LIMITS
from services.gateway.sync.incidents import Incidents as Adapter
from services.gateway.sync.links import Links
from services.gateway.sync.places import LINKS, POLLS
from services.gateway.sync.polling import Polling
from services.gateway.sync.reach import Reaching
from services.gateway.sync.sending import Relaying, SyncSender, concerns
from services.gateway.usecases.connections import Connections
from services.gateway.usecases.log import DELIVERIES, Log
from services.incident import store as incident_kept
from services.incident.api.incidents import IncidentApi
from services.incident.app.incidents import INCIDENTS
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading
from tests.support.services import a_service
from tests.support.tickets.serving import SECRET, USER, System
from tests.unit.gateway.post import HERE, KEY, Guard

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ACCOUNT = "account-of-the-gateway"


class Door(Guard):
    """Takes everybody for the gateway's account, in the tenant that it names."""

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """See `chassis.guard.Guard`."""
        roles = frozenset({"service:gateway"})
        return Principal(subject=ACCOUNT, kind="service", tenant=tenant_hint, roles=roles, expires_at=0, issuer="here")


class Account:
    """The gateway's account."""

    async def token(self) -> str:
        """See `chassis.service_account.ServiceAccount`."""
        return f"e30.{base64.urlsafe_b64encode(orjson.dumps({'sub': ACCOUNT})).decode().rstrip('=')}.e30"


def person(name: str = "ann", tenant: str = "main") -> Context:
    """Somebody of the service desk, and its administrator."""
    return Context(tenant=tenant, actor=Actor(id=name), roles=frozenset({"admin"}), permissions=ROLES["admin"])


class Twins:
    """Both sides and everything between them; `theirs` is the other system."""

    def __init__(self, theirs: System, channels: Channels, target: str, desk: "Desk", failpoints: Failpoints = OFF) -> None:
        self.theirs, self.clock, self.desk = theirs, desk.clock, desk
        self.backend = MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES, failpoints)
        self.log = Log(self.store, kept.delivery_listing(KEY, self.clock))
        self.links, self.doing, catalog = Links(self.store), Doing(self.store), Catalog(self.clock)
        self.reaching = Reaching(self.store, Outbound(HERE, LIMITS), Sealing(KEY, "connections"))
        account: Any = Account()
        self.ours = Adapter(channels, target, account)
        self.engine = Engine(self.store, self.links, self.ours)
        self.connections = Connections(
            self.store, self.log, self.links, self.reaching, sync_kept.listings(KEY, self.clock),
            policy=HERE, catalog=catalog, master=KEY,
        )  # fmt: skip
        self.relaying = Relaying(self.store, self.log, catalog, self.links)
        self.polling = Polling(self.store, self.engine, self.links, self.reaching, self.doing)
        self.sender = SyncSender(self.store, self.engine, self.reaching, self.doing)
        self.seconds = 0.0
        self.worker = Worker(self.store, {Channel.SYNC: self.sender}, Metrics(), monotonic=lambda: self.seconds)

    async def connect(self, kind: Kind = Kind.JIRA, *, secret: str = SECRET, **more: Any) -> Connection:
        """A connection to the other system."""
        mapping = {"project": "OPS"} if kind is Kind.JIRA else {}
        fields = {"name": "twin", "kind": kind, "url": self.theirs.url, "username": USER, **more}
        fields["mapping"] = sync_kept.domain.ConnectionMapping(**{**mapping, **fields.get("mapping", {})})
        with ctx.use(person()):
            return await self.connections.create(fields, secret)

    async def relay(self) -> None:
        """Hands on what happened here."""
        for row in self.desk.take():
            if not concerns(row["type"]):
                continue
            envelope = Envelope(
                id=row["_id"], type=row["type"], source="/itsm/x/incident", subject=row["subject"], tenant=row["tenant"],
                key="k", version=row["version"], epoch=1, time=row["time"], actor=row["actor"]["id"], actor_kind="user",
                correlation_id="", causation_id="", trace="",
            )  # fmt: skip
            with ctx.use(service(row["tenant"])):
                await self.relaying.tell(orjson.loads(row["data"]), envelope)

    async def deliver(self) -> int:
        """Makes the deliveries that are due."""
        begun = await self.worker.begin()
        await self.worker.settle()
        return begun

    async def out(self) -> None:
        """Hands on, and delivers, until nothing is due."""
        await self.relay()
        while await self.deliver():
            await self.relay()

    async def poll(self, connection: Connection) -> None:
        """Asks what changed there."""
        with ctx.use(service()):
            await self.polling.due("main", connection.id)

    async def quiet(self, connection: Connection, *, rounds: int = 6) -> bool:
        """Goes on until a round writes nothing anywhere; says whether it came to that."""
        for _ in range(rounds):
            before = len(self.theirs.written), self.desk.writes
            await self.out()
            self.clock.advance(seconds=70)
            await self.poll(connection)
            await self.out()
            if (len(self.theirs.written), self.desk.writes) == before:
                return True
        return False

    async def link(self) -> Document:
        """The one pair that there is."""
        (row,) = await self.backend.find(LINKS, {})
        return row

    async def deliveries(self) -> list[Document]:
        """What was to go out, the oldest first."""
        return await self.backend.find(DELIVERIES, {}, sort=[("create_time", 1)])

    async def due(self, connection: Connection) -> datetime | None:
        """When the next poll is."""
        (row,) = await self.backend.find(POLLS, {"_id": connection.id})
        due: datetime | None = row["next_poll_time"]
        return due

    async def shown(self, connection: Connection) -> Document:
        """The connection as people see it."""
        with ctx.use(person()):
            return dict(await self.connections.get(connection.id))


class Desk:
    """The incident service, as people use it."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.backend = MemoryBackend()
        self.store = Store(self.backend, self.clock, incident_kept.KINDS, incident_kept.INDEXES)
        policies = Policies(self.store)
        window = timedelta(days=7)
        self.incidents = Incidents(self.store, policies, reopen_window=window, grace=timedelta(minutes=15))
        self.reading = Reading(self.store, incident_kept.listings(KEY, self.clock))
        self.api = IncidentApi(self.incidents, self.reading, Explaining(self.store, policies), Imports(self.store, policies))
        self.rows: list[Document] = []
        self.writes = 0
        self.store.on_commit(self._heard)

    def _heard(self, rows: Any) -> None:
        self.rows += rows
        self.writes += len(rows)

    def take(self) -> list[Document]:
        """The events that nobody was told of."""
        found, self.rows = self.rows, []
        return found

    async def open(self, **values: Any) -> str:
        """Somebody reports something; its id."""
        with ctx.use(person()):
            return (await self.incidents.open({"title": "the printer burns", **values})).id

    async def do(self, verb: str, *args: Any, **more: Any) -> Any:
        """Somebody does something."""
        self.clock.advance(seconds=5)
        with ctx.use(person()):
            return await again(lambda: getattr(self.incidents, verb)(*args, **more))

    async def get(self, incident_id: str) -> Document:
        """An incident as it is."""
        (found,) = await self.backend.find("incidents", {"_id": incident_id})
        return found

    async def all(self) -> list[Document]:
        """All of them."""
        return await self.backend.find("incidents", {})

    async def notes(self, incident_id: str) -> list[Document]:
        """What was said, the oldest first."""
        return await self.backend.find("notes", {"about": f"incidents/{incident_id}"}, sort=[("create_time", 1)])


def service(tenant: str = "main") -> Context:
    """The gateway itself."""
    return Context(tenant=tenant, actor=Actor(id="itsm-gateway", kind="service"))


@asynccontextmanager
async def twins(theirs: System, failpoints: Failpoints = OFF) -> AsyncIterator[Twins]:
    """Both sides, for the block; `theirs` serves already, and takes over our clock."""
    desk, channels = Desk(), Channels()
    theirs.clock.of = desk.clock
    running = a_service("incident", listen="127.0.0.1:0", management_listen="127.0.0.1:0")
    edge: Any = Edge(Door(), [INCIDENTS], running.metrics, store=desk.store)  # type: ignore[arg-type]
    running.intercept(edge)
    running.serve(incident_pb.add_IncidentServiceServicer_to_server, desk.api)
    await running.start()
    try:
        yield Twins(theirs, channels, running.address, desk, failpoints)
    finally:
        await channels.close()
        await running.stop()
