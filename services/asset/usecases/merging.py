"""Two assets that a person says are one: what is known of the one that ends moves to the one that stays, in one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from chassis import context as ctx
from chassis.domain import Aggregate
from chassis.errors import Invalid, NotFound
from chassis.store import Delete, Store, Transaction, Update
from services.asset.domain.agent import Agent
from services.asset.domain.asset import Asset
from services.asset.domain.duplicate import Duplicate, DuplicateState
from services.asset.domain.lifecycle import State
from services.asset.domain.relation import Relation
from services.asset.usecases.classes import Classes
from services.asset.usecases.placing import CLAIM, Placing
from services.asset.usecases.reading import INVENTORIES
from services.asset.usecases.relations import CLAIM as RELATION_CLAIM

_Found = TypeVar("_Found", bound=Aggregate)

MOST = 500
"""Relations, and agents, that move in one transaction."""


class Merging:
    """Merges assets of the tenant of the current context."""

    def __init__(self, store: Store, classes: Classes, placing: Placing) -> None:
        self._store, self._classes, self._placing = store, classes, placing

    async def merge(self, id: str, source_id: str, *, reason: str, etag: str = "") -> Asset:  # noqa: A002 - as its field
        """The asset that stays. Again changes nothing.

        Raises `NotFound` for it and `Invalid` for the other where the caller may not see them, `ForbiddenMove` where one of
        them is over, `Stale` for another version.
        """
        catalog, at = await self._classes.catalog(), self._store.clock()
        async with self._store.transaction() as tx:
            target = await self._fresh(tx, Asset, id, etag)
            if target.id == source_id:
                raise Invalid({"source_asset_id": "is the asset itself"})
            try:
                source = await self._fresh(tx, Asset, source_id)
            except NotFound:
                raise Invalid({"source_asset_id": "there is no such asset"}) from None
            if source.state is State.MERGED and source.merged_into_id == target.id:
                tx.save(target)
                return target
            target_keys, source_keys = tuple(target.keys), tuple(source.keys)
            target.absorb(source, catalog, at=at)
            source.merge_into(target.id, reason, at=at)
            # What belongs to an asset moves with it, whether or not the caller may see each of it.
            with ctx.use(replace(ctx.current(), scope={})):
                await self._move_keys(tx, source, source_keys, target, target_keys)
                await self._move_relations(tx, source.id, target.id)
                await self._move_agents(tx, source.id, target.id)
                await self._move_inventory(tx, source.id, target.id)
                await self._settle(tx, source.id, target.id, reason)
            tx.save(source)
            tx.save(target)
        return target

    async def _fresh(self, tx: Transaction, kind: type[Asset], id: str, etag: str = "") -> Asset:  # noqa: A002 - as above
        self._store.recent.pop((ctx.current().tenant, kind, id), None)  # no version tells when it was seen again
        return await tx.get(kind, id, etag=etag)

    async def _move_keys(
        self, tx: Transaction, source: Asset, source_keys: tuple[str, ...], target: Asset, target_keys: tuple[str, ...]
    ) -> None:
        """What the one held the other holds now; what it is newly recognized by is claimed, what it is not goes back."""
        kept = set(target.keys)
        holders = await tx.holders((CLAIM, key) for key in source_keys)
        for (_, key), holder in holders.items():
            if holder == source.id and key in kept:
                tx.point(CLAIM, key, target.id)
        await self._placing.hold(tx, source, [key for key in source_keys if key not in kept])
        await self._placing.hold(tx, target, {*target_keys, *(kept & set(source_keys))})

    async def _move_relations(self, tx: Transaction, before: str, after: str) -> None:
        at = self._store.clock()
        touching = {"$or": [{"provider_id": before}, {"consumer_id": before}], "remove_time": None}
        relations = _few(await tx.find(Relation, touching, limit=MOST + 1), "relations")
        for relation in relations:
            held = relation.claim
            tx.release(RELATION_CLAIM, held)
            if not relation.rebind(before, after) or await tx.holder(RELATION_CLAIM, relation.claim) is not None:
                relation.take_recorded()
                relation.remove(at)
            else:
                tx.claim(RELATION_CLAIM, relation.claim, relation.id)
            tx.save(relation)

    async def _move_agents(self, tx: Transaction, before: str, after: str) -> None:
        for agent in _few(await tx.find(Agent, {"asset_id": before}, limit=MOST + 1), "agents"):
            agent.is_on(after, version="", at=self._store.clock())
            tx.save(agent)

    async def _move_inventory(self, tx: Transaction, before: str, after: str) -> None:
        """Of each section the one that was reported last."""
        tenant = ctx.current().tenant
        kept = await tx.documents(INVENTORIES, [before, after])
        if before not in kept:
            return
        known: Mapping[str, Any] = kept.get(after, {}).get("sections", {})
        news = {
            f"sections.{name}": section
            for name, section in kept[before]["sections"].items()
            if name not in known or known[name]["report_time"] < section["report_time"]
        }
        if news:
            tx.write(Update(INVENTORIES, {"_id": after, "tenant": tenant}, {"$set": news}, strict=False, upsert=True))
        tx.write(Delete(INVENTORIES, {"_id": before, "tenant": tenant}))

    async def _settle(self, tx: Transaction, before: str, after: str, reason: str) -> None:
        """Whether they are one is no question any more."""
        waiting = {"state": DuplicateState.OPEN.value, "$and": [{"asset_ids": before}, {"asset_ids": after}]}
        for duplicate in await tx.find(Duplicate, waiting, limit=MOST):
            duplicate.resolve(f"{before} was merged into {after}: {reason}"[:4_096], at=self._store.clock())
            tx.save(duplicate)


def _few(found: list[_Found], what: str) -> list[_Found]:
    if len(found) > MOST:
        raise Invalid({"source_asset_id": f"has more than {MOST} {what}; merge the other way round, or remove some"})
    return found
