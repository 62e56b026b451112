"""Reading: lists and counts of what this service owns. One class for all nouns: a list is a listing and a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.domain.alert import Alert
from services.monitor.domain.integration import Integration
from services.monitor.usecases.evidence import DECISIONS
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.integrations import INTEGRATIONS

COUNTED = 10_000
"""The most that a count counts."""
_EXPLAINED = 500

Document = Mapping[str, Any]
Paged = tuple[Sequence[Document], str]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list; `size` None means the default."""

    size: int | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Listings:
    """The lists of alerts and integrations."""

    alerts: Listing
    integrations: Listing


THERE: Mapping[str, Any] = {"remove_time": None}
"""What was not removed, of the nouns that can be."""


async def page_of(
    store: Store,
    collection: str,
    listing: Listing,
    filter_text: str,
    order_by: str,
    paging: Paging,
    *,
    among: Mapping[str, Any] | None = None,
) -> Paged:
    """A page of the documents that match, `among` those that fit, and the token of the next one."""
    page = listing.page(ctx.current().tenant, filter_text, order_by, paging.size, paging.token)
    query = {"$and": [page.query, among]} if among else page.query
    return page.cut(await store.find(collection, query, sort=page.sort, limit=page.limit, naive=True))


def there(document: Document, kind: str) -> Document:
    """The document. Raises `NotFound` for one of a record that was removed."""
    if document.get("remove_time") is not None:
        raise NotFound(kind, document["_id"])
    return document


class Reading:
    """Queries; none of them changes anything. Raises `NotFound` for what the caller may not see."""

    def __init__(self, store: Store, listings: Listings) -> None:
        self._store = store
        self._listings = listings

    async def alert(self, id: str) -> Document:  # noqa: A002 - the field's name everywhere
        """One alert, to become a message."""
        return await self._store.document(Alert, id, naive=True)

    async def alerts(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the alerts that match."""
        return await page_of(self._store, ALERTS, self._listings.alerts, filter_text, order_by, paging)

    async def count(self, filter_text: str) -> tuple[int, bool]:
        """How many alerts match, and whether there are more than were counted."""
        page = self._listings.alerts.page(ctx.current().tenant, filter_text)
        number = await self._store.count(ALERTS, page.query, limit=COUNTED + 1)
        return min(number, COUNTED), number > COUNTED

    async def explain(self, id: str) -> Sequence[Document]:  # noqa: A002 - as above
        """Every decision about an alert, oldest first: `time`, `actor` and the fields of a step."""
        await self._store.document(Alert, id)
        rows = await self._store.find(DECISIONS, {"alert_id": id}, sort=[("time", 1), ("_id", 1)], limit=_EXPLAINED)
        return [{"time": row["time"], "actor": row["actor"], **step} for row in rows for step in row["steps"]][:_EXPLAINED]

    async def integration(self, id: str) -> Document:  # noqa: A002 - as above
        """One integration, to become a message."""
        return await self._store.document(Integration, id, naive=True)

    async def integrations(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the integrations that match."""
        return await page_of(self._store, INTEGRATIONS, self._listings.integrations, filter_text, order_by, paging)
