"""What all things that people set up have in common: they are made, found, listed, changed and shared until they are gone.

What is shared is seen by its owner, by the team that it is shared with, or by everybody. It is changed by its owner, and by
whoever may publish things of its kind.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Generic, TypeVar

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Denied, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store, Transaction
from chassis.teams import Teams
from services.incident.domain.kept import Shared, Sharing, Unnamed
from services.incident.usecases.acting import act
from services.incident.usecases.reading import Asked, Document, Paged

K = TypeVar("K", bound=Unnamed)
S = TypeVar("S", bound=Shared)
_THERE: Mapping[str, Any] = {"delete_time": None}
MOST, MOST_OWN = 1_000, 100
REMOVED_KEPT = timedelta(days=30)
"""For how long what was removed can still be looked up by whoever repairs something."""


class Cupboard(Generic[K]):
    """Things of one kind. `claim` names what a thing alone may have, such as a reason; empty for nothing.

    There may be `most`; 0 for any number.
    """

    def __init__(
        self,
        store: Store,
        kind: type[K],
        listing: Listing,
        prefix: str,
        *,
        claim: Callable[[K], str] = lambda _: "",
        most: int = MOST,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._kind, self._listing, self._ids = store, kind, listing, ids
        self._prefix, self._claim, self._most = prefix, claim, most
        self._of = store.kinds[kind]

    async def create(self, fields: Mapping[str, Any]) -> K:
        """A new one. Raises `Invalid`; also for a second one of what there may be one of."""
        counted = {**_THERE, **self._counted()}
        if self._most and await self._store.count(self._of.collection, counted, limit=self._most) >= self._most:
            raise Invalid({"": f"there may be {self._most} at most"})
        async with self._store.transaction() as tx:
            made = self._kind.made(act(self._store), id=self._ids(self._prefix), **fields)
            if key := self._claim(made):
                if await tx.holder(self._of.collection, key) is not None:
                    raise Invalid({"": "there is one for this already"})
                tx.claim(self._of.collection, key, made.id)
            tx.add(made)
        return made

    async def get(self, id: str) -> Document:  # noqa: A002 - as its field
        """One, to become a message. Raises `NotFound`."""
        document = await self._store.document(self._kind, id)
        if document.get("delete_time") is not None or not await self._seen(document):
            raise NotFound(self._kind.__name__.lower(), id)
        return document

    async def there(self, id: str) -> K:  # noqa: A002 - as above
        """The same as what it is."""
        document = await self.get(id)
        return await self._store.get(self._kind, document["_id"])

    async def page(self, asked: Asked) -> Paged:
        """A page of those that match and that the caller sees."""
        page = self._listing.page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
        query = {"$and": [page.query, {**_THERE, **await self._among()}]}
        rows = await self._store.find(self._of.collection, query, sort=page.sort, limit=page.limit, naive=True)
        return page.cut(rows)

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> K:  # noqa: A002 - as above
        """Changes named fields."""
        async with self.changing(id, etag) as (found, _):
            found.edit(act(self._store), **fields)
        return found

    async def delete(self, id: str, *, etag: str = "") -> K:  # noqa: A002 - as above
        """It is gone."""
        async with self.changing(id, etag) as (found, tx):
            found.delete(act(self._store))
            if key := self._claim(found):
                tx.release(self._of.collection, key)
        return found

    @asynccontextmanager
    async def changing(self, id: str, etag: str = "") -> AsyncIterator[tuple[K, Transaction]]:  # noqa: A002 - as above
        """One that is saved after the block. Raises `NotFound`, `Denied` for what is somebody else's, `Stale`."""
        document = await self.get(id)
        self._require_own(document)
        async with self._store.transaction() as tx:
            found = await tx.get(self._kind, document["_id"], etag=etag)
            if found.delete_time is not None:
                raise NotFound(self._kind.__name__.lower(), id)
            yield found, tx
            tx.save(found)

    def _counted(self) -> Mapping[str, Any]:
        return {}

    async def _seen(self, document: Document) -> bool:  # noqa: ARG002 - for what is shared
        return True

    async def _among(self) -> Mapping[str, Any]:
        return {}

    def _require_own(self, document: Document) -> None:
        """For what is shared."""


class SharedCupboard(Cupboard[S]):
    """Things that have an owner, and others who see them. Everybody may have so many of his own: nobody takes others' room."""

    def __init__(self, store: Store, kind: type[S], listing: Listing, prefix: str, teams: Teams, *, ids: Ids = new_id) -> None:
        super().__init__(store, kind, listing, prefix, most=MOST_OWN, ids=ids)
        self._teams = teams

    async def create(self, fields: Mapping[str, Any]) -> S:
        """A new one of the caller's, which nobody else sees yet."""
        return await super().create({**fields, "owner_id": ctx.current().actor.id})

    async def share(self, id: str, team_id: str, *, etag: str = "") -> S:  # noqa: A002 - as its field
        """A team of the caller's sees it, or nobody any more. Raises `Invalid` for a team that he is not in."""
        if team_id and team_id not in await self._teams.of_caller():
            raise Invalid({"team_id": "is no team of yours"})
        async with self.changing(id, etag) as (found, _):
            found.share(act(self._store), Sharing.TEAM if team_id else Sharing.PRIVATE, team_id)
        return found

    async def publish(self, id: str, *, etag: str = "") -> S:  # noqa: A002 - as above
        """Everybody sees it."""
        async with self.changing(id, etag) as (found, _):
            found.share(act(self._store), Sharing.EVERYBODY)
        return found

    def _counted(self) -> Mapping[str, Any]:
        return {"owner_id": ctx.current().actor.id}

    async def _seen(self, document: Document) -> bool:
        match document["sharing"]:
            case Sharing.EVERYBODY:
                return True
            case Sharing.TEAM if document["team_id"] in await self._teams.of_caller():
                return True
        return bool(document["owner_id"] == ctx.current().actor.id)

    async def _among(self) -> Mapping[str, Any]:
        teams = {"sharing": Sharing.TEAM.value, "team_id": {"$in": sorted(await self._teams.of_caller())}}
        return {"$or": [{"sharing": Sharing.EVERYBODY.value}, {"owner_id": ctx.current().actor.id}, teams]}

    def _require_own(self, document: Document) -> None:
        caller, publish = ctx.current(), f"{self._of.plural}.publish"
        if document["owner_id"] != caller.actor.id and publish not in caller.permissions:
            raise Denied(publish, "it is somebody else's")
