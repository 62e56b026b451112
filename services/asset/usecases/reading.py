"""Reading: assets and what belongs to them, in lists, counts and histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from chassis import context as ctx
from chassis.domain import Aggregate
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import CHANGES, Store
from services.asset.domain.asset import Asset

INVENTORIES = "inventories"
COUNTED = 10_000
"""The most that a count counts."""

_ROWS, _LAST = 200, "~"

Document = Mapping[str, Any]
Paged = tuple[Sequence[Document], str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants of a list; `size` None means the default."""

    filter: str = ""
    order_by: str = ""
    size: int | None = None
    token: str = ""


class Reading:
    """Queries; none of them changes anything. `listings` are by collection. Raises `NotFound` for what there is not."""

    def __init__(self, store: Store, listings: Mapping[str, Listing], timeline: Listing) -> None:
        self._store = store
        self._listings = listings
        self._timeline = timeline

    async def get(self, kind: type[Aggregate], id: str) -> Document:  # noqa: A002 - the field's name everywhere
        """One record, to become a message."""
        return await self._store.document(kind, id, naive=True)

    async def page(self, collection: str, asked: Asked) -> Paged:
        """A page of the records that match, and the token of the next one."""
        page = self._listings[collection].page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
        return page.cut(await self._store.find(collection, page.query, sort=page.sort, limit=page.limit, naive=True))

    async def count(self, collection: str, filter_text: str) -> tuple[int, bool]:
        """How many match, and whether there are more than were counted."""
        page = self._listings[collection].page(ctx.current().tenant, filter_text)
        number = await self._store.count(collection, page.query, limit=COUNTED + 1)
        return min(number, COUNTED), number > COUNTED

    async def history(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of the change rows of an asset, newest first. Who sees what is his alone sees them from when it became his."""
        document = await self._store.document(Asset, id)
        subject = self._store.kinds[Asset].subject(document["_id"])
        page = self._timeline.page(ctx.current().tenant, f'about = "{subject}"', "", asked.size, asked.token)
        before = str(page.last[0]) if page.last else ""
        rows: Sequence[Document] = await self._store.history(subject, before=before, limit=page.limit)
        if ctx.current().scope:
            since = await self._his_since(subject)
            rows = [_without_former(row) if row["_id"] == since else row for row in rows if row["_id"] >= since]
        return page.cut(rows)

    async def _his_since(self, subject: str) -> str:
        """The row with which an asset became the caller's, who has it by now."""
        before = _LAST
        since = before
        while rows := await self._store.backend.find(
            CHANGES,
            {"tenant": ctx.current().tenant, "subject": subject, "_id": {"$lt": before}},
            sort=[("version", -1)],
            limit=_ROWS,
        ):
            for row in rows:
                if orjson.loads(row["data"])["asset"].get("ownerId") != ctx.current().actor.id:
                    return since
                since = row["_id"]
            before = since
        return since

    async def inventory(self, id: str) -> Document:  # noqa: A002 - as above
        """The sections of an asset's inventory, by name: each with its JSON and when it was reported."""
        asset = await self._store.document(Asset, id)
        with ctx.use(replace(ctx.current(), scope={})):  # the asset was found within it; its inventory names no owner
            found = await self._store.find(INVENTORIES, {"_id": asset["_id"]}, limit=1)
        if not found:
            raise NotFound("inventory", id)
        sections: Document = found[0]["sections"]
        return sections


def _without_former(row: Document) -> Document:
    """The change without what was before it."""
    data = orjson.loads(row["data"])
    for change in data.get("changes", ()):
        change.pop("old", None)
    return {**row, "data": orjson.dumps(data)}
