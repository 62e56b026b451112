"""What waits for a person: what that person says."""

from chassis.store import Store
from services.asset.domain.duplicate import Duplicate


class Duplicates:
    """What people may do with what no rule decides."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resolve(self, id: str, resolution: str, *, etag: str = "") -> Duplicate:  # noqa: A002 - as its field
        """A person said what is true."""
        async with self._store.transaction() as tx:
            duplicate = await tx.get(Duplicate, id, etag=etag)
            duplicate.resolve(resolution, at=self._store.clock())
            tx.save(duplicate)
        return duplicate
