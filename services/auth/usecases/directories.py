"""Directories: making them known, changing and trying them, and asking for runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound
from chassis.listing import Listing
from chassis.sealing import Sealing
from chassis.store import Delete, Store, Transaction, Update
from services.auth.domain.directory import Directory, DirectoryRun, RunState
from services.auth.domain.entries import Answer
from services.auth.ports import Ldap
from services.auth.usecases.people import People
from services.auth.usecases.reading import Asked, Document, Paged
from services.auth.usecases.syncing import DUE, RUNS, SCHEDULES, SECRETS, Syncing

DIRECTORIES = "directories"
MOST = 20
"""How many directories a tenant may have."""
_THERE: Mapping[str, Any] = {"delete_time": None}


class Directories:
    """What callers may do with directories. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self,
        store: Store,
        ldap: Ldap,
        sealing: Sealing,
        syncing: Syncing,
        people: People,
        listings: Mapping[str, Listing],
        *,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._ldap, self._sealing, self._syncing = store, ldap, sealing, syncing
        self._people, self._listings, self._ids = people, listings, ids

    async def create(self, fields: Mapping[str, Any], password: str) -> Directory:
        """A new one. Raises `Invalid`; `Denied` for a role that is not the caller's to give."""
        if await self._store.count(DIRECTORIES, _THERE, limit=MOST) >= MOST:
            raise Invalid({"": f"there may be {MOST} directories at most"})
        at, by = self._store.clock(), ctx.current().actor.id
        directory = Directory.made(id=self._ids("dir"), at=at, by=by, password_set=bool(password), **fields)
        await self._judge(directory)
        async with self._store.transaction() as tx:
            tx.add(directory)
            self._keep_password(tx, directory.id, password or None)
            self._schedule(tx, directory, at)
        return directory

    async def update(self, id: str, fields: Mapping[str, Any], password: str | None, *, etag: str = "") -> Directory:  # noqa: A002 - as its field
        """Changes named fields, and the password where one is given. Raises as `create`."""
        async with self._store.transaction() as tx:
            directory = await self._loaded(tx, id, etag)
            before = directory.interval
            by = ctx.current().actor.id
            directory.edit(self._store.clock(), by=by, password=None if password is None else bool(password), **fields)
            await self._judge(directory)
            tx.save(directory)
            if password is not None:
                self._keep_password(tx, id, password or None)
            if directory.interval != before:
                self._schedule(tx, directory, self._store.clock())
        return directory

    async def delete(self, id: str, *, etag: str = "") -> Directory:  # noqa: A002 - as above
        """It is gone, and soon after the roles that it gave. Raises `ForbiddenMove` for the last administrator's."""
        async with self._store.transaction() as tx:
            directory = await self._loaded(tx, id, etag)
            if await self._syncing.needed(id):
                raise ForbiddenMove("LAST_ADMIN", "delete", "the last administrator of the tenant is one by this directory")
            directory.delete(self._store.clock())
            tx.save(directory)
            self._keep_password(tx, id, None)
            self._schedule(tx, directory, self._store.clock())
        return directory

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One, to become a message. Raises `NotFound`."""
        document = await self._store.document(Directory, id, naive=True)
        if document.get("delete_time") is not None:
            raise NotFound("directory", id)
        return document

    async def page(self, asked: Asked) -> Paged:
        """A page of those that match."""
        return await self._page(DIRECTORIES, asked, _THERE)

    async def test(self, id: str) -> Answer:  # noqa: A002 - as above
        """Reads it and says what was seen."""
        directory = await self._there(id)
        return await self._syncing.read(directory)

    async def sync(self, id: str, *, allow: bool) -> DirectoryRun:  # noqa: A002 - as above
        """Has it read in the background; in a dry run, what that would do. One that waits already is not doubled."""
        directory = await self._there(id)
        if ctx.current().dry_run:
            return await self._syncing.preview(directory, allow=allow)
        at, by = self._store.clock(), ctx.current().actor.id
        async with self._store.transaction() as tx:
            query = {"directory_id": id, "state": RunState.PENDING.value, "allow": allow}
            for waiting in await tx.find(DirectoryRun, query, limit=1):
                tx.save(waiting)
                return waiting
            run = DirectoryRun.asked(id=self._ids("drn"), directory_id=id, by=by, allow=allow, at=at)
            tx.add(run)
            self._due(tx, id, at)
        return run

    async def runs(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of its runs."""
        await self._there(id)
        return await self._page(RUNS, asked, {"directory_id": id})

    async def run(self, id: str, run_id: str) -> Document:  # noqa: A002 - as above
        """One of its runs. Raises `NotFound`."""
        await self._there(id)
        found = await self._store.find(RUNS, {"_id": run_id, "directory_id": id}, limit=1, naive=True)
        if not found:
            raise NotFound("directoryRun", run_id)
        return found[0]

    async def _page(self, collection: str, asked: Asked, among: Mapping[str, Any]) -> Paged:
        page = self._listings[collection].page(
            ctx.current().tenant, asked.filter_text, asked.order_by, asked.page_size, asked.page_token
        )
        query = {"$and": [page.query, dict(among)]}
        return page.cut(await self._store.find(collection, query, sort=page.sort, limit=page.limit, naive=True))

    async def _there(self, id: str) -> Directory:  # noqa: A002 - as above
        directory = await self._store.get(Directory, id)
        if directory.delete_time is not None:
            raise NotFound("directory", id)
        return directory

    async def _loaded(self, tx: Transaction, id: str, etag: str) -> Directory:  # noqa: A002 - as above
        directory = await tx.get(Directory, id, etag=etag)
        if directory.delete_time is not None:
            raise NotFound("directory", id)
        return directory

    async def _judge(self, directory: Directory) -> None:
        self._ldap.check(directory)
        roles = {each.role for each in directory.groups if each.role}
        if strange := roles - await self._people.holdable():
            raise Invalid({"groups": f"there is no role {', '.join(sorted(strange))} that people can hold"})
        if beyond := roles - await self._people.giveable(ctx.current().roles, ctx.current().permissions):
            raise Denied("roles.grant", f"the role {', '.join(sorted(beyond))} is not yours to give")

    def _keep_password(self, tx: Transaction, id: str, password: str | None) -> None:  # noqa: A002 - as above
        tenant = ctx.current().tenant
        query = {"_id": id, "tenant": tenant}
        if password is None:
            tx.write(Delete(SECRETS, query))
            return
        sealed = self._sealing.seal(password, f"{tenant}|{id}")
        tx.write(Update(SECRETS, query, {"$set": {"sealed": sealed}}, strict=False, upsert=True))

    def _schedule(self, tx: Transaction, directory: Directory, at: datetime) -> None:
        """Its next turn; of one that is gone a last one, which ends what waits for it and takes back what it gave."""
        regular = at + directory.interval if directory.interval is not None else None
        self._due(tx, directory.id, regular if directory.delete_time is None else at)

    @staticmethod
    def _due(tx: Transaction, id: str, at: datetime | None) -> None:  # noqa: A002 - as above
        query = {"_id": id, "tenant": ctx.current().tenant}
        tx.write(Update(SCHEDULES, query, {"$set": {DUE: at}}, strict=False, upsert=True))
