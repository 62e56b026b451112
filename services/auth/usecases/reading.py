"""Lists and single records: tokens, people, teams, the tenant, the audit log. Nothing here changes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.auth.usecases.mirror import USERS

AUDIT = "audit_entries"

Document = Mapping[str, Any]
Paged = tuple[Sequence[Document], str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A page as a request asks for it."""

    filter_text: str = ""
    order_by: str = ""
    page_size: int | None = None
    page_token: str = ""


class Reading:
    """`listings` by collection. Raises `NotFound` for what the caller may not see, `Invalid` for a bad filter or page."""

    def __init__(self, store: Store, listings: Mapping[str, Listing]) -> None:
        self._store = store
        self._listings = listings

    async def page(self, collection: str, asked: Asked) -> Paged:
        """A page of a collection of the caller's tenant, and the token of the next."""
        page = self._listings[collection].page(
            ctx.current().tenant, asked.filter_text, asked.order_by, asked.page_size, asked.page_token
        )
        return page.cut(await self._store.find(collection, page.query, sort=page.sort, limit=page.limit))

    async def get(self, collection: str, id: str, kind: str) -> Document:  # noqa: A002 - as its field
        """One document of a mirror or of the audit log, whose key holds the tenant."""
        found = await self._store.find(collection, {"_id": f"{ctx.current().tenant}|{id}"}, limit=1)
        if not found:
            raise NotFound(kind, id)
        return found[0]

    async def teams_of(self, subject: str) -> list[str]:
        """The teams of somebody in the caller's tenant; none of whom nobody knows."""
        return list((await self.person(subject)).get("team_ids", ()))

    async def person(self, subject: str) -> Document:
        """Somebody in the caller's tenant; empty for whom nobody knows."""
        context = ctx.current()
        with ctx.use(replace(context, scope={})):
            found = await self._store.find(USERS, {"_id": f"{context.tenant}|{subject}"}, limit=1)
        return found[0] if found else {}

    async def own_tenant(self) -> Document:
        """The caller's tenant."""
        context = ctx.current()
        with ctx.use(replace(context, scope={})):
            found = await self._store.find("tenants", {"_id": context.tenant}, limit=1)
        return found[0] if found else {"tenant": context.tenant, "name": context.tenant, "enabled": True}

    async def tenants(self) -> list[str]:
        """Every tenant of the installation, for work that a sign-out in the realm brings."""
        return [row["_id"] for row in await self._store.backend.find("tenants", {})]
