"""Telling that a clock passed a step. The timer only says where to look; what is due is decided here and now."""

from collections.abc import Sequence
from datetime import datetime

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import part
from chassis.errors import NotFound
from chassis.store import Store, Transaction, Update
from services.incident.domain.escalation import Due
from services.incident.domain.incident import Incident
from services.incident.usecases.policies import Policies


class Escalations:
    """What the timer calls, in the context of the incident's tenant. Late and doubled calls do no harm."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def escalate(self, tenant: str, id: str) -> Sequence[Due]:  # noqa: A002 - the field's name everywhere
        """Tells of every step that is due by now, each stamped at its due instant, and plans the next.

        An incident that is gone is none of the timer's business any more. Raises `Busy` to be run again.
        """
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        moment = await self._policies.moment()
        told: list[Due] = []
        async with self._store.transaction() as tx:
            try:
                incident = await tx.get(Incident, id)
            except NotFound:
                return told
            before = incident.version
            incident.catch_up(moment, heard=await last_heard(self._store, incident, moment.at))
            tx.save(incident)
            while (due := incident.escalate(moment)) is not None:
                _complete(incident, due)
                tx.save(incident, at=due.at)
                told.append(due)
            if incident.version == before:
                self._plan(tx, incident)
        return told

    def _plan(self, tx: Transaction, incident: Incident) -> None:
        """Keeps when to look again where nothing else was to be told: nobody outside sees it, so it is no change."""
        incident.plan()
        query = {"tenant": ctx.current().tenant, "_id": incident.id, "version": incident.version}
        tx.write(Update("incidents", query, {"$set": {"next_due_time": incident.next_due_time}}))


async def last_heard(store: Store, incident: Incident, now: datetime) -> datetime | None:
    """When the reporter last heard of an incident whose clock for that is about to say something; None when nothing new.

    Notes leave the incident alone, so its clock learns of them only here: before anything is told of it.
    """
    since = incident.waits_since(now)
    if since is None:
        return None
    query = {
        "tenant": ctx.current().tenant,
        "about": store.kinds[Incident].subject(incident.id),
        "public": True,
        "create_time": {"$gt": since},
        "author_id": {"$ne": incident.requester_id},
    }
    notes = await store.backend.find("notes", query, sort=[("create_time", -1)], limit=1)
    return notes[0]["create_time"] if notes else None


def _complete(incident: Incident, due: Due) -> None:
    """The clock as it is after the step, which the domain cannot say: it knows no messages of the outside."""
    if isinstance(incident.recorded, pb.IncidentEscalated):
        incident.recorded.clock.CopyFrom(part(due.clock, pb.Clock))
