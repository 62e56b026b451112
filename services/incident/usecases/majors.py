"""Major incidents: one public method per command, one transaction each. What concerns many is done after the answer."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain.incident import Incident
from services.incident.domain.major import Major, MajorReview, MajorRole, MajorState
from services.incident.domain.moment import Act
from services.incident.domain.states import State
from services.incident.domain.status_update import Audience, StatusUpdate
from services.incident.usecases.acting import act
from services.incident.usecases.families import Families, Task
from services.incident.usecases.impacts import MAJOR_CLAIM, Impacts
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.reading import COUNTED, Asked, Document, Paged, Reading

MAJORS, STATUS_UPDATES = "majors", "status_updates"
DUE_FIELD = "next_update_time"
MOST_NAMED = 1_000
MOST_ANNOUNCED = 20
SHOWN_AFTER = timedelta(hours=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What was last said to everybody about a major incident."""

    id: str
    number: str
    text: str
    create_time: datetime
    next_update_time: datetime | None
    resolved: bool


class Majors:
    """What people do with major incidents. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self, store: Store, incidents: Incidents, reading: Reading, incident_list: Listing, *, ids: Ids = new_id
    ) -> None:
        self._store, self._incidents, self._reading, self._listing = store, incidents, reading, incident_list
        self._families, self._impacts, self._ids = Families(store), Impacts(store), ids

    async def propose(self, fields: Mapping[str, Any]) -> Major:
        """A candidate. Raises `AlreadyExists` where the incident has a major one that was not declined."""
        number, now = await self._store.number("MAJ"), act(self._store)
        async with self._store.transaction() as tx:
            incident = await self._incident(str(fields["incident_id"]))
            if (holder := await tx.holder(MAJOR_CLAIM, incident["_id"])) is not None:
                raise AlreadyExists("major", holder, f"{holder} is for this incident")
            said = {**fields, "incident_id": incident["_id"], "title": fields.get("title") or incident["title"]}
            major = Major.propose(now, id=self._ids("maj"), number=number, **said)
            major.impacted_service_ids = await self._impacts.known(incident["_id"])
            tx.claim(MAJOR_CLAIM, incident["_id"], major.id)
            tx.add(major)
        return major

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Major:  # noqa: A002 - as its field
        """Changes the named fields. Raises `Invalid` for its incident, which stays."""
        async with self._changing(id, etag) as (major, now):
            if fields.get("incident_id", major.incident_id) != major.incident_id:
                raise Invalid({"incident_id": "cannot be changed"})
            major.edit(now, **{name: value for name, value in fields.items() if name != "incident_id"})
        return major

    async def declare(self, id: str, commander_id: str, checklist: Sequence[str], *, etag: str = "") -> Major:  # noqa: A002 - as above
        """It is one. Its incident must not be over."""
        async with self._changing(id, etag) as (major, now):
            incident = await self._incident(major.incident_id)
            if not State(incident["state"]).is_open:
                raise ForbiddenMove(incident["state"], "declare", "its incident is not open any more")
            major.declare(now, commander_id, checklist)
        return major

    async def decline(self, id: str, reason: str, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """It is none: its incident may be proposed again."""
        async with self._store.transaction() as tx, self._changing(id, etag) as (major, now):
            major.decline(now, reason)
            tx.release(MAJOR_CLAIM, major.incident_id)
        return major

    async def staff(self, id: str, role: MajorRole, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """Gives a role to somebody, or to nobody."""
        async with self._changing(id, etag) as (major, now):
            major.staff(now, role)
        return major

    async def extend(self, id: str, texts: Sequence[str], *, etag: str = "") -> Major:  # noqa: A002 - as above
        """More is not to be forgotten."""
        async with self._changing(id, etag) as (major, now):
            major.extend(now, texts)
        return major

    async def check(self, id: str, key: str, *, undone: bool, etag: str = "") -> Major:  # noqa: A002 - as above
        """An item is done, or not after all."""
        async with self._changing(id, etag) as (major, now):
            major.check(now, key, undone=undone)
        return major

    async def link_children(self, id: str, incident_ids: Sequence[str], filter_text: str) -> int:  # noqa: A002 - as above
        """Lets others become children of its incident; says how many were named, or match by now."""
        await self._store.get(Major, id)
        if bool(incident_ids) == bool(filter_text):
            raise Invalid({"incident_ids": "name incidents, or say a filter"})
        if len(incident_ids) > MOST_NAMED:
            raise Invalid({"incident_ids": f"may be {MOST_NAMED}, not {len(incident_ids)}: say a filter"})
        wanted = len(incident_ids)
        if filter_text:
            query = self._listing.page(ctx.current().tenant, filter_text).query
            wanted = await self._store.count("incidents", query, limit=COUNTED)
        async with self._store.transaction() as tx:
            major = await tx.get(Major, id)
            if not major.state.is_open:
                raise ForbiddenMove(major.state, "linkChildren")
            said = {"ids": sorted(set(incident_ids)), "filter": filter_text}
            await self._families.begin(Task.ADOPT, major.incident_id, **said)
            tx.save(major)
        return wanted

    async def resolve(self, id: str, code: str, text: str, *, children: bool, etag: str = "") -> Major:  # noqa: A002 - as above
        """It is over, and with it its incident and, where wished, the children of that."""
        async with self._changing(id, etag) as (major, now):
            major.resolve(now, resolution_code=code, resolution=text)
            incident = await self._incident(major.incident_id)
            if State(incident["state"]).is_open:
                await self._incidents.resolve(major.incident_id, code, text, resolve_children=children)
        return major

    async def reopen(self, id: str, reason: str, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """It is not over; its incident is reopened where that is wished of it."""
        async with self._changing(id, etag) as (major, now):
            major.reopen(now, reason)
        return major

    async def review(self, id: str, review: MajorReview, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """What was learned."""
        async with self._changing(id, etag) as (major, now):
            major.learn(now, review)
        return major

    async def complete(self, id: str, key: str, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """An action of the review is done."""
        async with self._changing(id, etag) as (major, now):
            major.complete(now, key)
        return major

    async def close(self, id: str, *, etag: str = "") -> Major:  # noqa: A002 - as above
        """Over for good."""
        async with self._changing(id, etag) as (major, now):
            major.close(now)
        return major

    async def tell(self, id: str, text: str, audience: Audience, next_time: datetime | None) -> StatusUpdate:  # noqa: A002 - as above
        """A status update; a public one becomes a public note of the incident and of those below it."""
        async with self._store.transaction() as tx, self._changing(id, "") as (major, now):
            update = StatusUpdate.given(
                now,
                id=self._ids("upd"),
                about=self._store.kinds[Major].subject(major.id),
                text=text,
                audience=audience,
                next_update_time=next_time,
            )
            major.told(now, next_time)
            tx.add(update)
            if audience is Audience.PUBLIC:
                await self._incidents.note(major.incident_id, text, True, to_children=True)
        return update

    async def updates(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what was told of it, newest first."""
        document = await self._store.document(Major, id)
        about = self._store.kinds[Major].subject(document["_id"])
        return await self._reading.page(StatusUpdate, Asked(f'about = "{about}"', "", asked.size, asked.token))

    async def announced(self) -> list[Announcement]:
        """The newest public word on each major incident that is declared or was resolved lately, the latest first."""
        shown = [
            {"state": MajorState.DECLARED.value},
            {"state": MajorState.RESOLVED.value, "resolve_time": {"$gt": self._store.clock() - SHOWN_AFTER}},
        ]
        # The row scope is of status updates. Of the major incidents themselves only what follows is told.
        with ctx.use(replace(ctx.current(), scope={})):
            majors = await self._store.find(MAJORS, {"$or": shown}, sort=[("create_time", -1)], limit=MOST_ANNOUNCED)
        found = []
        for major in majors:
            public = {"about": self._store.kinds[Major].subject(major["_id"]), "audience": Audience.PUBLIC.value}
            newest = await self._store.find(STATUS_UPDATES, public, sort=[("create_time", -1), ("_id", 1)], limit=1)
            for update in newest:
                over = major["state"] == MajorState.RESOLVED.value
                following = None if over else update.get("next_update_time")
                found.append(
                    Announcement(
                        id=update["_id"],
                        number=major["number"],
                        text=update["text"],
                        create_time=update["create_time"],
                        next_update_time=following,
                        resolved=over,
                    )
                )
        return sorted(found, key=lambda each: each.create_time, reverse=True)

    async def miss(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """What the timer calls: the promised update may not have come. Raises `Busy` to be run again."""
        if tenant != ctx.current().tenant:
            raise NotFound("tenant", tenant)
        async with self._store.transaction() as tx:
            major = await tx.get(Major, id)
            if major.miss(act(self._store)):
                tx.save(major)

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Major, Act]]:  # noqa: A002 - as above
        """The record inside a transaction, saved after the block."""
        async with self._store.transaction() as tx:
            major = await tx.get(Major, id, etag=etag)
            yield major, act(self._store)
            tx.save(major)

    async def _incident(self, id: str) -> Document:  # noqa: A002 - as above
        try:
            return await self._store.document(Incident, id)
        except NotFound:
            raise Invalid({"incident_id": "there is no such incident"}) from None
