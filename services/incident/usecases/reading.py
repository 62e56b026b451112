"""Reading: records of the service desk, their lists and counts, what was said about them and what happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from chassis import context as ctx
from chassis.domain import Aggregate
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.note import Note

COUNTED = 10_000
"""The most that a count counts."""

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
    """Queries; none of them changes anything. `listings` are by plural. Raises `NotFound` for what the caller may not see."""

    def __init__(self, store: Store, listings: Mapping[str, Listing]) -> None:
        self._store = store
        self._listings = listings

    async def get(self, kind: type[Aggregate], id: str) -> Document:  # noqa: A002 - the field's name everywhere
        """One record by id or number, to become a message."""
        return await self._store.document(kind, id, naive=True)

    async def page(self, kind: type[Aggregate], asked: Asked) -> Paged:
        """A page of the records that match, and the token of the next one."""
        of, tenant = self._store.kinds[kind], ctx.current().tenant
        page = self._listings[of.plural].page(tenant, asked.filter, asked.order_by, asked.size, asked.token)
        return page.cut(await self._store.find(of.collection, page.query, sort=page.sort, limit=page.limit, naive=True))

    async def count(self, kind: type[Aggregate], filter_text: str, most: int = COUNTED) -> tuple[int, bool]:
        """How many match, counted up to `most`, and whether there are more."""
        of = self._store.kinds[kind]
        page = self._listings[of.plural].page(ctx.current().tenant, filter_text)
        number = await self._store.count(of.collection, page.query, limit=most + 1)
        return min(number, most), number > most

    async def notes(self, kind: type[Aggregate], id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what was said about a record, newest first. A caller who sees only some rows sees only what is public."""
        among = f'about = "{await self._subject(kind, id)}"' + (" AND public = true" if _bounded() else "")
        # The row scope bounds records; whoever reached the record reaches what belongs to it.
        with ctx.use(replace(ctx.current(), scope={})):
            return await self.page(Note, replace(asked, filter=among))

    async def timeline(self, kind: type[Aggregate], id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of change rows of a record, newest first; the same caller sees no row of a private note or file."""
        subject = await self._subject(kind, id)
        page = self._listings["timeline"].page(ctx.current().tenant, f'about = "{subject}"', "", asked.size, asked.token)
        before = str(page.last[0]) if page.last else ""
        rows, token = page.cut(await self._store.history(subject, before=before, limit=page.limit))
        return [row for row in rows if not (_bounded() and _is_private(row))], token

    async def _subject(self, kind: type[Aggregate], id: str) -> str:  # noqa: A002 - as above
        document = await self._store.document(kind, id)
        return self._store.kinds[kind].subject(document["_id"])


def _is_private(row: Document) -> bool:
    data = orjson.loads(row["data"])
    note, attachment, task = data.get("note"), data.get("attachment"), data.get("task")
    if task is not None:
        return not task["requesterId"]
    return (note is not None and not note["public"]) or (attachment is not None and attachment["internal"])


def _bounded() -> bool:
    return bool(ctx.current().scope)
