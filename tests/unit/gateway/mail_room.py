"""Mail in memory: a desk that keeps incidents as the service does, mailboxes, and the clerk who works what came in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.due import DueWorker
from chassis.errors import Denied, Invalid, Unavailable
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.roles import ROLES
from services.gateway import kept_mail
from services.gateway import store as kept
from services.gateway.domain.delivery import Channel
from services.gateway.domain.mailbox import Mailbox
from services.gateway.mail.addresses import Address
from services.gateway.mail.clerk import Clerk
from services.gateway.mail.composing import Identity
from services.gateway.mail.conversations import Threads
from services.gateway.mail.desk import Somebody
from services.gateway.mail.grants import Grants
from services.gateway.mail.roots import Roots
from services.gateway.usecases.log import Log
from services.gateway.usecases.mailboxes import Mailboxes
from services.gateway.usecases.postbox import DUE_FIELD, MAILS, Postbox
from services.gateway.usecases.reading import Asked, Document

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = b"a key for tests that is long enough"
OWN = Address.of("itsm@example.org")
GRANTS = Grants.of("main=example.org;other=other.example, desk@shared.example", OWN)


@dataclass
class Room:
    """`desk.Desk` over a dictionary, with the rules of the incident service that mail depends on: who sees what, who may say
    something, one answer for one key, and that the reporter's own answer takes work up again."""

    people: dict[str, Somebody] = field(default_factory=dict)
    incidents: dict[str, pb.Incident] = field(default_factory=dict)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    """By which incidents were opened."""
    files: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    away: bool = False
    broken: bool = False
    """What follows an incident or a note fails."""

    async def somebody(self, address: Address) -> Somebody | None:
        self._reached()
        return self.people.get(address.key)

    async def token(self, person: Somebody) -> str:
        self._reached()
        return person.id

    async def incident(self, id: str, token: str) -> pb.Incident | None:  # noqa: A002 - as its field
        self._reached()
        found = next((each for each in self.incidents.values() if id in (each.id, each.number)), None)
        sees_all = not token or any(role != "requester" for role in self._roles(token))
        return found if found is not None and (sees_all or found.requester_id == token) else None

    async def open(self, incident: pb.Incident, token: str, key: str) -> pb.Incident:
        self._permit(token, "incidents.create")
        if key not in self.keys:
            number = len(self.incidents) + 1
            incident.id, incident.number, incident.state = f"inc_{number}", f"INC{number:07}", pb.Incident.NEW
            self.incidents[incident.id] = incident
            self.tokens.append(token)
            self.keys[key] = incident.id
        return self.incidents[self.keys[key]]

    async def say(self, id: str, text: str, token: str, key: str) -> None:  # noqa: A002 - as above
        self._permit(token, "incidents.note")
        if key in self.keys:
            return
        self.keys[key] = id
        self.notes.append((id, token or "itsm-gateway", text))
        incident = self.incidents[id]
        if incident.hold_reason == pb.Incident.CALLER and token == incident.requester_id:
            await self.resume(id)

    async def attach(self, id: str, name: str, content: bytes, token: str, key: str) -> None:  # noqa: A002 - as above
        self._permit(token, "attachments.create")
        if name.endswith(".exe"):
            raise Invalid({"file_name": "files with the extension .exe are not taken"})
        if key not in self.keys:
            self.keys[key] = id
            self.files.append((id, token or "itsm-gateway", name, content))

    async def resume(self, id: str) -> None:  # noqa: A002 - as above
        self._reached(self.broken)
        self.incidents[id].state, self.incidents[id].hold_reason = pb.Incident.IN_PROGRESS, 0

    async def assign(self, id: str, team_id: str, key: str) -> None:  # noqa: A002 - as above
        self._reached(self.broken)
        self.incidents[id].team_id = team_id

    def _roles(self, token: str) -> list[str]:
        return [role for person in self.people.values() if person.id == token for role in person.roles]

    def _permit(self, token: str, permission: str) -> None:
        self._reached()
        if token and not any(permission in ROLES[role] for role in self._roles(token)):
            raise Denied(permission)

    def _reached(self, broken: bool = False) -> None:
        if self.away or broken:
            raise Unavailable("nobody is there")


class MailRoom:
    """The whole way from a message to an incident."""

    def __init__(self) -> None:
        self.clock, self.backend, self.desk = FakeClock(NOON), MemoryBackend(), Room()
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES)
        self.mailboxes = Mailboxes(self.store, kept_mail.mailbox_listing(KEY, self.clock), GRANTS)
        listing = kept_mail.mail_listing(KEY, self.clock)
        self.postbox = Postbox(self.store, self.mailboxes.shelf, listing, GRANTS, largest=256 * 1024)
        self.roots = Roots(KEY, "example.org")
        said = {"domain": "example.org", "own": OWN, "authserv_ids": {"mx.example.org"}}
        self.clerk = Clerk(self.store, self.postbox, self.desk, roots=self.roots, **said)
        self.worker = DueWorker(self.store, "gateway", MAILS, DUE_FIELD, self.clerk.work, Metrics())
        self.threads = Threads(self.store, self.postbox, Identity(OWN, "ITSM"), self.roots, GRANTS)
        self.log = Log(self.store, kept.delivery_listing(KEY, self.clock))
        self.desk.people = {
            "ann@demo.example": Somebody("usr_ann", ("requester",)),
            "bob@demo.example": Somebody("usr_bob", ("requester",)),
            "amy@demo.example": Somebody("usr_amy", ("agent",)),
            "vic@demo.example": Somebody("usr_vic", ("viewer",)),
        }

    async def mailbox(self, address: str = "desk@example.org", **fields: object) -> Mailbox:
        """A mailbox."""
        return await self.mailboxes.create({"address": address, **fields})

    async def come(self, mailbox: Mailbox, raw: bytes) -> Document:
        """A message comes and is worked; says what became of it."""
        key = await self.postbox.keep(mailbox.id, raw)
        await self.worker.round()
        return await self.postbox.get(mailbox.id, key)

    async def told(self, record: str, target: str, event: str = "e1") -> str:
        """Mail about a record went to somebody; says its delivery."""
        async with self.store.transaction() as tx:
            content = {"to": "x@demo.example", "subject": "s", "text": "t", "thread": record}
            key = self.log.add(tx, Channel.MAIL, target, event_id=event, event_type="x", subject=record, content=content)
        update = {"$set": {"state": "DELIVERED", DUE_FIELD: None}}
        await self.backend.update_many("deliveries", self.store.scoped({"_id": key}), update)
        return key

    async def mails(self, mailbox: Mailbox) -> list[Document]:
        """All that came to a mailbox."""
        return list((await self.postbox.page(mailbox.id, Asked()))[0])


def boss(tenant: str = "main") -> Context:
    """An administrator."""
    return Context(tenant=tenant, actor=Actor(id="boss"), roles=frozenset({"admin"}), permissions=ROLES["admin"])


def within(tenant: str = "main") -> object:
    """As an administrator of a tenant."""
    return ctx.use(boss(tenant))
