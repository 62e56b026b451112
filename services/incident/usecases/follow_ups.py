"""What follows by itself while an incident waits. The timer only says where to look; what is due is decided here and now."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import ForbiddenMove, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store, Transaction, Update
from services.incident.domain.calendar import ROUND_THE_CLOCK, BusinessCalendar, Calendar
from services.incident.domain.follow_up import CODE, FollowUpPolicy, Step
from services.incident.domain.incident import Incident
from services.incident.usecases.cupboard import Cupboard
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies

LATER = timedelta(hours=1)
"""When it is tried again what a rule forbids for now, such as to close what has open children."""


class FollowUpPolicies(Cupboard[FollowUpPolicy]):
    """The policies; one holds for what begins to wait after it was made."""

    def __init__(self, store: Store, listing: Listing) -> None:
        super().__init__(store, FollowUpPolicy, listing, "fup", claim=lambda policy: policy.key)

    async def create(self, fields: Mapping[str, Any]) -> FollowUpPolicy:
        """A new one. Raises `Invalid` for a calendar that is not there, and a second one of a stage and reason."""
        if not fields.get("stage"):
            raise Invalid({"stage": "is needed"})
        await self._check(fields)
        return await super().create(fields)

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> FollowUpPolicy:  # noqa: A002 - as its field
        """Changes named fields."""
        await self._check(fields)
        return await super().update(id, fields, etag=etag)

    async def _check(self, fields: Mapping[str, Any]) -> None:
        calendar = fields.get("calendar_id", ROUND_THE_CLOCK)
        if calendar != ROUND_THE_CLOCK:
            try:
                BusinessCalendar(await self._store.get(Calendar, calendar))
            except NotFound:
                raise Invalid({"calendar_id": "there is no such calendar"}) from None


class FollowUps:
    """What the timer calls, in the context of the incident's tenant. Late and doubled calls do no harm."""

    def __init__(self, store: Store, policies: Policies, incidents: Incidents) -> None:
        self._store, self._policies, self._incidents = store, policies, incidents

    async def follow(self, tenant: str, id: str) -> Step | None:  # noqa: A002 - the field's name everywhere
        """Makes the step that is due by now, and says which; never while its calendar is closed. Raises `Busy`."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            try:
                incident = await tx.get(Incident, id)
            except NotFound:
                return None
            if incident.follow_up_time is None or incident.follow_up_time > moment.at:
                return None
            policy = moment.levels.follow_up(incident.state, incident.hold_reason)
            step = policy.step(incident.reminded) if policy is not None else None
            if policy is None or step is None:
                self._plan(tx, incident, None)
                return None
            calendar = moment.levels.calendar(policy.calendar_id)
            if not calendar.is_open(moment.at):
                self._plan(tx, incident, calendar.next_opening(moment.at))
                return None
            if step is Step.CLOSE and (due := await self._answered(incident, policy, calendar)) and due > moment.at:
                self._plan(tx, incident, due)
                return None
            if step is Step.REMIND:
                incident.remind(moment)
                tx.save(incident)
                return step
            try:
                await self._end(incident.id, policy, step)
            except ForbiddenMove:
                self._plan(tx, incident, calendar.add(moment.at, LATER))
                return None
            return step

    async def _answered(self, incident: Incident, policy: FollowUpPolicy, calendar: BusinessCalendar) -> datetime | None:
        """When it is to be closed after what its reporter has said since it was resolved, so that somebody reads that first;
        None where he said nothing. Notes leave the incident alone, so only here is it known."""
        query = {
            "tenant": ctx.current().tenant,
            "about": self._store.kinds[Incident].subject(incident.id),
            "public": True,
            "create_time": {"$gt": incident.resolve_time},
            "author_id": incident.requester_id,
        }
        notes = await self._store.backend.find("notes", query, sort=[("create_time", -1)], limit=1)
        return policy.due(incident.reminded, notes[0]["create_time"], calendar) if notes else None

    async def _end(self, id: str, policy: FollowUpPolicy, step: Step) -> None:  # noqa: A002 - as above
        if step is Step.CLOSE:
            await self._incidents.close(id)
        else:
            await self._incidents.resolve(id, CODE, policy.resolution)

    def _plan(self, tx: Transaction, incident: Incident, at: datetime | None) -> None:
        """Keeps when to look again where nothing is told: nobody outside sees it, so it is no change."""
        query = {"tenant": ctx.current().tenant, "_id": incident.id, "version": incident.version}
        tx.write(Update("incidents", query, {"$set": {"follow_up_time": at}}))
        self._store.recent.pop((ctx.current().tenant, Incident, incident.id), None)
