"""Views, and how many records each shows. Whoever counts one is shown no more than by the list itself."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from chassis import context as ctx
from chassis.errors import Denied, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from chassis.teams import Teams
from services.incident.domain.view import View
from services.incident.usecases.cupboard import SharedCupboard
from services.incident.usecases.reading import COUNTED, Reading

RESOURCES = ("incidents", "requests", "problems", "changes", "tasks", "majors", "releases")
"""Kinds of records whose lists are for everybody who works here, as far as this version has them."""
MOST_AT_ONCE, COUNTED_AT_ONCE = 50, 999
_SIDE_BY_SIDE = 5

Count = tuple[str, int, bool]


class Views(SharedCupboard[View]):
    """See above. `listings` judge filters and orders, by plural."""

    def __init__(self, store: Store, listings: Mapping[str, Listing], reading: Reading, teams: Teams) -> None:
        super().__init__(store, View, listings["views"], "viw", teams)
        self._reading, self._teams = reading, teams
        self._lists = {plural: listings[plural] for plural in RESOURCES if plural in listings}
        self._kinds = {kind.plural: kind.aggregate for kind in store.kinds.values()}

    async def create(self, fields: Mapping[str, Any]) -> View:
        """A new one. Raises `Invalid` for a filter, order or column that its list does not have."""
        self._judge(fields.get("resource", ""), fields)
        return await super().create(fields)

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> View:  # noqa: A002 - as its field
        """Changes named fields. Raises as `create`."""
        self._judge((await self.there(id)).resource, fields)
        return await super().update(id, fields, etag=etag)

    async def count(self, id: str, most: int = COUNTED) -> Count:  # noqa: A002 - as above
        """A view's id, how many records it shows, counted up to `most`, and whether there are more.

        Raises `NotFound`, `Denied`.
        """
        view = await self.there(id)
        if (needed := f"{view.resource}.list") not in ctx.current().permissions:
            raise Denied(needed)
        return view.id, *await self._reading.count(self._kinds[view.resource], view.filter, most)

    async def counts(self, ids: Sequence[str]) -> list[Count]:
        """The same of many, each counted up to 999, a few side by side; what the caller does not see is left out."""
        if len(ids) > MOST_AT_ONCE:
            raise Invalid({"ids": f"may name {MOST_AT_ONCE}"})
        places = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def counted(id: str) -> Count | None:  # noqa: A002 - as above
            async with places:
                try:
                    return await self.count(id, COUNTED_AT_ONCE)
                except (NotFound, Denied):
                    return None

        found = await asyncio.gather(*(counted(each) for each in dict.fromkeys(ids)))
        return [each for each in found if each is not None]

    def _judge(self, resource: str, fields: Mapping[str, Any]) -> None:
        listing = self._lists.get(resource)
        if listing is None:
            raise Invalid({"resource": f"must be one of {', '.join(self._lists)}"})
        if strange := [each for each in fields.get("columns", ()) if each not in listing.fields]:
            raise Invalid({"columns": f"{strange[0][:100]!r} is no field of {resource}"})
        listing.page(ctx.current().tenant, fields.get("filter", ""), fields.get("order_by", ""))
