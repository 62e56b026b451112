"""What goes out: events of incidents become deliveries of the connections that they are for, and deliveries bring the two
sides into step. A delivery says which incident, never what of it: what is sent is what is so when its turn comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Clock
from chassis.errors import NotFound
from chassis.events.wire import Envelope
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.deliveries.worker import Outcome
from services.gateway.domain.connection import Connection
from services.gateway.domain.delivery import Channel
from services.gateway.ports import Catalog
from services.gateway.sync.engine import Engine
from services.gateway.sync.health import Doing
from services.gateway.sync.links import Links
from services.gateway.sync.places import CONNECTIONS, OF_INCIDENTS
from services.gateway.sync.ports import Refused, Trouble
from services.gateway.sync.reach import Reaching
from services.gateway.usecases.log import Log
from services.gateway.usecases.telling import told

NOTED = "itsm.incident.v1.NoteAdded"
_HISTORY = "itsm.incident.v1.IncidentImported"


def concerns(event_type: str) -> bool:
    """Whether such an event may be news to another system. Imports tell what happened long ago."""
    return event_type == NOTED or (event_type.startswith(OF_INCIDENTS) and event_type != _HISTORY)


class Relaying:
    """Writes deliveries for events, in the transaction of their batch."""

    def __init__(self, store: Store, log: Log, catalog: Catalog, links: Links) -> None:
        self._store, self._log, self._catalog, self._links = store, log, catalog, links
        self._clock: Clock = store.clock
        self._known: dict[str, tuple[datetime, list[Connection]]] = {}

    async def tell(self, data: Mapping[str, Any], envelope: Envelope) -> None:
        """An event of the current tenant."""
        connections = await self._connections(envelope.time)
        if not connections:
            return
        event = told(data, envelope)
        subject = str(data.get("note", {}).get("about", "")) if envelope.type == NOTED else event.subject
        record_id = subject.partition("/")[2]
        for connection in connections:
            if envelope.time < connection.create_time or not connection.direction.goes_out:
                continue
            fits = envelope.type != NOTED and self._catalog.fits(connection.filter, event)
            if not record_id or not (fits or await self._links.exists(connection.id, record_id)):
                continue
            async with self._store.transaction() as tx:
                self._log.add(
                    tx,
                    Channel.SYNC,
                    connection.id,
                    event_id=event.id,
                    event_type=event.type,
                    subject=subject,
                    content={"fits": fits},
                )

    async def _connections(self, at: datetime) -> list[Connection]:
        """Those of the current tenant, as they were after `at`."""
        tenant = ctx.current().tenant
        known = self._known.get(tenant)
        if known is None or known[0] <= at:
            now = self._clock()
            rows = await self._store.find(CONNECTIONS, {"enabled": True, "delete_time": None})
            known = self._known[tenant] = (now, [from_document(row, Connection) for row in rows])
        return known[1]


class SyncSender:
    """See `services.gateway.deliveries.worker.Sender`."""

    def __init__(self, store: Store, engine: Engine, reaching: Reaching, doing: Doing) -> None:
        self._store, self._engine, self._reaching, self._doing = store, engine, reaching, doing

    async def send(self, delivery: Document) -> Outcome:
        """See `Sender`."""
        try:
            connection = await self._store.get(Connection, delivery["target_id"])
        except NotFound:
            return _over("the connection was removed")
        if connection.delete_time is not None:
            return _over("the connection was removed")
        if not connection.enabled or not connection.direction.goes_out:
            return _over("nothing goes out by this connection any more")
        record_id = delivery["subject"].partition("/")[2]
        try:
            theirs = await self._reaching.to(connection)
            await self._engine.out(connection, theirs, record_id, wanted=delivery["content"]["fits"])
        except Refused as no:
            return Outcome(False, str(no))
        except Trouble as trouble:
            await self._doing.failed(connection, str(trouble))
            return Outcome(False, str(trouble), trouble.status, after=trouble.after, pause=True)
        await self._doing.worked(connection)
        return Outcome(True)

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """See `Sender`. How the connection does is known before, and is not counted by deliveries."""


def _over(why: str) -> Outcome:
    return Outcome(False, why, retry=False)
