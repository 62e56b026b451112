"""What comes in: each connection asks its system in turn what changed since it last knew all of it.

It asks for a little more than that, because their searches follow late, and passes over what it knows by version. The time
until which everything is known moves on only when all of it was taken over: whoever dies in between asks for it again.
While records change, pages of a search move; so after more than one page it looks again until nothing is news.

Fails: never. What cannot be reached is asked later and later; the connection says why.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from chassis.errors import DeadlinePassed, NotFound, Unavailable
from chassis.store import Store, Update
from chassis.store.backend import Document
from services.gateway.domain.connection import Connection
from services.gateway.sync.engine import Engine
from services.gateway.sync.health import Doing
from services.gateway.sync.links import Links
from services.gateway.sync.places import CONNECTIONS, DUE_FIELD, POLLS
from services.gateway.sync.ports import Refused, Theirs, Trouble
from services.gateway.sync.reach import Reaching

_log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=3)
SOON = timedelta(seconds=5)
WORK_SECONDS = 120.0
"""How long one poll may take: what it took over is known by then, and the next one goes on with the rest."""
_LONGEST_PAUSE = timedelta(minutes=15)
_PASSES = 5
_STUCK_AT_ONCE = 100


class Polling:
    """Polls of connections of the current tenant."""

    def __init__(self, store: Store, engine: Engine, links: Links, reaching: Reaching, doing: Doing) -> None:
        self._store, self._engine, self._links, self._reaching, self._doing = store, engine, links, reaching, doing

    async def due(self, tenant: str, id: str) -> None:  # noqa: A002, ARG002 - as a due worker calls it
        """One poll, of a connection whose time has come."""
        (poll,) = await self._store.find(POLLS, {"_id": id}, limit=1)
        try:
            connection = await self._store.get(Connection, id)
        except NotFound:
            await self._keep(poll, {DUE_FIELD: None})
            return
        asked = bool(poll["again"]) and connection.direction.goes_out
        if connection.delete_time is not None or not connection.enabled or not (connection.direction.comes_in or asked):
            await self._keep(poll, {DUE_FIELD: None, "again": False})
            return
        began = self._store.clock()
        try:
            async with asyncio.timeout(WORK_SECONDS):
                refused = await self._poll(connection, await self._reaching.to(connection), poll, began)
        except (Trouble, Refused) as trouble:
            failures = poll["failures"] + 1
            wish = (trouble.after if isinstance(trouble, Trouble) else None) or timedelta(0)
            pause = max(min(connection.poll_interval * (1 << min(failures - 1, 10)), _LONGEST_PAUSE), wish)
            await self._keep(poll, {DUE_FIELD: self._store.clock() + pause, "failures": failures, "last_poll_time": began})
            await self._doing.failed(connection, str(trouble))
            return
        except (
            Unavailable,
            DeadlinePassed,
            TimeoutError,
        ):  # somebody is at a ticket, a service of ours restarts, or it is much
            await self._keep(poll, {DUE_FIELD: self._store.clock() + SOON, "last_poll_time": began})
            return
        due = self._store.clock() + connection.poll_interval if connection.direction.comes_in else None
        await self._keep(poll, {DUE_FIELD: due, "failures": 0, "again": False, "cursor": began, "last_poll_time": began})
        at = self._store.scoped({"_id": id})
        await self._store.backend.update_many(CONNECTIONS, at, {"$set": {"last_sync_time": began}})
        if refused:
            await self._doing.failed(connection, refused)
        else:
            await self._doing.worked(connection)

    async def _poll(self, connection: Connection, theirs: Theirs, poll: Document, began: datetime) -> str:
        """Takes over what changed; says what could not become an incident, now or before."""
        if poll["again"]:
            await self._retry(connection, theirs)
        if not connection.direction.comes_in:
            return await self._links.unopened(connection.id)
        refused = ""
        for _ in range(_PASSES):
            pages, news, page = 0, 0, ""
            while True:
                tickets, page = await theirs.changed(began - poll["cursor"] + OVERLAP, page)
                known = await self._links.find(connection.id, [ticket.id for ticket in tickets])
                for ticket in tickets:
                    try:
                        news += await self._engine.take(connection, theirs, ticket, known.get(ticket.id))
                    except Refused as no:
                        refused = f"{ticket.key}: {no}"
                        _log.warning("A ticket was not taken over.", extra={"record": connection.id, "why": refused})
                pages += 1
                if not page:
                    break
            if pages == 1 or not news:
                break
        return refused or await self._links.unopened(connection.id)

    async def _retry(self, connection: Connection, theirs: Theirs) -> None:
        for row in await self._links.stuck(connection.id, _STUCK_AT_ONCE):
            try:
                if not row["record"] and not connection.direction.comes_in:
                    await self._links.unbegun(connection.id, row["remote_id"])
                elif not row["remote_id"]:
                    await self._engine.out(connection, theirs, row["record"].partition("/")[2], wanted=True)
                elif (ticket := await theirs.read(row["remote_id"])) is not None:
                    await self._engine.take(connection, theirs, ticket, row, again=True)
                elif not row["record"]:
                    await self._links.unbegun(connection.id, row["remote_id"])
            except Refused as no:  # as before; the pair says why
                _log.info("A pair is still not in step.", extra={"record": row["_id"], "why": str(no)})

    async def _keep(self, poll: Document, values: Document) -> None:
        """As long as nobody asked for another one meanwhile: then that is due."""
        query = {"_id": poll["_id"], "tenant": poll["tenant"]}
        due = {DUE_FIELD: values.pop(DUE_FIELD)}
        again = values.pop("again", None)
        if values:
            await self._store.backend.write([Update(POLLS, query, {"$set": values}, strict=False)])
        query |= {DUE_FIELD: poll[DUE_FIELD]}
        said = due | ({} if again is None else {"again": again})
        await self._store.backend.update_many(POLLS, query, {"$set": said})
