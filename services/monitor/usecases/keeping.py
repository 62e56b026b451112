"""What people keep and change as a whole, schedules and escalation policies: made, edited, removed and read in one way.

`etag` is the version that the caller decided on, or empty. Fails with `NotFound` for what was removed, `Stale` for another
version, `Invalid` as the records say themselves.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from chassis.codec import from_document
from chassis.domain import Aggregate, Ids, new_id
from chassis.errors import Invalid, NotFound, Stale
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.usecases.reading import THERE, Document, Paged, Paging, page_of, there

MOST = 500
"""Of one kind in a tenant, where all are looked at."""


class Keepable(Protocol):
    """What a record has beside what every aggregate has."""

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields."""

    def remove(self, at: datetime) -> None:
        """It is gone."""


K = TypeVar("K", bound=Aggregate)


class Keeping(Generic[K]):
    """The records of `kind`; `name` is what an error calls one."""

    def __init__(self, store: Store, listing: Listing, kind: type[K], name: str, ids: Ids = new_id) -> None:
        self._store, self._listing, self._ids = store, listing, ids
        self._kind, self._name, self._collection = kind, name, store.kinds[kind].collection

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> K:  # noqa: A002 - as its field
        """Changes named fields."""
        async with self._changing(id, etag) as record:
            _keepable(record).edit(self._store.clock(), **fields)
        return record

    async def remove(self, id: str, *, etag: str = "") -> K:  # noqa: A002 - as above
        """It is gone."""
        async with self._changing(id, etag) as record:
            _keepable(record).remove(self._store.clock())
        return record

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One of them, to become a message."""
        return there(await self._store.document(self._kind, id, naive=True), self._name)

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of those that match."""
        return await page_of(self._store, self._collection, self._listing, filter_text, order_by, paging, among=THERE)

    async def known(self, id: str) -> K:  # noqa: A002 - as above
        """One of them."""
        found = await self._store.find(self._collection, {"_id": id, **THERE}, limit=1)
        if not found:
            raise NotFound(self._name, id)
        return from_document(found[0], self._kind)

    async def _add(self, made: K, plural: str) -> K:
        if await self._store.count(self._collection, THERE, limit=MOST) >= MOST:
            raise Invalid({"": f"there may be {MOST} {plural}"})
        async with self._store.transaction() as tx:
            tx.add(made)
        return made

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[K]:  # noqa: A002 - as above
        """One of them, saved at the end."""
        async with self._store.transaction() as tx:
            found = await tx.find(self._kind, {"_id": id, **THERE}, limit=1)
            if not found:
                raise NotFound(self._name, id)
            if etag and etag != found[0].etag:
                raise Stale(found[0].etag, given=etag)
            yield found[0]
            tx.save(found[0])


def _keepable(record: Any) -> Keepable:
    kept: Keepable = record
    return kept
