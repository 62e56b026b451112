"""The steps of what passes to an incident's family, a few incidents in each (`families.py` says when and how often)."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.listing import Listing
from chassis.store import Store
from services.incident.domain import limits
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.domain.states import OPEN
from services.incident.usecases.families import STEP, Document, Families, Step, Task, children_of
from services.incident.usecases.incidents import LONGEST_CHAIN, Incidents
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies

CHILDREN_DONE = "children-done"
"""The code of an incident that is done with its last child."""

_STATES = {"$in": sorted(state.value for state in OPEN)}


class FamilySteps:
    """One method for each task, inside of a transaction and in the name of who began it."""

    def __init__(
        self, store: Store, incidents: Incidents, policies: Policies, listings: Mapping[str, Listing], notes: Notes
    ) -> None:
        self._store, self._incidents, self._policies, self._notes = store, incidents, policies, notes
        self._listings = listings
        self._families = Families(store)

    @property
    def all(self) -> Mapping[Task, Step]:
        """The step of each task."""
        return {
            Task.RESOLVE: self.resolve,
            Task.TELL: self.tell,
            Task.ADOPT: self.adopt,
            Task.MOVE: self.move,
            Task.RETURN: self.give_back,
            Task.COPY: self.copy,
            Task.SETTLE: self.settle,
        }

    async def resolve(self, row: Document, cursor: str) -> str:
        """Open children are resolved as their parent was, and theirs as well."""
        ids, last = await self._next({**children_of(_subject(row["incident_id"])), "state": _STATES}, cursor)
        for child in await self._found(ids):
            if child.state.is_open:
                await self._incidents.resolve(child.id, row["code"], row["text"], resolve_children=True)
        return last

    async def tell(self, row: Document, cursor: str) -> str:
        """Who reported a child, or what was merged, reads what the reporter of this one reads. It wakes nothing."""
        merged: Document = {"_id": {"$in": row["merged_ids"]}}
        among = {"$or": [merged, children_of(_subject(row["incident_id"]))]} if row["children"] else merged
        ids, last = await self._next(among, cursor)
        said = Act(self._store.clock(), row["by"])
        async with self._store.transaction() as tx:
            for child in await self._found(ids):
                if not child.state.is_final or child.id in row["merged_ids"]:
                    tx.add(self._notes.said(Incident, child.id, row["text"], True, said))
        return last

    async def adopt(self, row: Document, cursor: str) -> str:
        """Those that were named, or match, become children, but for whoever has a parent or stands above it already."""
        among: Document = {"create_time": {"$lte": row["create_time"]}, "state": _STATES}
        if row["ids"]:
            among = {**among, "_id": {"$in": row["ids"]}}
        else:
            asked = self._listings["incidents"].page(ctx.current().tenant, row["filter"]).query
            among = {"$and": [asked, among]}
        ids, last = await self._next(among, cursor)
        moment = await self._policies.moment()
        above = await self._above(row["incident_id"])
        link = Link(kind=LinkKind.PARENT, target=_subject(row["incident_id"]))
        async with self._store.transaction() as tx:
            for child in await self._found([each for each in ids if each not in above]):
                if not child.parent_ids and len(child.links) < limits.LINKS:
                    child.link(moment, link)
                    tx.save(child)
        return last

    async def move(self, row: Document, cursor: str) -> str:
        """Children of what was merged become those of what it was merged into, but for those that stand above it."""
        if not await self._still_merged(row):
            return ""
        ids, last = await self._next(children_of(_subject(row["incident_id"])), cursor)
        moment = await self._policies.moment()
        above = await self._above(row["into_id"])
        async with self._store.transaction() as tx:
            for child in await self._found(ids):
                child.move_up(moment, row["incident_id"], "" if child.id in above else row["into_id"])
                tx.save(child)
        return last

    async def give_back(self, row: Document, cursor: str) -> str:
        """Children that a merger moved are those of their first parent again, unless it was merged anew."""
        if await self._still_merged(row):
            return ""
        moves = [f"{row['incident_id']}>{row['into_id']}", f"{row['incident_id']}>"]
        ids, last = await self._next({"moved_from": {"$in": moves}}, cursor)
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            for child in await self._found(ids):
                child.move_back(moment, row["incident_id"], row["into_id"])
                tx.save(child)
        return last

    async def copy(self, row: Document, cursor: str) -> str:
        """What was said about what was merged is a private note of the other: its reporter is another."""
        if not await self._still_merged(row):
            return ""
        # What is told to its reporter since then comes from the other.
        which = {"_id": {"$in": row["note_ids"]}} if row["note_ids"] else {"create_time": {"$lte": row["create_time"]}}
        query: Document = {"about": _subject(row["incident_id"]), **which}
        rows = await self._store.find("notes", {"$and": [query, {"_id": {"$gt": cursor}}]}, sort=[("_id", 1)], limit=STEP)
        ids = {str(note["_id"]): _copied(str(note["_id"]), row["into_id"]) for note in rows}
        there = {each["_id"] for each in await self._store.find("notes", {"_id": {"$in": sorted(ids.values())}})}
        async with self._store.transaction() as tx:
            for note in (each for each in rows if ids[str(each["_id"])] not in there):
                said = {"text": note["text"], "by": note["author_id"], "at": note["create_time"], "public": False}
                about, source = _subject(row["into_id"]), _subject(row["incident_id"])
                tx.add(Note.taken_over(id=ids[str(note["_id"])], about=about, source=source, **said), at=note["create_time"])
        return str(rows[-1]["_id"]) if len(rows) == STEP else ""

    async def settle(self, row: Document, _cursor: str) -> str:
        """An incident that is done with its children is resolved when none of them is open."""
        async with self._store.transaction() as tx:
            try:
                incident = await tx.get(Incident, row["incident_id"])
            except NotFound:
                return ""
            if not incident.state.is_open or not incident.ends_with_children:
                return ""
            children, still_open = await self._families.count(_subject(incident.id), most=1)
            if children and not still_open:
                await self._incidents.resolve(incident.id, CHILDREN_DONE, "All of its children are done.")
        return ""

    async def _still_merged(self, row: Document) -> bool:
        """Whether what was merged is so yet: a merger that was taken back goes on no further."""
        rows = await self._store.find("incidents", {"_id": row["incident_id"]}, limit=1)
        return bool(rows) and rows[0].get("merged_into_id") == row["into_id"]

    async def _next(self, query: Document, cursor: str) -> tuple[list[str], str]:
        """The next few by id, and the cursor after them."""
        after = {"$and": [query, {"_id": {"$gt": cursor}}]}
        rows = await self._store.find("incidents", after, sort=[("_id", 1)], limit=STEP)
        ids = [str(each["_id"]) for each in rows]
        return ids, ids[-1] if len(ids) == STEP else ""

    async def _found(self, ids: Sequence[str]) -> list[Incident]:
        async with self._store.transaction() as tx:
            return await tx.find(Incident, {"_id": {"$in": list(ids)}}) if ids else []

    async def _above(self, id: str) -> set[str]:  # noqa: A002 - the field's name everywhere
        """The incident and those above it."""
        above: set[str] = set()
        level = {id}
        for _ in range(LONGEST_CHAIN):
            above |= level
            level = await self._families.parents(level) - above
            if not level:
                break
        return above


def _copied(id: str, into_id: str) -> str:  # noqa: A002 - as above
    """The id of a note's copy: the same each time, so that merging again says nothing twice."""
    return f"note_{sha256(f'{id}|{into_id}'.encode()).hexdigest()[:26]}"


def _subject(id: str) -> str:  # noqa: A002 - as above
    return f"incidents/{id}"
