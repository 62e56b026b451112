"""Raising problems and moving them on; what incidents learn of them. One public method per command."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import ForbiddenMove, Invalid
from chassis.store import Store
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moment import Act
from services.incident.domain.note import Note
from services.incident.domain.problem import Problem
from services.incident.domain.states import OPEN
from services.incident.usecases.acting import act
from services.incident.usecases.linking import Linking
from services.incident.usecases.policies import Policies

MOST_ATTACHED = 100
TOLD_AT_ONCE = 500
_TOLD_TOGETHER = 50


class Problems:
    """What people and other services may do with problems. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, policies: Policies, *, ids: Ids = new_id) -> None:
        self._store, self._policies, self._ids = store, policies, ids
        self._linking = Linking(store)

    async def open(self, fields: Mapping[str, Any]) -> Problem:
        """A new problem."""
        number = await self._store.number("PRB")
        async with self._store.transaction() as tx:
            problem = Problem.open(act(self._store), id=self._ids("prb"), number=number, **fields)
            tx.add(problem)
        return problem

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Problem:  # noqa: A002 - as its field
        """Changes the named fields."""
        async with self._changing(id, etag) as (problem, now):
            problem.edit(now, **fields)
        return problem

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Gives it to a team and, where named, to a person."""
        async with self._changing(id, etag) as (problem, now):
            problem.assign(now, team_id=team_id, assignee_id=assignee_id)
        return problem

    async def assess(self, id: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Looks at whether it is one."""
        async with self._changing(id, etag) as (problem, now):
            problem.assess(now)
        return problem

    async def analyze(self, id: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Looks for the cause."""
        async with self._changing(id, etag) as (problem, now):
            problem.analyze(now)
        return problem

    async def diagnose(self, id: str, *, cause: str | None, workaround: str | None, etag: str = "") -> Problem:  # noqa: A002
        """Says what is known; None leaves it as it is."""
        async with self._changing(id, etag) as (problem, now):
            problem.diagnose(now, cause=cause, workaround=workaround)
        return problem

    async def fix(self, id: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Begins the fix."""
        async with self._changing(id, etag) as (problem, now):
            problem.fix(now)
        return problem

    async def resolve(self, id: str, resolution: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says that the fix is in."""
        async with self._changing(id, etag) as (problem, now):
            problem.resolve(now, resolution=resolution)
        return problem

    async def reopen(self, id: str, reason: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says that it did not hold."""
        async with self._changing(id, etag) as (problem, now):
            problem.reopen(now, reason=reason)
        return problem

    async def close(self, id: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says that it held."""
        async with self._changing(id, etag) as (problem, now):
            problem.close(now)
        return problem

    async def accept_risk(self, id: str, reason: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says that nobody will fix it."""
        async with self._changing(id, etag) as (problem, now):
            problem.accept_risk(now, reason=reason)
        return problem

    async def mark_duplicate(self, id: str, original: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says which problem is the same. Raises `Invalid` for one that is not there, or that is a duplicate itself."""
        async with self._changing(id, etag) as (problem, now):
            wanted = Link(kind=LinkKind.DUPLICATE_OF, target=f"problems/{original.removeprefix('problems/')}")
            link, known = await self._linking.known(wanted)
            if isinstance(known, Problem) and any(each.kind is LinkKind.DUPLICATE_OF for each in known.links):
                raise Invalid({"original": f"{known.number} is a duplicate itself: name the one that it refers to"})
            problem.mark_duplicate(now, link.target)
        return problem

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Says that it was none."""
        async with self._changing(id, etag) as (problem, now):
            problem.cancel(now, reason=reason)
        return problem

    async def link(self, id: str, link: Link, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Refers to another record. Raises `Invalid` for one of this service that the caller cannot see."""
        async with self._changing(id, etag) as (problem, now):
            problem.link(now, (await self._linking.known(link))[0])
        return problem

    async def unlink(self, id: str, link: Link, *, etag: str = "") -> Problem:  # noqa: A002 - as above
        """Takes a reference away."""
        async with self._changing(id, etag) as (problem, now):
            problem.unlink(now, link)
        return problem

    async def attach(self, id: str, incident_ids: Sequence[str]) -> int:  # noqa: A002 - as above
        """Lets incidents refer to the problem as their cause; how many did not before. All of them or none."""
        wanted = list(dict.fromkeys(incident_ids))
        if not 0 < len(wanted) <= MOST_ATTACHED:
            raise Invalid({"incident_ids": f"must name 1 to {MOST_ATTACHED} incidents"})
        problem, moment, attached = await self._store.get(Problem, id), await self._policies.moment(), 0
        if problem.state.is_final:
            raise ForbiddenMove(problem.state, "attach")
        link = Link(kind=LinkKind.CAUSED_BY, target=self._store.kinds[Problem].subject(problem.id))
        async with self._store.transaction() as tx:
            for each in wanted:
                incident = await tx.get(Incident, each)
                before = len(incident.links)
                incident.link(moment, link)
                attached += len(incident.links) - before
                tx.save(incident)
        return attached

    async def tell_workaround(self, id: str, public: bool) -> tuple[int, bool]:  # noqa: A002 - as above
        """Notes the workaround on the open incidents of the problem; how many were told, and whether there are more.

        The id of the note follows from the problem, the words and the incident: nobody is told the same twice, however often
        it is asked for.
        """
        problem, now, told = await self._store.get(Problem, id), act(self._store), 0
        if not problem.workaround.strip():
            raise ForbiddenMove(problem.state, "tellWorkaround", "nobody has said how to live with it: diagnose it first")
        subject = self._store.kinds[Problem].subject(problem.id)
        query = {"links.target": subject, "state": {"$in": sorted(OPEN)}}
        rows = await self._store.find("incidents", query, limit=MOST_OPEN + 1)
        notes = {_note_id(problem, row["_id"]): row["_id"] for row in rows[:MOST_OPEN]}
        known = {row["_id"] for row in await self._store.find("notes", {"_id": {"$in": list(notes)}})}
        fresh = [(note, incident) for note, incident in notes.items() if note not in known]
        for start in range(0, min(len(fresh), TOLD_AT_ONCE), _TOLD_TOGETHER):
            async with self._store.transaction() as tx:
                for note_id, incident_id in fresh[start : start + _TOLD_TOGETHER]:
                    tx.add(self._note(problem, note_id, incident_id, public, now))
                    told += 1
        return told, len(fresh) > TOLD_AT_ONCE or len(rows) > MOST_OPEN

    def _note(self, problem: Problem, note_id: str, incident_id: str, public: bool, now: Act) -> Note:
        about = self._store.kinds[Incident].subject(incident_id)
        text = f"{problem.number}: {problem.workaround}"
        return Note.said(id=note_id, about=about, text=text, public=public, by=now.by, at=now.at)

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Problem, Act]]:  # noqa: A002 - as above
        """The problem inside a transaction, saved after the block."""
        async with self._store.transaction() as tx:
            problem = await tx.get(Problem, id, etag=etag)
            yield problem, act(self._store)
            tx.save(problem)


MOST_OPEN = 2_000
"""Of the open incidents of one problem so many are looked at."""


def _note_id(problem: Problem, incident_id: str) -> str:
    said = f"{ctx.current().tenant}|{problem.id}|{problem.workaround}|{incident_id}"
    return f"note_{sha256(said.encode()).hexdigest()[:26]}"
