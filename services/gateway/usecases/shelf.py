"""What all resources with a removal have in common: they are found, listed and changed the same way until they are gone."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from chassis import context as ctx
from chassis.domain import Aggregate
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.gateway.usecases.reading import Asked, Document, Paged, page_of

A = TypeVar("A", bound=Aggregate)
_THERE: Mapping[str, Any] = {"delete_time": None}


class Shelf(Generic[A]):
    """Records of one kind of the current tenant that are not removed. `word` is what errors call one."""

    def __init__(self, store: Store, kind: type[A], listing: Listing, word: str) -> None:
        self.store, self.kind, self.listing, self.word = store, kind, listing, word
        self.collection = store.kinds[kind].collection

    async def get(self, id: str) -> Document:  # noqa: A002 - as its field
        """One, to become a message. Raises `NotFound`."""
        document = await self.store.document(self.kind, id, naive=True)
        if document.get("delete_time") is not None:
            raise NotFound(self.word, id)
        return document

    async def there(self, id: str) -> A:  # noqa: A002 - as above
        """The same as what it is. Raises `NotFound`."""
        return _present(await self.store.get(self.kind, id), self.word)

    async def page(self, asked: Asked, among: Mapping[str, Any] | None = None) -> Paged:
        """A page of those that match."""
        return await page_of(self.store, self.collection, self.listing, asked, among={**_THERE, **(among or {})})

    async def require_room(self, most: int) -> None:
        """Raises `Invalid` where there are so many already."""
        if await self.store.count(self.collection, _THERE, limit=most) >= most:
            raise Invalid({"": f"there may be {most} at most"})

    @asynccontextmanager
    async def changing(self, id: str, etag: str) -> AsyncIterator[A]:  # noqa: A002 - as above
        """One that is saved at the end of the block. Raises `NotFound`, `Stale`."""
        async with self.store.transaction() as tx:
            found = _present(await tx.get(self.kind, id, etag=etag), self.word)
            yield found
            tx.save(found)


def _present(found: A, word: str) -> A:
    removable: Any = found
    if removable.delete_time is not None:
        raise NotFound(word, found.id)
    return found


def rights() -> tuple[str, list[str]]:
    """Who calls, empty where that is no person, and what he may read with the token that he shows: it may permit less than
    his roles."""
    caller = ctx.current()
    owner = caller.actor.id if caller.actor.kind == "user" else ""
    return owner, sorted(name for name in caller.permissions if name.endswith(".get"))
