"""How the caller wants to be told: reading and changing it. Nobody reaches that of somebody else."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid, NotFound, Stale
from chassis.store import Store
from services.gateway.domain.notification_preferences import NotificationPreferences, preferences_id

ME = "me"


class Preferences:
    """What callers may do with their preferences."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, id: str) -> NotificationPreferences:  # noqa: A002 - as its field
        """Those of the caller, at their defaults where they were never set. Raises `NotFound` for others."""
        tenant, owner, key = _caller(id)
        try:
            return await self._store.get(NotificationPreferences, key)
        except NotFound:
            return NotificationPreferences.of(tenant, owner, self._store.clock())

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> NotificationPreferences:  # noqa: A002 - as above
        """Changes named fields. Raises `Invalid`, `Stale`, and `NotFound` for those of others."""
        tenant, owner, key = _caller(id)
        now = self._store.clock()
        async with self._store.transaction() as tx:
            found = next(iter(await tx.find(NotificationPreferences, {"_id": key})), None)
            wishes = found or NotificationPreferences.of(tenant, owner, now)
            if etag and etag != wishes.etag:
                raise Stale(wishes.etag, given=etag)
            wishes.edit(now, **fields)
            if found is not None:
                tx.save(wishes)
            elif wishes.recorded is not None:
                tx.add(wishes)
        return wishes


def _caller(id: str) -> tuple[str, str, str]:  # noqa: A002 - as above
    tenant, actor = ctx.current().tenant, ctx.current().actor
    if actor.kind != "user":
        raise Invalid({"": "only a person has preferences"})
    key = preferences_id(tenant, actor.id)
    if id not in (ME, key):
        raise NotFound("notificationPreferences", id)
    return tenant, actor.id, key
