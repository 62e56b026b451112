"""Blackouts: one public method per command, one transaction each."""

from collections.abc import Mapping
from typing import Any

from chassis.domain import Ids, new_id
from chassis.store import Store
from services.incident.domain.blackout import Blackout
from services.incident.usecases.acting import act
from services.incident.usecases.reading import Asked, Paged, Reading


class Blackouts:
    """What people may do with blackouts. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, reading: Reading, *, ids: Ids = new_id) -> None:
        self._store, self._reading, self._ids = store, reading, ids

    async def create(self, fields: Mapping[str, Any]) -> Blackout:
        """A new one. It holds for changes that are not made yet, from now on."""
        async with self._store.transaction() as tx:
            blackout = Blackout.made(act(self._store), id=self._ids("blk"), **fields)
            tx.add(blackout)
        return blackout

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Blackout:  # noqa: A002 - as its field
        """Changes the named fields."""
        async with self._store.transaction() as tx:
            blackout = await tx.get(Blackout, id, etag=etag)
            blackout.edit(act(self._store), **fields)
            tx.save(blackout)
        return blackout

    async def delete(self, id: str, *, etag: str = "") -> Blackout:  # noqa: A002 - as above
        """Holds no more."""
        async with self._store.transaction() as tx:
            blackout = await tx.get(Blackout, id, etag=etag)
            blackout.delete(act(self._store))
            tx.save(blackout)
        return blackout

    async def page(self, asked: Asked) -> Paged:
        """A page of those that hold."""
        holding = "NOT deleteTime:*"
        among = f"({asked.filter}) AND {holding}" if asked.filter else holding
        return await self._reading.page(Blackout, Asked(among, asked.order_by, asked.size, asked.token))
