"""The catalog: items made, offered and read, and whether an answered form would do.

Who may see an item is a part of every question that is asked of the store; who makes the catalog sees all of it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Denied
from chassis.store import Store
from chassis.teams import Teams
from services.incident.domain.catalog import CatalogItem, ItemState, Money
from services.incident.domain.form import FormField, Violation, asked, judge
from services.incident.domain.plan import wanted
from services.incident.usecases.acting import act
from services.incident.usecases.reading import Asked, Document, Paged, Reading

MAKES = "catalogItems.update"
ITEMS, REQUESTS = "catalog_items", "requests"
OF_LATE = timedelta(days=90)
MOST_POPULAR = 12
_LOOKED_AT = 1_000


class Approvals(Protocol):
    """What the catalog wants to know of approval policies."""

    async def check_policy(self, id: str) -> None:  # noqa: A002 - as its field
        """Raises `Invalid` where there is no such policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a form asks for now, what is wrong with the answers, and what would be done."""

    fields: Sequence[FormField]
    violations: Sequence[Violation]
    steps: Sequence[str]
    price: Money | None
    orderable: bool


class Catalog:
    """What may be done with items. Raises `NotFound` for one that the caller does not see."""

    def __init__(self, store: Store, reading: Reading, teams: Teams, approvals: Approvals, *, ids: Ids = new_id) -> None:
        self._store = store
        self._reading = reading
        self._teams = teams
        self._approvals = approvals
        self._ids = ids

    async def create(self, fields: Mapping[str, Any]) -> CatalogItem:
        """A new item, as a draft."""
        await self._check_policy(fields)
        async with self._store.transaction() as tx:
            item = CatalogItem.create(act(self._store), id=self._ids("cat"), **fields)
            tx.add(item)
        return item

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> CatalogItem:  # noqa: A002 - as its field
        """Changes the named fields."""
        await self._check_policy(fields)
        async with self._store.transaction() as tx:
            item = await tx.get(CatalogItem, id, etag=etag)
            item.edit(act(self._store), **fields)
            tx.save(item)
        return item

    async def publish(self, id: str, *, etag: str = "") -> CatalogItem:  # noqa: A002 - as above
        """It is offered."""
        async with self._store.transaction() as tx:
            item = await tx.get(CatalogItem, id, etag=etag)
            item.publish(act(self._store))
            tx.save(item)
        return item

    async def retire(self, id: str, *, etag: str = "") -> CatalogItem:  # noqa: A002 - as above
        """It is offered no more."""
        async with self._store.transaction() as tx:
            item = await tx.get(CatalogItem, id, etag=etag)
            item.retire(act(self._store))
            tx.save(item)
        return item

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One item, to become a message."""
        async with self._sight():
            return await self._reading.get(CatalogItem, id)

    async def page(self, asked_for: Asked) -> Paged:
        """A page of the items that the caller sees and that match."""
        async with self._sight():
            return await self._reading.page(CatalogItem, asked_for)

    async def count(self, filter_text: str) -> tuple[int, bool]:
        """How many of them there are."""
        async with self._sight():
            return await self._reading.count(CatalogItem, filter_text)

    async def popular(self) -> Sequence[Document]:
        """What was ordered most of late, among the last orders; of them what the caller sees, the most ordered first.

        Orders of others are counted and not shown: how often is told to nobody.
        """
        since = {"tenant": ctx.current().tenant, "create_time": {"$gt": self._store.clock() - OF_LATE}}
        orders = await self._store.backend.find(
            REQUESTS, since, sort=[("create_time", -1)], limit=_LOOKED_AT, projection={"catalog_item_id": 1}
        )
        often = Counter(item for order in orders if (item := order.get("catalog_item_id")))
        ranked = [item for item, _ in often.most_common()]
        async with self._sight():
            query = {"_id": {"$in": ranked}, "state": ItemState.PUBLISHED.value}
            seen = {each["_id"]: each for each in await self._store.find(ITEMS, query, naive=True)}
        return [seen[item] for item in ranked if item in seen][:MOST_POPULAR]

    async def evaluate(self, id: str, answers: Mapping[str, Any]) -> Evaluation:  # noqa: A002 - as above
        """Reads a form with the answers so far."""
        item = await self._seen(id)
        return Evaluation(
            fields=asked(item.form, answers),
            violations=judge(item.form, answers),
            steps=[task.title for task in wanted(item.plan, answers)],
            price=item.price,
            orderable=await self._may_order(item),
        )

    async def orderable(self, id: str) -> CatalogItem:  # noqa: A002 - as above
        """An item that the caller may order. Raises `Denied`, and `ForbiddenMove` for one that is not offered."""
        item = await self._seen(id)
        item.check_offered()
        if not await self._may_order(item):
            raise Denied("catalogItems.order", f"{item.title} is for others")
        return item

    async def _seen(self, id: str) -> CatalogItem:  # noqa: A002 - as above
        async with self._sight():
            return await self._store.get(CatalogItem, id)

    async def _may_order(self, item: CatalogItem) -> bool:
        caller = ctx.current()
        teams = await self._teams.of_caller() if item.ordered_by.team_ids else frozenset()
        return item.state is ItemState.PUBLISHED and item.ordered_by.has(caller.actor.id, caller.roles, teams)

    @asynccontextmanager
    async def _sight(self) -> AsyncIterator[None]:
        """Inside, the store holds no item that the caller may not see, whatever rows of other resources bound the caller."""
        caller = ctx.current()
        scope: dict[str, Any] = {}
        if MAKES not in caller.permissions:
            teams = sorted(await self._teams.of_caller())
            named = [
                {"restricted": False},
                {"seen_by.roles": {"$in": sorted(caller.roles)}},
                {"seen_by.team_ids": {"$in": teams}},
                {"seen_by.user_ids": caller.actor.id},
            ]
            scope = {"state": ItemState.PUBLISHED.value, "$or": named}
        with ctx.use(replace(caller, scope=scope)):
            yield

    async def _check_policy(self, fields: Mapping[str, Any]) -> None:
        if policy := fields.get("approval_policy_id"):
            await self._approvals.check_policy(policy)
