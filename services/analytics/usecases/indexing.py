"""Keeping the index what the records are: an event says that one changed, and what it holds now is read from its owner.

So order does not matter, nothing is doubled, and what is read twice is written twice. A walk over everything makes the index
anew; what changes meanwhile comes once more from the events since its beginning.
"""

from collections import defaultdict
from collections.abc import Iterable

from services.analytics.domain.searching import Text, key_of
from services.analytics.ports import Index, Owners

PIECE = 100
MOST = 1_000_000
"""More than a tenant for demonstration ever has."""
COMMITTED = 20_000
"""A walk into an empty index shows what it has after so many records."""


class Indexing:
    """The one writer of the index of this process."""

    def __init__(self, index: Index, owners: Owners) -> None:
        self._index, self._owners = index, owners

    async def changed(self, records: Iterable[tuple[str, str]]) -> None:
        """Takes records, by tenant and subject, as they are now; commits."""
        by_tenant: dict[str, dict[str, None]] = defaultdict(dict)
        for tenant, subject in records:
            by_tenant[tenant][subject] = None
        for tenant, subjects in by_tenant.items():
            await self._take(tenant, list(subjects))
        await self._index.commit()

    async def forget(self, tenant: str) -> None:
        """Lets go of what a tenant that was emptied has no more; what it has by now stays. Raises `Unavailable`."""
        if subjects := await self._index.subjects(tenant, MOST):
            await self.changed((tenant, subject) for subject in subjects)

    async def all_anew(self, *, empty: bool) -> int:
        """Walks over everything and commits; says how many records there are. What was found before is found meanwhile."""
        count = shown = 0
        await self._index.clear()
        async for texts in self._owners.walk():
            await self._index.put(texts)
            count += len(texts)
            if empty and count - shown >= COMMITTED:
                shown = count
                await self._index.commit()
        await self._index.commit()
        return count

    async def _take(self, tenant: str, subjects: list[str]) -> None:
        while piece := subjects[:PIECE]:
            subjects = subjects[PIECE:]
            texts = await self._owners.read(tenant, piece)
            there = {text.subject for text in texts}
            await self._index.put(texts, [key_of(tenant, each) for each in piece if each not in there])
            subjects += await self._parts_of(tenant, texts)

    async def _parts_of(self, tenant: str, texts: list[Text]) -> list[str]:
        """The parts of records whose readers or title are other than before: they carry both."""
        before = await self._index.known([text.key for text in texts if not text.about])
        parts: list[str] = []
        for text in texts:
            was = before.get(text.key)
            if was is not None and (sorted(was.facts), was.title) != (sorted(text.facts), text.title):
                parts += await self._index.parts(tenant, text.subject)
        return parts
