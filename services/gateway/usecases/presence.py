"""Who is at a record now. It is written plainly, without version and event, and gone with its last sign.

Whoever says that he is there has to see the record; whoever sees only some records of its kind is told of himself alone.
Fails: `NotFound` for what the caller may not read, `Unavailable` while the service is away that owns it.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.store import Store, Update
from services.gateway.domain.presence import MOST_SHOWN, THERE, Attendee, Mode
from services.gateway.ports import Seeing

PRESENCES = "presences"
FORGOTTEN = timedelta(minutes=5)
"""When somebody who gave no sign leaves the database, too."""
SHOWN = [Mode.VIEWING.value, Mode.WRITING.value]
"""What another version of this service may write beside is passed over."""

Row = Mapping[str, Any]


class Presences:
    """See above. `heard` is told of each row that is written here, before other processes find it."""

    def __init__(self, store: Store, seeing: Seeing, heard: Callable[[Row], None]) -> None:
        self._store, self._seeing, self._heard = store, seeing, heard

    async def say(self, resources: str, id: str, mode: Mode) -> tuple[str, list[Attendee]]:  # noqa: A002 - as its field
        """The caller is at a record, or has left it; its subject, and who is there."""
        ctx.refuse_dry_run()
        seen = await self._seeing.record(resources, id)
        now, caller = self._store.clock(), ctx.current()
        key = {"_id": f"{caller.tenant}|{seen.subject}|{caller.actor.id}", "tenant": caller.tenant}
        known = await self._store.backend.find_one(PRESENCES, key)
        goes_on = known is not None and known["mode"] == mode.value and known["seen_time"] > now - THERE
        since = known["since_time"] if known is not None and goes_on else now
        said = {
            "about": seen.subject,
            "user_id": caller.actor.id,
            "mode": mode.value,
            "since_time": since,
            "seen_time": now,
        }
        await self._store.backend.write([Update(PRESENCES, key, {"$set": said}, strict=False, upsert=True)])
        self._heard({**key, **said})
        return seen.subject, await self._there(seen.subject, alone=not seen.all)

    async def there(self, resources: str, id: str) -> tuple[str, list[Attendee]]:  # noqa: A002 - as above
        """The subject of a record, and who is there."""
        seen = await self._seeing.record(resources, id)
        return seen.subject, await self._there(seen.subject, alone=not seen.all)

    async def _there(self, subject: str, *, alone: bool) -> list[Attendee]:
        caller = ctx.current()
        query: dict[str, Any] = {
            "tenant": caller.tenant,
            "about": subject,
            "mode": {"$in": SHOWN},
            "seen_time": {"$gt": self._store.clock() - THERE},
        }
        if alone:
            query["user_id"] = caller.actor.id
        rows = await self._store.backend.find(PRESENCES, query, sort=[("since_time", 1)], limit=MOST_SHOWN)
        return [attendee(row) for row in rows]


def attendee(row: Row) -> Attendee:
    """A row as whom it tells of; its mode is one that is shown."""
    return Attendee(user_id=row["user_id"], mode=Mode(row["mode"]), since_time=row["since_time"])
