"""Dashboards: made, found, listed, changed, shared and published in versions until they are gone.

One is seen by its owner, by the team that it is shared with, or by everybody. It is changed by its owner, and by whoever may
share with everybody. What somebody has changed and not published is nobody else's: a note of the moment, no event tells of it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from chassis import context as ctx
from chassis.codec import from_document, to_document
from chassis.domain import Ids, new_id
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound, Stale
from chassis.listing import Listing
from chassis.store import Delete, Insert, Store, Transaction, Update
from chassis.teams import Teams
from services.analytics.domain.dashboard import CONTENT, NOTE, USUAL_DAYS, Content, Dashboard, Sharing
from services.analytics.domain.shipped import SHIPPED
from services.analytics.usecases.kpis import Kpis

DASHBOARDS, VERSIONS, DRAFTS = "dashboards", "dashboard_versions", "dashboard_drafts"
MOST_OWN, VERSIONS_KEPT = 100, 50
REMOVED_KEPT = DRAFTS_KEPT = timedelta(days=30)
PUBLISH_TO_ALL = "dashboards.shareWithAll"
_THERE: Mapping[str, Any] = {"delete_time": None}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the caller has changed and not published yet."""

    dashboard_id: str
    content: Content
    base_edition: int
    update_time: datetime | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants of a list; `size` None means the default."""

    filter: str = ""
    order_by: str = ""
    size: int | None = None
    token: str = ""


class Dashboards:
    """What people may do with dashboards. `etag` is the version that the caller decided on, or empty.

    Each raises `NotFound` for one that the caller does not see, and what changes one `Denied` for somebody else's.
    """

    def __init__(self, store: Store, listing: Listing, teams: Teams, kpis: Kpis, *, ids: Ids = new_id) -> None:
        self._store, self._listing, self._teams, self._kpis, self._ids = store, listing, teams, kpis, ids

    async def create(self, fields: Mapping[str, Any]) -> Dashboard:
        """A new one of the caller's. Raises `Invalid`."""
        await self._may_share(fields)
        own = {**_THERE, "owner_id": self._by}
        if await self._store.count(DASHBOARDS, own, limit=MOST_OWN) >= MOST_OWN:
            raise Invalid({"": f"there may be {MOST_OWN} of yours at most"})
        made = Dashboard.made(self._store.clock(), self._by, id=self._ids("dsb"), **fields)
        self._judge(made.content)
        async with self._store.transaction() as tx:
            tx.add(made)
            self._keep_version(tx, made, "")
        return made

    async def get(self, id: str) -> Dashboard:  # noqa: A002 - the field's name everywhere
        """One by id."""
        if (shipped := SHIPPED.get(id)) is not None:
            return shipped
        return from_document(await self._document(id), Dashboard)

    async def page(self, asked: Asked) -> tuple[Sequence[Document], str]:
        """A page of those that the caller sees; before the first page those that every tenant has."""
        page = self._listing.page(ctx.current().tenant, asked.filter, asked.order_by, asked.size, asked.token)
        shipped = [] if asked.token else [row for row in map(to_document, SHIPPED.values()) if page.predicate(row)]
        query = {"$and": [page.query, {**_THERE, **await self._among()}]}
        rows, token = page.cut(await self._store.find(DASHBOARDS, query, sort=page.sort, limit=page.limit))
        return [*shipped, *rows], token

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Dashboard:  # noqa: A002 - as above
        """Changes named fields. Raises `Invalid`."""
        async with self._changing(id, etag) as (found, tx):
            if {"sharing", "team_id"} & fields.keys():
                await self._may_share({"sharing": found.sharing, "team_id": found.team_id} | dict(fields))
            if found.edit(self._store.clock(), **fields):
                self._judge(found.content)
                self._keep_version(tx, found, "")
        return found

    async def delete(self, id: str, *, etag: str = "") -> Dashboard:  # noqa: A002 - as above
        """It is gone, with all its versions."""
        async with self._changing(id, etag) as (found, tx):
            found.delete(self._store.clock())
            for edition in range(max(1, found.edition - VERSIONS_KEPT + 1), found.edition + 1):
                tx.write(Delete(VERSIONS, self._version_key(found.id, edition)))
        return found

    async def share(self, id: str, sharing: Sharing, team_id: str = "", *, etag: str = "") -> Dashboard:  # noqa: A002 - as above
        """Lets others see it, or no longer does. Raises `Invalid` for a team that the caller is not in."""
        return await self.update(id, {"sharing": sharing, "team_id": team_id}, etag=etag)

    async def draft(self, id: str) -> Draft:  # noqa: A002 - as above
        """What the caller has changed; where that is nothing, the dashboard as it is, without an etag."""
        found = await self.get(id)
        row = await self._store.backend.find_one(DRAFTS, self._draft_key(found.id))
        if row is None:
            return Draft(dashboard_id=found.id, content=found.content, base_edition=found.edition)
        return _draft(row)

    async def keep_draft(self, id: str, content: Content, *, etag: str = "") -> Draft:  # noqa: A002 - as above
        """Keeps what was changed so far. Raises `Invalid` for too much of anything, `Stale` where another is kept by now."""
        if wrong := content.bounds():
            raise Invalid(wrong)
        found = await self._own(id)
        key, now = self._draft_key(found.id), self._store.clock()
        known = await self._store.backend.find_one(DRAFTS, key)
        number = int(now.timestamp() * 1000)
        if known is not None:
            if etag and etag != str(known["number"]):
                raise Stale(str(known["number"]), given=etag)
            number = max(number, known["number"] + 1)
        row = {
            "dashboard_id": found.id,
            "content": msgspec.to_builtins(content),
            "base_edition": known["base_edition"] if known is not None else found.edition,
            "update_time": now,
            "number": number,
        }
        guarded = {**key, "number": known["number"]} if known is not None else key
        async with self._store.transaction() as tx:
            tx.write(Update(DRAFTS, guarded, {"$set": row}, strict=known is not None, upsert=known is None))
        return _draft(row)

    async def discard(self, id: str) -> Dashboard:  # noqa: A002 - as above
        """Throws away what the caller has changed."""
        found = await self.get(id)
        async with self._store.transaction() as tx:
            tx.write(Delete(DRAFTS, self._draft_key(found.id)))
        return found

    async def publish(self, id: str, note: str = "", *, etag: str = "") -> Dashboard:  # noqa: A002 - as above
        """Shows the caller's draft to everybody who sees it. Raises `Invalid` for one that is unfinished, `Stale`."""
        if len(note) > NOTE:
            raise Invalid({"note": f"may have {NOTE} characters"})
        draft = await self.draft(id)
        if not draft.etag:
            raise NotFound("draft", id)
        async with self._changing(id, etag) as (found, tx):
            if not etag and found.edition != draft.base_edition:
                raise Stale(found.etag)
            content = draft.content
            changed = {name: getattr(content, name) for name in CONTENT} | {"days": content.days or USUAL_DAYS}
            if found.edit(self._store.clock(), **changed):
                self._judge(found.content)
                self._keep_version(tx, found, note)
            # A newer one, which another tab kept meanwhile, stays.
            tx.write(Delete(DRAFTS, {**self._draft_key(found.id), "number": int(draft.etag)}))
        return found

    async def versions(self, id: str) -> Sequence[Document]:  # noqa: A002 - as above
        """What it showed, the latest first."""
        found = await self.get(id)
        query = {"tenant": ctx.current().tenant, "dashboard_id": found.id}
        return await self._store.backend.find(VERSIONS, query, sort=[("edition", -1)], limit=VERSIONS_KEPT)

    async def restore(self, id: str, edition: int, *, etag: str = "") -> Dashboard:  # noqa: A002 - as above
        """Shows again what it showed then. Raises `NotFound` for a version that is not kept."""
        async with self._changing(id, etag) as (found, tx):
            row = await self._store.backend.find_one(VERSIONS, self._version_key(found.id, edition))
            if row is None:
                raise NotFound("version", str(edition))
            content = msgspec.convert(row["content"], Content)
            self._judge(content)
            if found.restore(self._store.clock(), edition, {name: getattr(content, name) for name in CONTENT}):
                self._keep_version(tx, found, "")
        return found

    @property
    def _by(self) -> str:
        return ctx.current().actor.id

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Dashboard, Transaction]]:  # noqa: A002 - as above
        own = await self._own(id)
        async with self._store.transaction() as tx:
            found = await tx.get(Dashboard, own.id, etag=etag)
            if found.delete_time is not None:
                raise NotFound("dashboard", id)
            yield found, tx
            tx.save(found)

    async def _own(self, id: str) -> Dashboard:  # noqa: A002 - as above
        """One that the caller may change."""
        if id in SHIPPED:
            raise ForbiddenMove("BUILT_IN", "update", "every tenant has this dashboard: make a copy to change it")
        found = await self.get(id)
        if found.owner_id != self._by and PUBLISH_TO_ALL not in ctx.current().permissions:
            raise Denied(PUBLISH_TO_ALL, "it is somebody else's: make a copy to change it")
        return found

    async def _document(self, id: str) -> Document:  # noqa: A002 - as above
        document = await self._store.document(Dashboard, id)
        if document["delete_time"] is None and await self._seen(document):
            return document
        raise NotFound("dashboard", id)

    async def _seen(self, document: Document) -> bool:
        match document["sharing"]:
            case Sharing.EVERYBODY:
                return True
            case Sharing.TEAM if document["team_id"] in await self._teams.of_caller():
                return True
        return bool(document["owner_id"] == self._by)

    async def _among(self) -> Mapping[str, Any]:
        teams = {"sharing": Sharing.TEAM.value, "team_id": {"$in": sorted(await self._teams.of_caller())}}
        return {"$or": [{"sharing": Sharing.EVERYBODY.value}, {"owner_id": self._by}, teams]}

    async def _may_share(self, fields: Mapping[str, Any]) -> None:
        match fields.get("sharing"):
            case Sharing.EVERYBODY if PUBLISH_TO_ALL not in ctx.current().permissions:
                raise Denied(PUBLISH_TO_ALL)
            case Sharing.TEAM if fields.get("team_id", "") not in await self._teams.of_caller():
                raise Invalid({"team_id": "is no team of yours"})

    def _judge(self, content: Content) -> None:
        """Raises `Invalid` for a filter that its figure does not know."""
        wrong: dict[str, str] = {}
        for at, tile in enumerate(content.tiles):
            if tile.kpi:
                try:
                    self._kpis.judge(tile.kpi, tile.filter, tile.group_by)
                except Invalid as error:
                    wrong |= {f"tiles[{at}].{name}": text for name, text in error.violations.items()}
        if wrong:
            raise Invalid(wrong)

    def _keep_version(self, tx: Transaction, found: Dashboard, note: str) -> None:
        row = {
            **self._version_key(found.id, found.edition),
            "dashboard_id": found.id,
            "edition": found.edition,
            "content": msgspec.to_builtins(asdict(found.content)),
            "note": note,
            "publisher_id": self._by,
            "publish_time": found.publish_time,
        }
        tx.write(Insert(VERSIONS, row))
        if found.edition > VERSIONS_KEPT:
            tx.write(Delete(VERSIONS, self._version_key(found.id, found.edition - VERSIONS_KEPT)))

    def _version_key(self, id: str, edition: int) -> dict[str, str]:  # noqa: A002 - as above
        tenant = ctx.current().tenant
        return {"_id": f"{tenant}|{id}|{edition}", "tenant": tenant}

    def _draft_key(self, id: str) -> dict[str, str]:  # noqa: A002 - as above
        tenant = ctx.current().tenant
        return {"_id": f"{tenant}|{self._by}|{id}", "tenant": tenant}


def _draft(row: Document) -> Draft:
    return Draft(
        dashboard_id=row["dashboard_id"],
        content=msgspec.convert(row["content"], Content),
        base_edition=row["base_edition"],
        update_time=row["update_time"],
        etag=str(row["number"]),
    )
