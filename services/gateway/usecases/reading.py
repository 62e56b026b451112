"""Reading what the gateway keeps, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import context as ctx
from chassis.listing import Listing
from chassis.store import Store

Document = Mapping[str, Any]
Paged = tuple[Sequence[Document], str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants of a list; `size` None means the default."""

    filter: str = ""
    order_by: str = ""
    size: int | None = None
    token: str = ""


async def page_of(
    store: Store, collection: str, listing: Listing, asked: Asked, *, among: Mapping[str, Any] | None = None
) -> Paged:
    """A page of the documents that match, `among` those that fit, and the token of the next one. Raises `Invalid`."""
    page = listing.page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
    query = {"$and": [page.query, dict(among)]} if among else page.query
    return page.cut(await store.find(collection, query, sort=page.sort, limit=page.limit, naive=True))
