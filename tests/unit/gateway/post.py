"""Webhooks in memory: events told by hand, the clock moved by hand, deliveries handed over as the worker does."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis import protojson
from chassis.context import Actor, Context
from chassis.errors import Unavailable
from chassis.events.wire import Envelope
from chassis.outbound import Limits, Outbound, Policy
from chassis.policy import Policy as Roles
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.roles import ROLES, SCOPES
from services.gateway import store as kept
from services.gateway.catalog import Catalog
from services.gateway.deliveries.webhooks import WebhookSender
from services.gateway.deliveries.worker import Worker
from services.gateway.domain.delivery import Channel
from services.gateway.domain.webhook import Webhook
from services.gateway.owners import Owners
from services.gateway.usecases.health import Health
from services.gateway.usecases.log import Log
from services.gateway.usecases.reading import Asked, Document
from services.gateway.usecases.telling import Telling
from services.gateway.usecases.webhooks import Webhooks

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = b"a key for tests that is long enough"
HERE = Policy.of(networks="127.0.0.0/8", ports="1-65535", http=True)
OPENED = "itsm.incident.v1.IncidentOpened"


class Guard:
    """What the roles of the auth service permit."""

    def policy(self) -> Roles:
        """See `chassis.guard.Guard`."""
        return Roles(1, ROLES, SCOPES)


class Post:
    """The whole way from an event to a receiver. `people` are the roles of subjects, by tenant and subject."""

    def __init__(self, limits: Limits | None = None, *, policy: Policy = HERE, outbound: Outbound | None = None) -> None:
        self.clock, self.backend = FakeClock(NOON), MemoryBackend()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.people: dict[tuple[str, str], Collection[str]] = {("main", "boss"): ["admin"], ("other", "boss"): ["admin"]}
        self.away, self.seconds = False, 0.0
        self.log = Log(self.store, kept.delivery_listing(KEY, self.clock))
        self.catalog = Catalog(self.clock)
        self.owners = Owners(Guard(), self._roles, monotonic=lambda: self.seconds)
        listing = kept.webhook_listing(KEY, self.clock)
        self.webhooks = Webhooks(self.store, self.log, listing, policy=policy, catalog=self.catalog, master=KEY)
        self.telling = Telling(self.store, self.log, self.catalog, self.owners)
        self.outbound = outbound or Outbound(policy, limits or Limits(total=30))
        self.metrics = Metrics()
        self.health = Health(self.store)
        sender = WebhookSender(self.store, self.outbound, self.owners, self.health, KEY)
        self.worker = Worker(self.store, {Channel.WEBHOOK: sender}, self.metrics, monotonic=lambda: self.seconds)

    async def _roles(self, tenant: str, subject: str) -> Collection[str]:
        if self.away:
            raise Unavailable("nobody is there")
        return self.people.get((tenant, subject), ())

    async def webhook(self, url: str, event_types: Collection[str] = (OPENED,), **more: Any) -> tuple[Webhook, str]:
        """A webhook and its secret."""
        return await self.webhooks.create({"url": url, "event_types": list(event_types), **more})

    async def tell(self, event_id: str = "e1", **incident: Any) -> None:
        """An incident was opened, a second after what was before."""
        self.clock.advance(seconds=1)
        said = {"id": "inc_1", "title": "down", "priority": incident_pb.Incident.P2, "requester_id": "boss", **incident}
        event = incident_pb.IncidentOpened(incident=incident_pb.Incident(**said))
        await self.telling.tell(orjson.loads(protojson.encode(event)), self.envelope(event_id))

    def envelope(self, event_id: str, kind: str = OPENED, subject: str = "incidents/inc_1") -> Envelope:
        """What an event of the caller's tenant says of itself."""
        return Envelope(
            id=event_id, type=kind, source="/itsm/x/incident", subject=subject, tenant=ctx.current().tenant, key="k",
            version=1, epoch=1, time=self.clock(), actor="a", actor_kind="user", correlation_id="", causation_id="", trace="",
        )  # fmt: skip

    async def deliver(self) -> int:
        """One round of the worker, to its end."""
        begun = await self.worker.begin()
        await self.worker.settle()
        return begun

    async def rows(self, webhook: Webhook) -> list[Document]:
        """The log of a webhook, the newest first."""
        return list((await self.webhooks.deliveries(webhook.id, Asked()))[0])

    def outcomes(self) -> Mapping[str, float]:
        """How often which outcome was counted."""
        names = ("delivered", "retried", "failed")
        return {name: self.metrics.webhook_deliveries.labels(name)._value.get() for name in names}


def boss(tenant: str = "main", **more: Any) -> Context:
    """An administrator."""
    return Context(tenant=tenant, actor=Actor(id="boss"), roles=frozenset({"admin"}), permissions=ROLES["admin"], **more)
