"""Service-level policies and calendars of a tenant, and what they promise together at one moment.

A changed policy holds for clocks that start or are re-targeted after it; a changed calendar counts from its instant on, for
running clocks too, whose timers are woken to plan anew.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import from_document, to_document
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound
from chassis.store import Insert, Store, Transaction
from services.incident.domain.calendar import EPOCH, ROUND_THE_CLOCK, BusinessCalendar, Calendar
from services.incident.domain.clock import ClockState
from services.incident.domain.follow_up import FollowUpPolicy
from services.incident.domain.levels import Moment, Revision, ServiceLevels
from services.incident.domain.sla import DEFAULT_POLICY_ID, SlaPolicy, default_policy
from services.incident.domain.states import OPEN
from services.incident.usecases.acting import act

VERSIONS = "calendar_versions"
"""Every version of every calendar, because running and decided clocks count by the one of their time."""

CACHED_SECONDS = 1.0
NAME_LENGTH = 200
MOST_VALUES = 1_000
MOST_WINDOWS = 100


class Policies:
    """What is promised. `levels` may be a second old where another process made the change."""

    def __init__(self, store: Store, *, ids: Ids = new_id, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._ids = ids
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, ServiceLevels]] = {}

    async def levels(self) -> ServiceLevels:
        """The policies and calendars of the caller's tenant."""
        tenant, now = ctx.current().tenant, self._monotonic()
        kept = self._levels.get(tenant)
        if kept is not None and now - kept[0] < CACHED_SECONDS:
            return kept[1]
        # A row scope bounds what its caller may read of policies, never what an incident owes.
        with ctx.use(replace(ctx.current(), scope={})):
            policies = [from_document(row, SlaPolicy) for row in await self._store.find("sla_policies", {})]
            calendars = [_revision(row) for row in await self._store.find(VERSIONS, {})]
            follow_ups = [from_document(row, FollowUpPolicy) for row in await self._store.find("follow_up_policies", {})]
        levels = ServiceLevels(policies, calendars, follow_ups)
        self._levels[tenant] = (now, levels)
        return levels

    async def moment(self) -> Moment:
        """Now, by the caller, under what is promised now."""
        now = act(self._store)
        return Moment(at=now.at, by=now.by, by_person=now.by_person, levels=await self.levels())

    async def create_policy(self, fields: Mapping[str, Any]) -> SlaPolicy:
        """A new policy. Raises `Invalid` for one that promises nothing or names a calendar that is not there."""
        now = self._store.clock()
        async with self._store.transaction() as tx:
            policy = SlaPolicy(id=self._ids("sla"), create_time=now, update_time=now, **fields)
            await self._check_policy(policy)
            policy.record(pb.SlaPolicyCreated())
            tx.add(policy)
        self._levels.pop(ctx.current().tenant, None)
        return policy

    async def update_policy(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> SlaPolicy:  # noqa: A002 - its name
        """Changes the named fields; nothing changed, nothing is told."""
        async with self._store.transaction() as tx:
            policy = await tx.get(SlaPolicy, id, etag=etag)
            if _changed(policy, fields, self._store.clock()):
                await self._check_policy(policy)
                policy.record(pb.SlaPolicyUpdated())
            tx.save(policy)
        self._levels.pop(ctx.current().tenant, None)
        return policy

    async def create_calendar(self, fields: Mapping[str, Any]) -> Calendar:
        """A new calendar. Raises `Invalid` for one that never opens."""
        now = self._store.clock()
        async with self._store.transaction() as tx:
            calendar = Calendar(id=self._ids("cal"), create_time=now, update_time=now, **fields)
            _check_calendar(calendar)
            calendar.record(pb.CalendarCreated())
            tx.add(calendar)
            _keep_version(tx, calendar)
        self._levels.pop(ctx.current().tenant, None)
        return calendar

    async def update_calendar(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Calendar:  # noqa: A002 - its name
        """Changes the named fields; running clocks count by the new hours from now on."""
        now = self._store.clock()
        async with self._store.transaction() as tx:
            calendar = await tx.get(Calendar, id, etag=etag)
            changed = _changed(calendar, fields, now)
            if changed:
                _check_calendar(calendar)
                await self._check_promises(calendar, now)
                calendar.record(pb.CalendarUpdated())
                tx.save(calendar)
                _keep_version(tx, calendar)
        if changed:
            self._levels.pop(ctx.current().tenant, None)
            await self._wake(calendar.id, now)
        return calendar

    async def policy(self, id: str) -> SlaPolicy:  # noqa: A002 - its name
        """One policy; `default` is the built-in one."""
        return default_policy() if id == DEFAULT_POLICY_ID else await self._store.get(SlaPolicy, id)

    async def calendar(self, id: str) -> Calendar:  # noqa: A002 - its name
        """One calendar; `24x7` is the built-in one."""
        if id == ROUND_THE_CLOCK:
            return Calendar(id=ROUND_THE_CLOCK, name="around the clock", around_the_clock=True)
        return await self._store.get(Calendar, id)

    async def _check_policy(self, policy: SlaPolicy) -> None:
        wrong = {} if 0 < len(policy.name.strip()) <= NAME_LENGTH else {"name": f"needs 1 to {NAME_LENGTH} characters"}
        for name in ("service_ids", "team_ids", "categories"):
            if len(getattr(policy, name)) > MOST_VALUES:
                wrong[name] = f"may have {MOST_VALUES} entries"
        if wrong:
            raise Invalid(wrong)
        policy.validate()
        if policy.calendar_id != ROUND_THE_CLOCK:
            try:
                calendar = await self._store.get(Calendar, policy.calendar_id)
            except NotFound:
                raise Invalid({"calendar_id": "there is no such calendar"}) from None
            if wrong := _unreachable(policy, BusinessCalendar(calendar), self._store.clock()):
                raise Invalid(wrong)

    async def _check_promises(self, calendar: Calendar, now: datetime) -> None:
        """Raises `Invalid` for hours in which what is promised by them could never be done: nobody could open anything."""
        hours = BusinessCalendar(calendar)
        for row in await self._store.find("sla_policies", {"calendar_id": calendar.id}):
            policy = from_document(row, SlaPolicy)
            if _unreachable(policy, hours, now):
                raise Invalid({"windows": f"too few for what {policy.name} promises"})

    async def _wake(self, calendar_id: str, now: datetime) -> None:
        """Lets the timer plan anew what runs by this calendar. Whatever else touches an incident first, plans anew itself."""
        running = {"$elemMatch": {"calendar_id": calendar_id, "state": ClockState.RUNNING.value}}
        query = {"tenant": ctx.current().tenant, "state": {"$in": sorted(OPEN)}, "clocks": running}
        await self._store.backend.update_many("incidents", query, {"$set": {"next_due_time": now}})


def _check_calendar(calendar: Calendar) -> None:
    if not 0 < len(calendar.name.strip()) <= NAME_LENGTH:
        raise Invalid({"name": f"needs 1 to {NAME_LENGTH} characters"})
    for name, most in (("windows", MOST_WINDOWS), ("holidays", MOST_VALUES)):
        if len(getattr(calendar, name)) > most:
            raise Invalid({name: f"may have {most} entries"})
    BusinessCalendar(calendar)


def _unreachable(policy: SlaPolicy, hours: BusinessCalendar, now: datetime) -> dict[str, str]:
    """The targets that the calendar's hours never add up to, with why."""
    wrong = {}
    for index, target in enumerate(policy.targets):
        if policy.calendar_for(target) == policy.calendar_id:
            try:
                hours.add(now, target.duration(hours))
            except Invalid as never:
                wrong[f"targets[{index}].amount"] = "; ".join(never.violations.values())
    return wrong


def _changed(record: SlaPolicy | Calendar, fields: Mapping[str, Any], now: datetime) -> bool:
    different = {name: value for name, value in fields.items() if getattr(record, name) != value}
    for name, value in different.items():
        setattr(record, name, value)
    if different:
        record.update_time = now
    return bool(different)


def _keep_version(tx: Transaction, calendar: Calendar) -> None:
    tenant = ctx.current().tenant
    kept = {**to_document(calendar), "_id": f"{tenant}|{calendar.id}|{calendar.version}", "calendar_id": calendar.id}
    tx.write(Insert(VERSIONS, {**kept, "tenant": tenant}))


def _revision(row: Mapping[str, Any]) -> Revision:
    calendar = from_document({**row, "_id": row["calendar_id"]}, Calendar)
    return Revision(BusinessCalendar(calendar), calendar.update_time or EPOCH)
