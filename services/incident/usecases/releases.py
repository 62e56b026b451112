"""Releases: one public method per command, one transaction each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from services.incident.domain.change import Change
from services.incident.domain.change_states import ChangeState
from services.incident.domain.moment import Act
from services.incident.domain.release import Release
from services.incident.usecases.acting import act
from services.incident.usecases.changes import CHANGES


class Releases:
    """What people may do with releases. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store, self._ids = store, ids

    async def open(self, fields: Mapping[str, Any]) -> Release:
        """A planned release."""
        number = await self._store.number("REL")
        async with self._store.transaction() as tx:
            release = Release.open(act(self._store), id=self._ids("rel"), number=number, **fields)
            tx.add(release)
        return release

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Release:  # noqa: A002 - as its field
        """Changes the named fields."""
        async with self._changing(id, etag) as (release, now):
            release.edit(now, **fields)
        return release

    async def fill(self, id: str, change_id: str, *, removed: bool, etag: str = "") -> Release:  # noqa: A002 - as above
        """Contains one change more, or one less. Raises `Invalid` for one that the caller cannot see."""
        async with self._changing(id, etag) as (release, now):
            try:
                found = await self._store.document(Change, change_id)
            except NotFound:
                raise Invalid({"change_id": "there is no such change"}) from None
            release.fill(now, found["_id"], removed=removed)
        return release

    async def move(self, id: str, verb: str, reason: str = "", *, etag: str = "") -> Release:  # noqa: A002 - as above
        """Goes on, or back with a reason."""
        async with self._changing(id, etag) as (release, now):
            release.move(now, verb, await self._states(release), reason=reason)
        return release

    async def close(self, id: str, result: str, *, etag: str = "") -> Release:  # noqa: A002 - as above
        """Over for good."""
        async with self._changing(id, etag) as (release, now):
            release.close(now, await self._states(release), result)
        return release

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Release:  # noqa: A002 - as above
        """Called off."""
        async with self._changing(id, etag) as (release, now):
            release.cancel(now, reason)
        return release

    async def _states(self, release: Release) -> list[ChangeState]:
        if not release.change_ids:
            return []
        rows = await self._store.find(CHANGES, {"_id": {"$in": release.change_ids}})
        return [ChangeState(row["state"]) for row in rows]

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Release, Act]]:  # noqa: A002 - as above
        """The record inside a transaction, saved after the block."""
        async with self._store.transaction() as tx:
            release = await tx.get(Release, id, etag=etag)
            yield release, act(self._store)
            tx.save(release)
