"""What passes from an incident to its family, however large: resolving, public words, children that come or move.

It is begun in the transaction of the command, as a row that a timer finds, and done in bounded steps after the answer. Each
step changes its incidents and moves the row's cursor in one transaction, so that whoever dies in the middle leaves nothing out
and nothing is done twice; who began it is whom it is done for. The rows are of nobody's list: what they do is on the timelines.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import ForbiddenMove
from chassis.races import again
from chassis.store import Delete, Insert, Store, Update
from services.incident.domain.incident import Incident
from services.incident.domain.link import LinkKind
from services.incident.domain.note import Note
from services.incident.domain.states import OPEN, State

FAMILY_WORK = "family_work"
DUE_FIELD = "next_due_time"
STEP = 50
"""Incidents in one transaction."""
_BLOCKED = OPEN | {State.RESOLVED}
STEPS = 40
"""Transactions before the timer looks at others."""

Document = Mapping[str, Any]
Step = Callable[[Document, str], Awaitable[str]]
"""Does the next few after a cursor, inside the transaction; gives the cursor after them, empty when that was all."""


class Task(StrEnum):
    """What a row is for."""

    RESOLVE = "RESOLVE"
    """The open children are resolved."""
    TELL = "TELL"
    """A public note of it is one of its children, where they are to hear it, and of those that were merged into it."""
    ADOPT = "ADOPT"
    """Others become its children."""
    MOVE = "MOVE"
    """Its children become those of the incident that it was merged into."""
    RETURN = "RETURN"
    """Children that were moved are its own again: it was merged by mistake."""
    COPY = "COPY"
    """Its notes are read by those who work on the incident that it was merged into."""
    SETTLE = "SETTLE"
    """A child is done: with the last one it may be done itself."""


def children_of(target: str) -> Document:
    """Asks for the incidents that have this one above themselves."""
    # The first part is what a partial index is found by.
    return {"links.target": target, "links": {"$elemMatch": {"kind": "PARENT", "target": target}}}


class Families:
    """Begins such work, and counts children. All of it for the tenant of the current context."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store, self._ids = store, ids

    async def begin(self, task: Task, incident_id: str, **said: Any) -> None:
        """Lets it be done, once what the current transaction decided is committed."""
        context, now = ctx.current(), self._store.clock()
        row = {
            "_id": self._ids("fam"),
            "tenant": context.tenant,
            "task": task.value,
            "incident_id": incident_id,
            "by": context.actor.id,
            "create_time": now,
            "cursor": "",
            "steps": 0,
            "over": False,
            DUE_FIELD: now,
            **said,
        }
        async with self._store.transaction() as tx:
            tx.write(Insert(FAMILY_WORK, row))

    async def count(self, target: str, *, most: int) -> tuple[int, int]:
        """How many children there are, and how many of them are open, each counted up to `most`."""
        query = children_of(target)
        states = {"state": {"$in": sorted(state.value for state in OPEN)}}
        return (
            await self._store.count("incidents", query, limit=most),
            await self._store.count("incidents", {**query, **states}, limit=most),
        )

    async def parents(self, ids: Collection[str]) -> set[str]:
        """The incidents right above some, all of them, whoever sees them."""
        query = {"_id": {"$in": sorted(ids)}, "tenant": ctx.current().tenant}
        rows = await self._store.backend.find("incidents", query)
        links = (link for row in rows for link in row["links"] if link["kind"] == LinkKind.PARENT.value)
        return {link["target"].partition("/")[2] for link in links if link["target"].startswith("incidents/")}

    async def has_open(self, incident_id: str) -> bool:
        """Whether a child of it is open."""
        return bool((await self.count(f"incidents/{incident_id}", most=1))[1])

    async def check_free(self, incident: Incident, verb: str) -> None:
        """Raises `ForbiddenMove` for an incident that is blocked by its children while one of them is open."""
        if incident.blocked_by_children and incident.state in _BLOCKED and await self.has_open(incident.id):
            raise ForbiddenMove(incident.state, verb, "a child of it is open: end that first, or resolve its children with it")

    async def done(self, parent_ids: Sequence[str]) -> None:
        """A child is done: of parents that end with their children somebody looks whether it was the last."""
        if not parent_ids:
            return
        query = {"_id": {"$in": list(parent_ids)}, "tenant": ctx.current().tenant, "ends_with_children": True}
        for parent in await self._store.backend.find("incidents", query, projection={"_id": 1}):
            await self.begin(Task.SETTLE, parent["_id"])

    async def told(self, document: Document, note: Note, *, to_children: bool) -> None:
        """A note was said. A public one of who works on it is for those who reported what was merged into it as well, and for
        its children where that is wished; what the reporter of a merged one says, who works on the other reads.
        """
        merged_ids, into_id = document.get("merged_ids", []), document.get("merged_into_id")
        if note.public and not ctx.current().scope and (to_children or merged_ids):
            said = {"text": note.text, "merged_ids": merged_ids, "children": to_children}
            await self.begin(Task.TELL, document["_id"], **said)
        elif into_id:
            await self.begin(Task.COPY, document["_id"], into_id=into_id, note_ids=[note.id])

    async def under_way(self, incident_id: str) -> int:
        """How much was begun for its family and is not done yet."""
        query = {"tenant": ctx.current().tenant, "incident_id": incident_id, "over": False}
        return await self._store.backend.count(FAMILY_WORK, query, limit=100)


class Stepper:
    """What the timer calls: the steps of one row, until it is done or others have waited long enough."""

    def __init__(self, store: Store, steps: Mapping[Task, Step]) -> None:
        self._store, self._steps = store, steps

    async def work(self, tenant: str, id: str) -> None:  # noqa: A002 - the field's name everywhere
        """Does what the row is for. It may die anywhere, and is called again."""
        for _ in range(STEPS):
            if await again(lambda: self._once(tenant, id)):
                return
        await self._store.backend.write(
            [Update(FAMILY_WORK, {"_id": id, "tenant": tenant}, {"$set": {DUE_FIELD: self._later()}}, strict=False)]
        )

    async def _once(self, tenant: str, id: str) -> bool:  # noqa: A002 - as above
        row = await self._store.backend.find_one(FAMILY_WORK, {"_id": id, "tenant": tenant})
        if row is None or row["over"]:
            await self._forget(tenant, id)
            return True
        from_here = {"_id": id, "tenant": tenant, "steps": row["steps"]}
        with ctx.use(_for(row)):
            async with self._store.transaction() as tx:
                last = await self._steps[Task(row["task"])](row, row["cursor"])
                # A removal alone would not notice that another did this step.
                moved = {"cursor": last, "steps": row["steps"] + 1, "over": not last, DUE_FIELD: self._store.clock()}
                tx.write(Update(FAMILY_WORK, from_here, {"$set": moved}))
        if not last:
            await self._forget(tenant, id)
        return not last

    async def _forget(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        await self._store.backend.write([Delete(FAMILY_WORK, {"_id": id, "tenant": tenant})])

    def _later(self) -> datetime:
        return self._store.clock() + timedelta(milliseconds=1)


def _for(row: Document) -> ctx.Context:
    return replace(ctx.current(), act=str(row["by"]))
