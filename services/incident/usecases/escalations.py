"""Telling that a clock passed a step. The timer only says where to look; what is due is decided here and now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import part
from chassis.errors import NotFound
from chassis.store import Store, Transaction, Update
from services.incident.domain.escalation import Due
from services.incident.domain.incident import Incident
from services.incident.domain.levels import Moment
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
        return await self.together(tenant, [id])

    async def together(self, tenant: str, ids: Sequence[str]) -> Sequence[Due]:
        """The same for several in one transaction, each with a correlation of its own: one that has changed meanwhile makes
        all of them `Busy`.
        """
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        moment = await self._policies.moment()
        told: list[Due] = []
        async with self._store.transaction() as tx:
            records: Sequence[Incident | Promised] = await tx.find(self._kind, {"_id": {"$in": list(ids)}})
            heard = await _heard(self._store, records, moment.at)
            for record in records:
                with ctx.use(replace(ctx.current(), correlation_id=uuid4().hex)):
                    told += self._tell(tx, record, moment, heard.get(record.id))
        return told

    def _tell(self, tx: Transaction, record: Incident | Promised, moment: Moment, heard: datetime | None) -> Sequence[Due]:
        told: list[Due] = []
        before = record.version
        record.catch_up(moment, heard=heard)
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
    return (await _heard(store, [record], now)).get(record.id)


async def _heard(store: Store, records: Sequence[Incident | Promised], now: datetime) -> Mapping[str, datetime]:
    """The same of several, in one question where any of them waits."""
    waiting = {
        store.kinds[type(record)].subject(record.id): (record, since)
        for record in records
        if (since := record.waits_since(now)) is not None
    }
    if not waiting:
        return {}
    either = [
        {"about": about, "create_time": {"$gt": since}, "author_id": {"$ne": record.requester_id}}
        for about, (record, since) in waiting.items()
    ]
    query = {"tenant": ctx.current().tenant, "public": True, "$or": either}
    notes = await store.backend.find("notes", query, sort=[("create_time", 1)], projection={"about": 1, "create_time": 1})
    return {waiting[note["about"]][0].id: note["create_time"] for note in notes}


def _complete(record: Incident | Promised, due: Due) -> None:
    """The clock as it is after the step, which the domain cannot say: it knows no messages of the outside."""
    if isinstance(record.recorded, pb.IncidentEscalated | pb.RequestEscalated):
        record.recorded.clock.CopyFrom(part(due.clock, pb.Clock))
