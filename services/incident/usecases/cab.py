"""Meetings of the change advisory board: one public method per command, one transaction each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chassis.domain import Ids, new_id
from chassis.errors import Invalid
from chassis.store import Store
from services.incident.domain.cab import CabMeeting
from services.incident.domain.spans import shifted
from services.incident.usecases.acting import act
from services.incident.usecases.gating import Gating

MEETINGS = "cab_meetings"
AHEAD = timedelta(weeks=4)
"""How far ahead an agenda looks where nobody says."""


class Meetings:
    """What people may do with meetings. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, gating: Gating, *, ids: Ids = new_id) -> None:
        self._store, self._gating, self._ids = store, gating, ids

    async def plan(self, fields: Mapping[str, Any]) -> CabMeeting:
        """A new meeting."""
        async with self._store.transaction() as tx:
            meeting = CabMeeting.planned(act(self._store), id=self._ids("cab"), **fields)
            tx.add(meeting)
        return meeting

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> CabMeeting:  # noqa: A002 - its name
        """Edits the named fields until it was held."""
        async with self._store.transaction() as tx:
            meeting = await tx.get(CabMeeting, id, etag=etag)
            meeting.edit(act(self._store), **fields)
            tx.save(meeting)
        return meeting

    async def collect(self, id: str, before: datetime | None, *, etag: str = "") -> CabMeeting:  # noqa: A002 - its name
        """Puts what waits for approval on the agenda. Raises `Invalid` for an instant that is not ahead of the meeting."""
        async with self._store.transaction() as tx:
            meeting = await tx.get(CabMeeting, id, etag=etag)
            until = before or shifted(meeting.end_time, AHEAD)
            if until <= meeting.start_time:
                raise Invalid({"before_time": "must lie behind the start of the meeting"})
            now = act(self._store)
            waiting = await self._gating.agenda(min(now.at, meeting.start_time), until)
            meeting.collect(now, [row["_id"] for row in waiting])
            tx.save(meeting)
        return meeting

    async def hold(self, id: str, *, etag: str = "") -> CabMeeting:  # noqa: A002 - its name
        """Was held."""
        async with self._store.transaction() as tx:
            meeting = await tx.get(CabMeeting, id, etag=etag)
            meeting.hold(act(self._store))
            tx.save(meeting)
        return meeting

    async def cancel(self, id: str, *, etag: str = "") -> CabMeeting:  # noqa: A002 - its name
        """Is not held."""
        async with self._store.transaction() as tx:
            meeting = await tx.get(CabMeeting, id, etag=etag)
            meeting.cancel(act(self._store))
            tx.save(meeting)
        return meeting
