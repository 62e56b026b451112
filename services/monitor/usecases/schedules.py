"""Schedules: made, changed, read; and who is on call by them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import Invalid
from chassis.listing import Listing
from chassis.store import Store
from services.monitor.domain.rotation import LONGEST, Override, Shift
from services.monitor.domain.schedule import Schedule
from services.monitor.usecases.keeping import MOST, Keeping
from services.monitor.usecases.reading import THERE

SCHEDULES = "schedules"
USUAL = timedelta(days=14)
MOST_SHIFTS = 2_500
"""Of one person in one answer."""

Duty = tuple[Schedule, Shift | None, Shift | None]


class Schedules(Keeping[Schedule]):
    """What people may do with schedules."""

    def __init__(self, store: Store, listing: Listing, *, ids: Ids = new_id) -> None:
        super().__init__(store, listing, Schedule, "schedule", ids)

    async def create(self, fields: Mapping[str, Any]) -> Schedule:
        """A new schedule. Raises `Invalid`; also for one more than are looked at."""
        by, now = ctx.current().actor.id, self._store.clock()
        return await self._add(Schedule.made(id=self._ids("ocs"), by=by, at=now, **fields), "schedules")

    async def add_override(
        self,
        id: str,  # noqa: A002 - as above
        user_id: str,
        start: datetime | None,
        end: datetime | None,
        comment: str = "",
        *,
        etag: str = "",
    ) -> Schedule:
        """Puts somebody on call, from now on without a start. Raises `Invalid`."""
        if end is None:
            raise Invalid({"end_time": "must say when it ends"})
        now = self._store.clock()
        made = Override(
            id=self._ids("ovr"),
            user_id=user_id,
            start_time=start or now,
            end_time=end,
            comment=comment,
            creator_id=ctx.current().actor.id,
        )
        async with self._changing(id, etag) as schedule:
            schedule.add_override(made, now)
        return schedule

    async def remove_override(self, id: str, override_id: str, *, etag: str = "") -> Schedule:  # noqa: A002 - as above
        """Takes an override back. Raises `NotFound`."""
        async with self._changing(id, etag) as schedule:
            schedule.remove_override(override_id, self._store.clock())
        return schedule

    async def hand_over(self, id: str, text: str, *, etag: str = "") -> Schedule:  # noqa: A002 - as above
        """Writes the hand-over note. Raises `Invalid`."""
        async with self._changing(id, etag) as schedule:
            schedule.hand_over(text, ctx.current().actor.id, self._store.clock())
        return schedule

    async def duty(self, id: str, at: datetime | None) -> Duty:  # noqa: A002 - as above
        """Who is on call by a schedule, and who comes next. Raises `NotFound`."""
        schedule = await self.known(id)
        return (schedule, *schedule.duty(at or self._store.clock()))

    async def duties(self, at: datetime | None, team_id: str) -> Sequence[Duty]:
        """The same by each schedule, or each of a team, by name."""
        moment = at or self._store.clock()
        found = []
        for each in await self._all({"team_id": team_id} if team_id else {}):
            found.append((each, *each.duty(moment)))
            await asyncio.sleep(0)  # others get their turn
        return found

    async def shifts(self, id: str, start: datetime | None, end: datetime | None) -> list[tuple[Schedule, Shift]]:  # noqa: A002 - as above
        """The shifts of a schedule in a time. Raises `NotFound` and `Invalid`."""
        begin, until = self._span(start, end)
        schedule = await self.known(id)
        return [(schedule, each) for each in schedule.rota.shifts(begin, until)]

    async def preview(
        self,
        fields: Mapping[str, Any],
        start: datetime | None,
        end: datetime | None,
        id: str = "",  # noqa: A002 - as above
    ) -> list[tuple[Schedule, Shift]]:
        """The shifts of a schedule that is not kept, with the overrides of one that is. Raises `Invalid` and `NotFound`."""
        begin, until = self._span(start, end)
        made = Schedule.made(id=id, by="", at=begin, **fields)
        if id:
            made.overrides = (await self.known(id)).overrides
        return [(made, each) for each in made.rota.shifts(begin, until)]

    async def mine(self, start: datetime | None, end: datetime | None) -> list[tuple[Schedule, Shift]]:
        """The caller's shifts of all schedules in a time, the earliest first. Raises `Invalid`."""
        begin, until = self._span(start, end)
        caller = ctx.current().actor.id
        named = {"$or": [{"layers.user_ids": caller}, {"overrides.user_id": caller}]}
        found: list[tuple[Schedule, Shift]] = []
        for schedule in await self._all(named):
            found += [(schedule, shift) for shift in schedule.rota.shifts(begin, until) if shift.user_id == caller]
            if len(found) > MOST_SHIFTS:
                raise Invalid({"end_time": f"there are more than {MOST_SHIFTS} shifts until then: name an earlier end"})
            await asyncio.sleep(0)  # others get their turn
        return sorted(found, key=lambda each: (each[1].start_time, each[0].id))

    async def _all(self, query: Mapping[str, Any]) -> list[Schedule]:
        rows = await self._store.find(SCHEDULES, {**THERE, **query}, sort=[("name", 1), ("_id", 1)], limit=MOST)
        return [from_document(row, Schedule) for row in rows]

    def _span(self, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        begin = start or self._store.clock()
        until = end or begin + USUAL
        if until <= begin:
            raise Invalid({"end_time": "must come after the start"})
        if until - begin > LONGEST:
            raise Invalid({"end_time": f"may be {LONGEST.days} days after the start"})
        return begin, until
