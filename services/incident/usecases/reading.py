"""Reading: incidents, their lists and counts, what was said about them and what happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from chassis import context as ctx
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.clock import Clock
from services.incident.domain.explain import explain
from services.incident.domain.incident import Incident
from services.incident.usecases.policies import Policies

COUNTED = 10_000
"""The most that a count counts."""

Document = Mapping[str, Any]
Paged = tuple[Sequence[Document], str]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list; `size` None means the default."""

    size: int | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Listings:
    """The lists of this service."""

    incidents: Listing
    notes: Listing
    timeline: Listing
    sla_policies: Listing
    calendars: Listing


class Reading:
    """Queries; none of them changes anything. Raises `NotFound` for what the caller may not see."""

    def __init__(self, store: Store, listings: Listings, policies: Policies) -> None:
        self._store = store
        self._listings = listings
        self._policies = policies

    async def get(self, id: str) -> Document:  # noqa: A002 - the field's name everywhere
        """One incident by id or number, to become a message."""
        return await self._store.document(Incident, id, naive=True)

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the incidents that match, and the token of the next one."""
        return await self._page("incidents", self._listings.incidents, filter_text, order_by, paging)

    async def policies(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the tenant's service-level policies."""
        return await self._page("sla_policies", self._listings.sla_policies, filter_text, order_by, paging)

    async def calendars(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the tenant's calendars."""
        return await self._page("calendars", self._listings.calendars, filter_text, order_by, paging)

    async def count(self, filter_text: str) -> tuple[int, bool]:
        """How many match, and whether there are more than were counted."""
        page = self._listings.incidents.page(ctx.current().tenant, filter_text)
        number = await self._store.count("incidents", page.query, limit=COUNTED + 1)
        return min(number, COUNTED), number > COUNTED

    async def notes(self, id: str, paging: Paging) -> Paged:  # noqa: A002 - as above
        """A page of what was said, newest first. A caller who sees only some rows sees only what is public."""
        filter_text = f'about = "{await self._subject(id)}"' + (" AND public = true" if _bounded() else "")
        # The row scope bounds incidents; whoever reached the incident reaches what belongs to it.
        with ctx.use(replace(ctx.current(), scope={})):
            return await self._page("notes", self._listings.notes, filter_text, "", paging)

    async def timeline(self, id: str, paging: Paging) -> Paged:  # noqa: A002 - as above
        """A page of change rows, newest first; the same caller sees no row of a private note."""
        subject = await self._subject(id)
        page = self._listings.timeline.page(ctx.current().tenant, f'about = "{subject}"', "", paging.size, paging.token)
        before = str(page.last[0]) if page.last else ""
        rows, token = page.cut(await self._store.history(subject, before=before, limit=page.limit))
        return [row for row in rows if not (_bounded() and _is_private(row))], token

    async def explain(self, id: str) -> Sequence[tuple[Clock, list[str]]]:  # noqa: A002 - as above
        """Each clock with its account, step by step."""
        incident, levels = await self._store.get(Incident, id), await self._policies.levels()
        levels.catch_up(incident.clocks)
        now = self._store.clock()
        return [(clock, explain(clock, now, levels.counting(clock))) for clock in incident.clocks]

    async def _page(self, collection: str, listing: Listing, filter_text: str, order_by: str, paging: Paging) -> Paged:
        page = listing.page(ctx.current().tenant, filter_text, order_by, paging.size, paging.token)
        return page.cut(await self._store.find(collection, page.query, sort=page.sort, limit=page.limit, naive=True))

    async def _subject(self, id: str) -> str:  # noqa: A002 - as above
        document = await self._store.document(Incident, id)
        return self._store.kinds[Incident].subject(document["_id"])


def _is_private(row: Document) -> bool:
    note = orjson.loads(row["data"]).get("note")
    return note is not None and not note["public"]


def _bounded() -> bool:
    return bool(ctx.current().scope)
