"""What somebody was told of, kept for him in one place for 30 days, whether or not a mail or a push reached him.

It is written in the transaction of the event's batch, under an id that follows from the event and the person, so that the same
event again tells nothing twice. It holds what a push shows: nothing of what was said about a record.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Store, Transaction, Update
from services.gateway.usecases.reading import Asked, Document, Paged, page_of

INBOX = "inbox"
KEPT = timedelta(days=30)
MOST_COUNTED, MOST_READ = 99, 200
OF_AN_HOUR = 200
"""How much of an hour is kept for one person; what is beyond that is told of by the last word of a burst."""
FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "createTime": Field(path="create_time", kind=Of.TIMESTAMP, sortable=True),
    "readTime": Field(path="read_time", kind=Of.TIMESTAMP),
}


class Inbox:
    """Everybody's own. `listing` signs the tokens of pages."""

    def __init__(self, store: Store, listing: Listing) -> None:
        self._store, self._listing = store, listing

    async def room(self, people: Sequence[str]) -> list[str]:
        """Those of some people for whom more of this hour is kept."""
        hour = self._store.clock().replace(minute=0, second=0, microsecond=0)
        found = []
        for person in people:
            lately = {"owner_id": person, "create_time": {"$gte": hour}}
            if await self._store.count(INBOX, lately, limit=OF_AN_HOUR) < OF_AN_HOUR:
                found.append(person)
        return found

    def add(self, tx: Transaction, person: str, event_id: str, said: Mapping[str, Any]) -> None:
        """Keeps what somebody is told of: its `template`, `title`, `text`, `subject`, `event_type`, `urgent`."""
        tenant, now = ctx.current().tenant, self._store.clock()
        key = f"ntf_{hashlib.blake2b(f'{tenant}|{person}|{event_id}'.encode(), digest_size=16).hexdigest()}"
        row = {**said, "owner_id": person, "create_time": now, "read_time": None, "expire_time": now + KEPT}
        tx.write(Update(INBOX, {"_id": key, "tenant": tenant}, {"$setOnInsert": row}, strict=False, upsert=True))

    async def page(self, asked: Asked, *, unread: bool) -> Paged:
        """A page of the caller's, the newest first."""
        wanted = Asked("NOT readTime:*" if unread else "", "", asked.size, asked.token)
        return await page_of(self._store, INBOX, self._listing, wanted, among=_own())

    async def unread(self) -> int:
        """How many the caller has not read, counted up to 99."""
        return await self._store.count(INBOX, {**_own(), "read_time": None}, limit=MOST_COUNTED)

    async def read(self, ids: Sequence[str], *, everything: bool) -> int:
        """The caller has read these, or all; says how many are left. Raises `Invalid` for too many."""
        if len(ids) > MOST_READ:
            raise Invalid({"ids": f"may name {MOST_READ}, not {len(ids)}"})
        which: Document = {} if everything else {"_id": {"$in": list(ids)}}
        query = self._store.scoped({**_own(), **which, "read_time": None})
        await self._store.backend.update_many(INBOX, query, {"$set": {"read_time": self._store.clock()}})
        return await self.unread()


def _own() -> dict[str, Any]:
    return {"owner_id": ctx.current().actor.id}
