"""Making, regrouping and removing relations, and reading them: one public method per command, one transaction each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.asset.domain.lifecycle import State
from services.asset.domain.relation import Relation
from services.asset.usecases.graphs import ASSETS, RELATIONS
from services.asset.usecases.reading import Asked, Paged

CLAIM = "relation"


class Relations:
    """What people and other services may do with relations. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, *, ids: Ids = new_id) -> None:
        self._store, self._listing, self._ids = store, listing, ids

    async def create(self, fields: Mapping[str, Any]) -> Relation:
        """A new relation. Raises `Invalid` for an asset that the tenant does not have or that was merged into another,
        `AlreadyExists` for a second one of this kind between the same two."""
        relation = Relation.make(id=self._ids("rel"), at=self._store.clock(), **fields)
        await self._check_ends(relation)
        async with self._store.transaction() as tx:
            holder = await tx.holder(CLAIM, relation.claim)
            if holder is not None:
                raise AlreadyExists("relation", holder)
            tx.claim(CLAIM, relation.claim, relation.id)
            tx.add(relation)
        return relation

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Relation:  # noqa: A002 - as its field
        """Puts it into another group. Raises `Invalid` for a field that is fixed once it is made."""
        async with self._store.transaction() as tx:
            relation = _there(await tx.get(Relation, id, etag=etag))
            fixed = [name for name in fields if name != "group" and getattr(relation, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(sorted(fixed), "cannot be changed: remove it and make another"))
            relation.regroup(fields.get("group", relation.group))
            tx.save(relation)
        return relation

    async def remove(self, id: str, *, etag: str = "") -> Relation:  # noqa: A002 - as above
        """Ends it; another one of this kind between the same two may then be made. Raises `NotFound` for a removed one."""
        async with self._store.transaction() as tx:
            relation = _there(await tx.get(Relation, id, etag=etag))
            relation.remove(self._store.clock())
            tx.release(CLAIM, relation.claim)
            tx.save(relation)
        return relation

    async def get(self, id: str) -> Relation:  # noqa: A002 - as above
        """One relation. Raises `NotFound`."""
        return _there(await self._store.get(Relation, id))

    async def page(self, asked: Asked) -> Paged:
        """A page of the relations that match, and the token of the next one."""
        page = self._listing.page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
        query = {"$and": [page.query, {"remove_time": None}]} if page.query else {"remove_time": None}
        return page.cut(await self._store.find(RELATIONS, query, sort=page.sort, limit=page.limit, naive=True))

    async def _check_ends(self, relation: Relation) -> None:
        ends = {"provider_id": relation.provider_id, "consumer_id": relation.consumer_id}
        # The row scope of relations bounds relations; it says nothing about fields of assets.
        with ctx.use(replace(ctx.current(), scope={})):
            query = self._store.scoped({"_id": {"$in": list(ends.values())}})
        shown = {"state": 1, "merged_into_id": 1}
        there = {row["_id"]: row for row in await self._store.backend.find(ASSETS, query, projection=shown)}
        if wrong := [name for name, end in ends.items() if end not in there]:
            raise Invalid(dict.fromkeys(wrong, "there is no such asset"))
        # Relations of a merged asset have moved to the one that it is: a new one here would be a second landscape.
        merged = {name: there[end]["merged_into_id"] for name, end in ends.items() if there[end]["state"] == State.MERGED.value}
        if merged:
            raise Invalid({name: f"was merged into {successor}: relate that one" for name, successor in merged.items()})


def _there(relation: Relation) -> Relation:
    if relation.remove_time is not None:
        raise NotFound("relation", relation.id)
    return relation
