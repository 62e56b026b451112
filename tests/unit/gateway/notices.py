"""Notices in memory: events told by hand, people and records as a test says, deliveries handed over as the worker does."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis import protojson
from chassis.context import Actor, Context
from chassis.errors import Unavailable
from chassis.events.wire import Envelope
from chassis.outbound import Limits, Outbound, Policy
from chassis.sealing import Sealing
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.roles import ROLES
from services.gateway import kept_notices as kept
from services.gateway import store as kept_all
from services.gateway.catalog import Catalog
from services.gateway.deliveries.chat import ChatSender
from services.gateway.deliveries.push import PushSender
from services.gateway.deliveries.webpush import Vapid
from services.gateway.deliveries.worker import Worker
from services.gateway.domain.delivery import Channel
from services.gateway.owners import Owners
from services.gateway.ports import Person, Told
from services.gateway.usecases.addressing import Addressing
from services.gateway.usecases.answering import Allowed, Links
from services.gateway.usecases.browsers import Browsers
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.log import DELIVERIES, Log
from services.gateway.usecases.notifying import Notifying
from services.gateway.usecases.preferences import Preferences
from services.gateway.usecases.previews import Previews
from services.gateway.usecases.rooms import Addresses, Rooms
from services.gateway.usecases.rules import Rules
from services.gateway.usecases.templates import Templates
from services.gateway.usecases.wording import Wording
from tests.unit.gateway.post import HERE, KEY, NOON, Guard

URL = "https://itsm.example"
OPENED, NOTED = "itsm.incident.v1.IncidentOpened", "itsm.incident.v1.NoteAdded"
ASSIGNED = "itsm.incident.v1.IncidentAssigned"


class Office:
    """The whole way from an event to whoever reads of it. `roles` are those of people, who are all called as their ids."""

    def __init__(
        self, *, mail: bool = True, policy: Policy = HERE, most: int = 20_000, plugins: Mapping[str, Any] | None = None
    ) -> None:
        self.clock, self.backend, self.metrics = FakeClock(NOON), MemoryBackend(), Metrics()
        self.store = Store(self.backend, self.clock, kept_all.KINDS, kept_all.INDEXES)
        self.roles = {"boss": ["admin"], "ann": ["requester"], "bob": ["agent"], "cid": ["agent"]}
        self.teams: dict[str, Sequence[str]] = {}
        self.incidents: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, str] = {}
        self.past: list[Told] = []
        self.away = False
        outcomes = self.metrics.webhook_deliveries
        self.seconds = 0.0
        listing = kept_all.delivery_listing(KEY, self.clock)
        self.log = Log(self.store, listing, most=most, refused=outcomes.labels("refused").inc, monotonic=lambda: self.seconds)
        self.catalog, self.owners = Catalog(self.clock), Owners(Guard(), self._roles, monotonic=lambda: self.seconds)
        self.rules = Rules(self.store, kept.rule_listing(KEY, self.clock), self.catalog)
        self.wording = Wording(self.store)
        ways = frozenset({Channel.CHAT, Channel.PUSH, *([Channel.MAIL] if mail else [])})
        self.addressing = Addressing(self.store, self.owners, self, self, ways)
        self.links = Links(Sealing(KEY, "links"), self.clock, URL, Allowed.ALL)
        self.inbox = Inbox(self.store, kept.inbox_listing(KEY, self.clock))
        self.notifying = Notifying(
            self.store, self.log, self.catalog, self.rules, self.addressing, self.wording, self, self,
            public_url=URL, installation="ITSM", links=self.links, inbox=self.inbox,
        )  # fmt: skip
        self.templates = Templates(self.store, kept.template_listing(KEY, self.clock))
        self.previews = Previews(
            self.store, self.templates, self.rules, self.addressing, self.notifying, self.catalog, self.owners, self, self
        )
        addresses = Addresses(self.store, Sealing(KEY, "tests"))
        said: Any = {"policy": policy, "public_url": URL, "installation": "ITSM"}
        self.vapid = Vapid(KEY, "mailto:a@example.org")
        rooms, browsers = kept.room_listing(KEY, self.clock), kept.subscription_listing(KEY, self.clock)
        self.rooms = Rooms(self.store, self.log, rooms, addresses, self.wording, plugins=plugins, **said)
        self.browsers = Browsers(self.store, self.log, browsers, addresses, self.wording, key=self.vapid.public, **said)
        self.preferences = Preferences(self.store)
        self.outbound = Outbound(policy, Limits(total=30))
        senders = {
            Channel.CHAT: ChatSender(self.store, self.outbound, addresses, plugins),
            Channel.PUSH: PushSender(self.store, self.outbound, addresses, self.browsers, self.vapid),
        }
        self.worker = Worker(self.store, senders, self.metrics, monotonic=lambda: self.seconds)

    async def _roles(self, tenant: str, subject: str) -> Collection[str]:
        if self.away:
            raise Unavailable("nobody is there")
        return self.roles.get(subject, ())

    async def person(self, id: str) -> Person | None:  # noqa: A002 - as in the port
        """See `ports.People`."""
        return Person(id, id.title(), f"{id}@example.org") if id in self.roles else None

    async def team(self, id: str) -> Sequence[str]:  # noqa: A002 - as in the port
        """See `ports.People`."""
        return self.teams.get(id, ())

    async def record(self, subject: str) -> Mapping[str, Any] | None:
        """See `ports.Records`."""
        return self.incidents.get(subject)

    async def note(self, subject: str, note_id: str) -> str:
        """See `ports.Records`."""
        return self.notes.get(note_id, "")

    def newest(self, tenant: str, types: Collection[str], most: int) -> Sequence[Told]:
        """See `ports.Past`."""
        return [each for each in self.past if each.tenant == tenant and each.type in types][:most]

    async def happen(self, event_id: str = "e1", kind: str = OPENED, *, actor: str = "bob", **incident: Any) -> None:
        """Something happened to an incident of ann's, a second after what was before."""
        self.clock.advance(seconds=1)
        said = {"id": "inc_1", "number": "INC0000001", "title": "down", "requester_id": "ann", "priority": 2, **incident}
        record = incident_pb.Incident(**said)
        event = getattr(incident_pb, kind.rpartition(".")[2])(incident=record)
        data = orjson.loads(protojson.encode(event))
        self.incidents[f"incidents/{record.id}"] = data["incident"]
        await self.tell(event_id, kind, f"incidents/{record.id}", data, actor)

    async def say(
        self, event_id: str, text: str, *, public: bool = True, actor: str = "bob", names: Sequence[str] = ()
    ) -> None:
        """Something was said about that incident."""
        self.clock.advance(seconds=1)
        self.notes[event_id] = text
        note = incident_pb.Note(id=event_id, about="incidents/inc_1", public=public, author_id=actor, mentioned_ids=names)
        data = orjson.loads(protojson.encode(incident_pb.NoteAdded(note=note)))
        await self.tell(event_id, NOTED, f"notes/{event_id}", data, actor)

    async def tell(self, event_id: str, kind: str, subject: str, data: Mapping[str, Any], actor: str) -> None:
        """An event of the caller's tenant, in the transaction of its batch."""
        async with self.store.transaction():
            await self.notifying.notify(data, self.envelope(event_id, kind, subject, actor))

    def envelope(self, event_id: str, kind: str, subject: str, actor: str) -> Envelope:
        """What an event says of itself."""
        return Envelope(
            id=event_id, type=kind, source="/itsm/x/incident", subject=subject, tenant=ctx.current().tenant, key="k",
            version=1, epoch=1, time=self.clock(), actor=actor, actor_kind="user", correlation_id="", causation_id="", trace="",
        )  # fmt: skip

    async def rows(self, **query: Any) -> list[dict[str, Any]]:
        """Deliveries, the oldest first."""
        found = await self.store.find(DELIVERIES, query, sort=[("create_time", 1)])
        return [dict(row) for row in found]

    async def told(self, **query: Any) -> list[tuple[str, str, str]]:
        """Who was told of which event by which way."""
        return sorted((row["target_id"], row["channel"], row["event_id"]) for row in await self.rows(**query))

    async def shipped(self, name: str) -> str:
        """The id of a rule of the platform."""
        await self.rules.known(self.clock() + timedelta(seconds=1))
        (row,) = await self.store.find("notification_rules", {"shipped": name})
        return str(row["_id"])

    async def deliver(self) -> int:
        """One round of the worker, to its end."""
        begun = await self.worker.begin()
        await self.worker.settle()
        return begun


def person(subject: str, role: str = "agent", tenant: str = "main", *, scope: Mapping[str, Any] | None = None) -> Context:
    """Somebody who is no administrator; `scope` is what the edge bounds him to in a call."""
    who: Any = {"tenant": tenant, "actor": Actor(id=subject), "roles": frozenset({role}), "permissions": ROLES[role]}
    return Context(**who, scope=scope or {})
