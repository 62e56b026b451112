"""Merging incidents, taking that back, and splitting one: each in one transaction, but for what may be many."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound
from chassis.store import Store, Transaction
from services.incident.domain.incident import Incident
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.major import Major
from services.incident.domain.note import Note
from services.incident.usecases.alerts import FIRING_CLAIM
from services.incident.usecases.families import Families, Task
from services.incident.usecases.impacts import MAJOR_CLAIM
from services.incident.usecases.incidents import OPEN_CLAIM
from services.incident.usecases.policies import Policies
from services.incident.usecases.routing import Routing

MOST_NOTES = 100
_KEPT = ("description", "impact", "urgency", "service_id", "asset_ids", "requester_id", "category")
"""What a part of an incident has as the whole, unless something else is said."""


class Joining:
    """Incidents that are one trouble, or two. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, policies: Policies, *, ids: Ids = new_id, routing: Routing | None = None) -> None:
        self._store, self._policies, self._ids, self._routing = store, policies, ids, routing
        self._families = Families(store, ids=ids)

    async def merge(self, id: str, into_id: str, *, etag: str = "") -> Incident:  # noqa: A002 - as its field
        """The incident that stays. Again changes nothing."""
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, id, etag=etag)
            try:
                other = await tx.get(Incident, into_id)
            except NotFound:
                raise Invalid({"into_id": "there is no such incident"}) from None
            if incident.id == other.id:
                raise Invalid({"into_id": "is the incident itself"})
            if incident.merged_into_id == other.id:
                return await self._store.get(Incident, other.id)
            await self._check_major(tx, incident)
            was = other.absorb(moment, incident)
            incident.merge(moment, other.id, was)
            for key in (incident.dedup_key, *incident.merged_keys):
                if key:
                    tx.point(OPEN_CLAIM, key, other.id)
            await self._families.begin(Task.COPY, incident.id, into_id=other.id, note_ids=[])
            await self._families.begin(Task.MOVE, incident.id, into_id=other.id)
            await self._families.done(incident.parent_ids)
            tx.save(incident)
            tx.save(other)
        return other

    async def unmerge(self, id: str, reason: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """The incident that is one of its own again. Raises `AlreadyExists` where another is open for its key by now."""
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, id, etag=etag)
            if not incident.merged_into_id:
                raise ForbiddenMove(incident.state, "unmerge", "it was not merged into another")
            other = await tx.get(Incident, incident.merged_into_id)
            if other.merged_into_id:
                raise ForbiddenMove(other.state, "unmerge", f"{other.number} was merged itself: take that back first")
            held = await tx.holders((FIRING_CLAIM, alert_id) for alert_id in incident.alert_ids)
            firing = sum(holder == incident.id for holder in held.values())
            other.release(moment, incident, firing)
            incident.unmerge(moment, reason, firing)
            await self._take_keys(tx, incident, other)
            await self._families.begin(Task.RETURN, incident.id, into_id=other.id)
            tx.save(incident)
            tx.save(other)
        return incident

    async def split(self, id: str, fields: Mapping[str, Any], note_ids: Sequence[str], *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """The new incident, whose clocks start now. Raises `Invalid` for notes that are not of the other."""
        if len(set(note_ids)) > MOST_NOTES:
            raise Invalid({"note_ids": f"may be {MOST_NOTES}, not {len(set(note_ids))}"})
        number, moment = await self._store.number("INC"), await self._policies.moment()
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, id, etag=etag)
            about = self._store.kinds[Incident].subject(incident.id)
            said = {name: getattr(incident, name) for name in _KEPT} | dict(fields)
            said |= {"source": incident.source, "links": [Link(kind=LinkKind.SPLIT_FROM, target=about)], "dedup_key": ""}
            placed = said if self._routing is None else await self._routing.placed(said)
            child = Incident.open(moment, id=self._ids("inc"), number=number, **placed)
            incident.split_off(moment, child.id)
            tx.add(child)
            tx.save(incident)
            await self._copy(tx, incident, child, note_ids, moment)
        return child

    async def children(self, id: str, *, most: int) -> tuple[int, int, int]:  # noqa: A002 - as above
        """How many there are, how many of them are open, and how much is under way for them."""
        document = await self._store.document(Incident, id)
        total, still_open = await self._families.count(f"incidents/{document['_id']}", most=most)
        return total, still_open, await self._families.under_way(document["_id"])

    async def _copy(
        self, tx: Transaction, incident: Incident, child: Incident, note_ids: Sequence[str], moment: Moment
    ) -> None:
        ids = list(dict.fromkeys(note_ids))
        about, source = (self._store.kinds[Incident].subject(each.id) for each in (child, incident))
        found = await self._store.find("notes", {"_id": {"$in": ids}, "about": source}, sort=[("_id", 1)]) if ids else []
        if len(found) != len(ids):
            raise Invalid({"note_ids": "there is no such note of this incident"})
        for note in found:
            public = note["public"] and child.requester_id == incident.requester_id
            said = {"text": note["text"], "by": note["author_id"], "at": note["create_time"], "public": public}
            tx.add(Note.taken_over(id=self._ids("note"), about=about, source=source, **said), at=moment.at)

    async def _check_major(self, tx: Transaction, incident: Incident) -> None:
        holder = await tx.holder(MAJOR_CLAIM, incident.id)
        if holder is not None and (await self._store.get(Major, holder)).state.is_open:
            raise ForbiddenMove(incident.state, "merge", "it is a major incident: merge the other into this one")

    async def _take_keys(self, tx: Transaction, incident: Incident, other: Incident) -> None:
        keys = [key for key in (incident.dedup_key, *incident.merged_keys) if key]
        held = await tx.holders((OPEN_CLAIM, key) for key in keys)
        for key in keys:
            holder = held.get((OPEN_CLAIM, key))
            if holder not in (None, other.id):
                raise AlreadyExists("incident", str(holder), f"{holder} is open for its deduplication key")
            tx.point(OPEN_CLAIM, key, incident.id)
