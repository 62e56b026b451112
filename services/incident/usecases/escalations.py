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
from services.incident.domain.promised import Promised
from services.incident.usecases.policies import Policies


class Escalations:
    """What the timer calls, in the context of the record's tenant. Late and doubled calls do no harm.

    `kind` is that of the records: incidents, or another one with clocks.
    """

    def __init__(self, store: Store, policies: Policies, kind: type[Incident] | type[Promised] = Incident) -> None:
        self._store = store
        self._policies = policies
        self._kind = kind

    async def escalate(self, tenant: str, id: str) -> Sequence[Due]:  # noqa: A002 - the field's name everywhere
        """Tells of every step that is due by now, each stamped at its due instant, and plans the next.

        A record that is gone is none of the timer's business any more. Raises `Busy` to be run again.
        """
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        moment = await self._policies.moment()
        told: list[Due] = []
        async with self._store.transaction() as tx:
            try:
                record: Incident | Promised = await tx.get(self._kind, id)
            except NotFound:
                return told
            before = record.version
            record.catch_up(moment, heard=await last_heard(self._store, record, moment.at))
            tx.save(record)
            while (due := record.escalate(moment)) is not None:
                _complete(record, due)
                tx.save(record, at=due.at)
                told.append(due)
            if record.version == before:
                self._plan(tx, record)
        return told

    def _plan(self, tx: Transaction, record: Incident | Promised) -> None:
        """Keeps when to look again where nothing else was to be told: nobody outside sees it, so it is no change."""
        record.plan()
        query = {"tenant": ctx.current().tenant, "_id": record.id, "version": record.version}
        collection = self._store.kinds[self._kind].collection
        tx.write(Update(collection, query, {"$set": {"next_due_time": record.next_due_time}}))


async def last_heard(store: Store, record: Incident | Promised, now: datetime) -> datetime | None:
    """When the requester last heard of a record whose clock for that is about to say something; None when nothing new.

    Notes leave the record alone, so its clock learns of them only here: before anything is told of it.
    """
    since = record.waits_since(now)
    if since is None:
        return None
    query = {
        "tenant": ctx.current().tenant,
        "about": store.kinds[type(record)].subject(record.id),
        "public": True,
        "create_time": {"$gt": since},
        "author_id": {"$ne": record.requester_id},
    }
    notes = await store.backend.find("notes", query, sort=[("create_time", -1)], limit=1)
    return notes[0]["create_time"] if notes else None


def _complete(record: Incident | Promised, due: Due) -> None:
    """The clock as it is after the step, which the domain cannot say: it knows no messages of the outside."""
    if isinstance(record.recorded, pb.IncidentEscalated | pb.RequestEscalated):
        record.recorded.clock.CopyFrom(part(due.clock, pb.Clock))
