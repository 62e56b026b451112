"""Tells of what happened in the realm: sign-ins that did and did not work, and what its administrators changed.

The realm has no feed that could be followed, only lists by time, and an event may appear there later than the time that it
bears. So each pull begins a while before the newest event that an earlier one has seen, and what was told is passed over by
its id. The position moves only when everything before it is kept: a death in between has a pull read again, never miss.

Fails with `Unavailable` of the realm or the database and `Taken` where another replica was first; the next pull makes up
for it.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.auth import HOME_TENANT
from chassis.domain import Clock
from chassis.errors import Unavailable
from chassis.store import Store, Taken, Update
from services.auth.domain.realm_event import KINDS, RealmEvent
from services.auth.ports import RealmLog

REALM_EVENTS = "realm_events"
POSITIONS = "realm_positions"
OVERLAP = timedelta(minutes=2)
"""How much later than its time an event may appear; a request to the realm that takes longer is cut off before."""

_REALM = ctx.Actor(id="realm", kind="system")
_log = logging.getLogger(__name__)


class RealmEvents:
    """Pulls from the realm's lists. What happened before it was turned on for the first time stays there."""

    def __init__(self, realm: RealmLog, store: Store, clock: Clock, *, home: str = HOME_TENANT) -> None:
        self._realm = realm
        self._store = store
        self._clock = clock
        self._home = home

    async def run(self, period: float) -> None:
        """Pulls each `period` seconds until canceled."""
        while True:
            try:
                await self.pull()
            except (Unavailable, Taken) as problem:
                _log.warning("Events of the realm not mirrored.", extra={"reason": problem.reason})
            await asyncio.sleep(period)

    async def pull(self) -> int:
        """One pull of each kind; says how many events are new."""
        return sum([await self._pull(kind) for kind in KINDS])

    async def _pull(self, kind: str) -> int:
        position = await self._position(kind)
        newest, count = position, 0
        async for page in self._realm.pages(kind, position - OVERLAP):
            count += await self._keep(page)
            newest = max([newest, *(event.time for event in page)])
        if newest > position:
            await self._move(kind, newest)
        return count

    async def _position(self, kind: str) -> datetime:
        found = await self._store.backend.find_one(POSITIONS, {"_id": kind, "tenant": "-"})
        if found is not None:
            position: datetime = found["time"]
            return position
        now = self._clock()
        await self._move(kind, now)
        return now

    async def _move(self, kind: str, time: datetime) -> None:
        # The later of two wins: a replica that was paused must not take the position back.
        query = {"_id": kind, "tenant": "-"}
        await self._store.backend.write([Update(POSITIONS, query, {"$max": {"time": time}}, strict=False, upsert=True)])

    async def _keep(self, page: Sequence[RealmEvent]) -> int:
        """Keeps those that are new, all or none of them."""
        events = {event.id: event for event in page}
        if not events:
            return 0
        query = {"_id": {"$in": sorted(events)}, "tenant": self._home}
        known = {row["_id"] for row in await self._store.backend.find(REALM_EVENTS, query, projection={"_id": 1})}
        new = sorted((event for event in events.values() if event.id not in known), key=lambda event: (event.time, event.id))
        async with self._store.transaction() as tx:
            for event in new:
                actor = ctx.Actor(id=event.actor_id) if event.actor_id else _REALM
                with ctx.use(ctx.Context(tenant=self._home, actor=actor)):
                    event.tell()
                    tx.add(event, at=event.time)
        return len(new)
