"""Connections: making, changing and finding them, asking for a look or a poll, and what is in step by them."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, Unauthenticated
from chassis.listing import Listing
from chassis.outbound import Policy
from chassis.store import Delete, Insert, Store, Update
from services.gateway.domain.connection import Connection
from services.gateway.domain.delivery import Channel
from services.gateway.ports import Catalog
from services.gateway.sync.places import CONNECTIONS, DUE_FIELD, LINKS, PATTERN, POLLS, SECRETS, first_poll
from services.gateway.sync.ports import Pairs, Reach, Refused, Trouble
from services.gateway.usecases.log import Log
from services.gateway.usecases.reading import Asked, Document, Paged, page_of
from services.gateway.usecases.shelf import Shelf

MOST = 20
"""How many connections a tenant may have: each event is held against all of them."""
SECRET_LENGTH = 4_000
HINTS_APART = timedelta(seconds=5)
"""Polls that hints bring about are at least so far from the poll before."""

Finding = tuple[bool, str]


class Connections:
    """What callers may do with connections. `etag` is the version that the caller decided on, or empty.

    `policy` judges addresses, `catalog` filters; keys for hints follow from `master`.
    """

    def __init__(
        self,
        store: Store,
        log: Log,
        links: Pairs,
        reaching: Reach,
        listings: tuple[Listing, Listing],
        *,
        policy: Policy,
        catalog: Catalog,
        master: bytes,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._log, self._links, self._reaching = store, log, links, reaching
        listing, self._link_listing = listings
        self._shelf = Shelf(store, Connection, listing, "connection")
        self._policy, self._catalog, self._master, self._ids = policy, catalog, master, ids

    async def create(self, fields: Mapping[str, Any], secret: str) -> Connection:
        """A new one. Raises `Invalid`, also for an address that is never reached."""
        await self._shelf.require_room(MOST)
        connection = Connection.made(id=self._ids("cnx"), at=self._store.clock(), **fields)
        self._judge(connection)
        async with self._store.transaction() as tx:
            tx.add(connection)
            tx.write(self._reaching.kept(connection.id, _secret(secret)))
            tx.write(Insert(POLLS, first_poll(connection, ctx.current().tenant)))
        return connection

    async def update(self, id: str, fields: Mapping[str, Any], secret: str | None, *, etag: str = "") -> Connection:  # noqa: A002 - as its field
        """Changes named fields, and the secret where one is given. Raises `Invalid`."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as connection:
            connection.edit(self._store.clock(), with_secret=secret is not None, **fields)
            self._judge(connection)
            if secret is not None:
                tx.write(self._reaching.kept(id, _secret(secret)))
            due = self._store.clock() if connection.enabled and connection.direction.comes_in else None
            tx.write(Update(POLLS, self._poll_of(id), {"$set": {DUE_FIELD: due, "failures": 0}}, strict=False))
        return connection

    async def rotate(self, id: str, *, etag: str = "") -> tuple[Connection, str]:  # noqa: A002 - as above
        """Another key for hints from now on; empty in a dry run."""
        async with self._shelf.changing(id, etag) as connection:
            connection.rotate(self._store.clock())
        return connection, "" if ctx.current().dry_run else self._key(id, connection.key_version)

    async def delete(self, id: str, *, etag: str = "") -> Connection:  # noqa: A002 - as above
        """It is gone, and its secret with it."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as connection:
            connection.delete(self._store.clock())
            tx.write(Delete(SECRETS, self._poll_of(id)))
            tx.write(Delete(POLLS, self._poll_of(id)))
        if not ctx.current().dry_run:
            await self._links.forget(id)
        return connection

    async def test(self, id: str) -> list[Finding]:  # noqa: A002 - as above
        """Looks whether all that is needed is there. Raises `Invalid` in a dry run."""
        connection, found = await self._shelf.there(id), list[Finding]()
        ctx.refuse_dry_run()
        try:
            async for text in (await self._reaching.to(connection)).look():
                found.append((True, text))
        except (Refused, Trouble) as hindrance:
            found.append((False, str(hindrance)))
        return found

    async def sync(self, id: str) -> Document:  # noqa: A002 - as above
        """Has it polled at once, and what was refused tried again. Raises `Invalid` in a dry run."""
        connection = await self._shelf.there(id)
        ctx.refuse_dry_run()
        if not connection.enabled:
            raise Invalid({"enabled": "nothing goes by this connection while it is off"})
        now = self._store.clock()
        await self._store.backend.update_many(POLLS, self._poll_of(id), {"$set": {DUE_FIELD: now, "again": True}})
        return await self.get(id)

    async def hint(self, id: str, key: str) -> None:  # noqa: A002 - as above
        """Somebody there says that something changed. Raises `Unauthenticated` for anything but the key of this connection."""
        head, _, _ = key.rpartition(".")
        tenant, _, version = head.rpartition(".")
        refusal = Unauthenticated("this is not the key of this connection")
        if not version.isascii() or not version.isdigit() or len(version) > 9:
            raise refusal
        if not hmac.compare_digest(self._key(id, int(version), tenant).encode(), key.encode()):
            raise refusal
        with ctx.use(Context(tenant=tenant, actor=Actor(id=id, kind="system"))):
            found = await self._store.find(CONNECTIONS, {"_id": id, "delete_time": None}, limit=1)
            if not found or found[0]["key_version"] != int(version):
                raise refusal
            now = self._store.clock()
            (poll,) = await self._store.find(POLLS, {"_id": id}, limit=1)
            before = poll.get("last_poll_time")
            due = max(now, before + HINTS_APART) if before else now
            # Where it is off it stays off, and what is due sooner stays so.
            query = {**self._poll_of(id), DUE_FIELD: {"$gt": due}}
            await self._store.backend.update_many(POLLS, query, {"$set": {DUE_FIELD: due}})

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One connection, to become a message. Raises `NotFound`."""
        return await self._shelf.get(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the connections that match."""
        return await self._shelf.page(asked)

    async def links(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what is kept in step by a connection."""
        await self._shelf.there(id)
        return await page_of(self._store, LINKS, self._link_listing, asked, among={"connection_id": id})

    async def deliveries(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what was to go out."""
        return await self._log.page(Channel.SYNC, (await self._shelf.there(id)).id, asked)

    def _judge(self, connection: Connection) -> None:
        self._policy.check(connection.url)
        self._catalog.check([PATTERN], connection.filter)

    def _poll_of(self, id: str) -> dict[str, Any]:  # noqa: A002 - as above
        return {"_id": id, "tenant": ctx.current().tenant}

    def _key(self, id: str, version: int, tenant: str = "") -> str:  # noqa: A002 - as above
        tenant = tenant or ctx.current().tenant
        about = "\x00".join(("connection", tenant, id, str(version)))
        return f"{tenant}.{version}.{hmac.new(self._master, about.encode(), hashlib.sha256).hexdigest()}"


def _secret(given: str) -> str:
    if not 0 < len(given) <= SECRET_LENGTH or not given.isprintable():
        raise Invalid({"secret": f"needs 1 to {SECRET_LENGTH} printable characters"})
    return given
