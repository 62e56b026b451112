"""Runs of directories: read, planned, done step by step, reported.

A step that the realm refuses, or that would take the last administrator, is in the report and spoils no other. Whatever dies
in between, the next turn of the same run does what is left: each step may be done twice, and an account is announced before
it is made. Fails with `Unavailable` of the realm or the database, after which the run's turn comes again.

A directory that is removed is marked first, and its last turn takes back what it gave, after which nothing of it runs: what a
run that was under way gave meanwhile is taken back with the rest.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import ForbiddenMove, NotFound
from chassis.races import again
from chassis.sealing import Sealing
from chassis.store import Delete, Store, Update
from services.auth.domain.directory import Directory, DirectoryRun, DirectoryRunSample, Outcome, RunState
from services.auth.domain.entries import Answer, entries
from services.auth.domain.person import Snapshot
from services.auth.domain.reconcile import Giving, Link, Plan, Step, plan
from services.auth.ports import Directory as Realm
from services.auth.ports import Ldap, RealmPeople, Refused
from services.auth.usecases.people import People
from services.auth.usecases.turns import Turns

RUNS = "directory_runs"
SECRETS, SCHEDULES, LINKS = "directory_secrets", "directory_schedules", "directory_people"
DUE = "next_due_time"
_GONE = "the directory is gone"
_LATER = timedelta(hours=1)
"""After which what could not be taken back of a directory that is gone is tried again."""

_log = logging.getLogger(__name__)


class Syncing:
    """Takes over what directories say. `refresh` has the mirror look at the realm again."""

    def __init__(
        self,
        store: Store,
        ldap: Ldap,
        sealing: Sealing,
        realm: Realm,
        accounts: RealmPeople,
        people: People,
        refresh: Callable[[], Awaitable[object]],
        *,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._ldap, self._sealing = store, ldap, sealing
        self._realm, self._accounts, self._people = realm, accounts, people
        self._refresh, self._ids = refresh, ids
        self._turns = Turns[Answer]()

    async def handle(self, tenant: str, id: str) -> None:  # noqa: A002 - as its field
        """A turn of a directory: the oldest run that waits, else one by its schedule."""
        place = {"_id": id, "tenant": tenant}
        schedule = await self._store.backend.find_one(SCHEDULES, place)
        due = schedule[DUE] if schedule else None
        if due is None or due > self._store.clock():
            return
        directory = await self._there(id)
        if directory is None:
            await self._farewell(id)
            return
        waiting = await self._waiting(id)
        if not waiting and directory.interval is not None:
            waiting = [await self._begin(directory)]
        if waiting:
            await self._run(directory, waiting[0])
        if await self._there(id) is None:
            await self._farewell(id)
            return
        now = self._store.clock()
        regular = now + directory.interval if directory.interval is not None else None
        following = now if len(waiting) > 1 else regular
        # Whoever asked for a run meanwhile has moved the instant, and gets a turn of his own.
        await self._store.backend.update_many(SCHEDULES, {**place, DUE: due}, {"$set": {DUE: following}})

    async def read(self, directory: Directory) -> Answer:
        """What the server says now, for somebody who waits. Raises `Exhausted` while one of the tenant is being read."""
        return await self._turns.now(ctx.current().tenant, partial(self._read, directory))

    async def _read(self, directory: Directory) -> Answer:
        password = ""
        if directory.password_set:
            tenant = ctx.current().tenant
            row = await self._store.backend.find_one(SECRETS, {"_id": directory.id, "tenant": tenant})
            opened = self._sealing.open(row["sealed"], f"{tenant}|{directory.id}") if row else None
            if opened is None:
                return Answer(
                    failed="its password cannot be read any more: the key of this installation changed; give it again"
                )
            password = opened
        return await self._ldap.read(directory, password)

    async def preview(self, directory: Directory, *, allow: bool) -> DirectoryRun:
        """What a run would do now; nothing is kept. Raises `Unavailable` of the realm."""
        by, at = ctx.current().actor.id, self._store.clock()
        run = DirectoryRun.asked(id=self._ids("drn"), directory_id=directory.id, by=by, allow=allow, at=at)
        run.take_recorded()
        answer = await self.read(directory)
        if answer.failed:
            run.end(RunState.FAILED, at, problem=answer.failed)
        else:
            todo = await self._plan(directory, answer, await self._realm.snapshot(), by, allow=allow)
            self._report(run, todo, [step.sample for step in todo.steps], answer)
            run.end(RunState.HELD if todo.held else RunState.SUCCEEDED, at, problem=todo.held)
        run.take_recorded()
        return run

    async def needed(self, id: str) -> bool:  # noqa: A002 - as above
        """Whether the tenant would have no administrator without what this directory gave."""
        return await self._people.administrators.needed_of(ctx.current().tenant, id)

    async def _there(self, id: str) -> Directory | None:  # noqa: A002 - as above
        """The directory, unless it was removed; its record is forgotten some time after that."""
        try:
            directory = await self._store.get(Directory, id)
        except NotFound:
            return None
        return directory if directory.delete_time is None else None

    async def _farewell(self, id: str) -> None:  # noqa: A002 - as above
        """The last turn of one that is gone: ends what waits and takes back what it gave. May be done twice."""
        tenant, kept = ctx.current().tenant, 0
        place = {"_id": id, "tenant": tenant}
        for run in await self._waiting(id):
            await self._end(run, RunState.FAILED, problem=_GONE)
        # By what was given and not by the links: a run that died had given something and not yet noted it.
        for subject, role in await self._people.given_by(tenant, id):
            try:
                await again(partial(self._people.take_for, id, subject, role))
            except ForbiddenMove:
                # Another administrator has gone since the directory was removed: this one is the last now.
                kept += 1
                _log.warning("A role outlives its directory.", extra={"directory": id, "subject": subject})
        if kept:
            later = self._store.clock() + _LATER
            await self._store.backend.update_many(SCHEDULES, place, {"$set": {DUE: later}})
            return
        for key in await self._links(id):
            await self._store.backend.write([Delete(LINKS, self._place(id, key))])
        await self._store.backend.write([Delete(SCHEDULES, place)])

    async def _begin(self, directory: Directory) -> DirectoryRun:
        async with self._store.transaction() as tx:
            at = self._store.clock()
            run = DirectoryRun.asked(id=self._ids("drn"), directory_id=directory.id, by="", allow=False, at=at)
            tx.add(run)
        return run

    async def _waiting(self, id: str) -> list[DirectoryRun]:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            found = await tx.find(DirectoryRun, {"directory_id": id, "state": RunState.PENDING.value})
        return sorted(found, key=lambda run: (run.create_time, run.id))

    async def _run(self, directory: Directory, run: DirectoryRun) -> None:
        answer = await self._turns.next(ctx.current().tenant, partial(self._read, directory))
        if answer.failed:
            await self._end(run, RunState.FAILED, problem=answer.failed)
            return
        todo = await self._plan(directory, answer, await self._realm.snapshot(), run.requester_id, allow=run.allow)
        if todo.held:
            await self._end(run, RunState.HELD, todo, [step.sample for step in todo.steps], answer, problem=todo.held)
            return
        done: list[DirectoryRunSample | None] = []
        for step in todo.steps:
            if await self._there(directory.id) is None:
                await self._end(run, RunState.FAILED, todo, done, answer, problem=_GONE)
                return
            done.append(await self._done(directory.id, step))
        await self._refresh()
        await self._end(run, RunState.SUCCEEDED, todo, done, answer)

    async def _plan(self, directory: Directory, answer: Answer, snapshot: Snapshot, by: str, *, allow: bool) -> Plan:
        read, links = entries(directory, answer), await self._links(directory.id)
        tenant = ctx.current().tenant
        # As a run begins, not as they were when the directory was set up: whoever lost his rights gives nothing any more.
        may = await self._people.giveable(await self._people.roles(tenant, directory.owner_id))
        giving = Giving(may, frozenset({directory.owner_id, by} - {""}))
        return plan(directory, tenant, read, links, snapshot, giving, complete=answer.complete, allow=allow)

    async def _end(
        self,
        run: DirectoryRun,
        state: RunState,
        todo: Plan | None = None,
        done: Iterable[DirectoryRunSample | None] = (),
        answer: Answer | None = None,
        *,
        problem: str = "",
    ) -> None:
        async with self._store.transaction() as tx:
            kept = await tx.get(DirectoryRun, run.id)
            if todo is not None and answer is not None:
                self._report(kept, todo, done, answer)
            kept.end(state, self._store.clock(), problem=problem)
            tx.save(kept)

    @staticmethod
    def _report(run: DirectoryRun, todo: Plan, done: Iterable[DirectoryRunSample | None], answer: Answer) -> None:
        said: Sequence[DirectoryRunSample] = [*todo.refused, *(each for each in done if each is not None)]
        run.report(said, seen=len(answer.people), complete=answer.complete)
        run.unchanged_count = todo.unchanged

    async def _done(self, id: str, step: Step) -> DirectoryRunSample | None:  # noqa: A002 - as above
        try:
            await self._do(id, step)
        except (Refused, ForbiddenMove) as problem:
            return DirectoryRunSample(outcome=Outcome.REFUSED, name=step.link.username, reason=str(problem))
        return step.sample

    async def _do(self, id: str, step: Step) -> None:  # noqa: A002 - as above
        tenant, link = ctx.current().tenant, step.link
        if step.enable is False and await self._people.administrators.needed(tenant, link.subject):
            raise ForbiddenMove("LAST_ADMIN", "disable", "this is the last administrator of the tenant")
        if step.create:
            link = await self._made(id, link)
            await self._keep(id, replace(link, teams=frozenset(), roles=frozenset()))
        await again(lambda: self._settle(id, step, link))

    async def _settle(self, id: str, step: Step, link: Link) -> None:  # noqa: A002 - as above
        """All of a step but the making of an account: it may be done twice."""
        tenant = ctx.current().tenant
        if step.fields or step.enable is not None:
            await self._accounts.change(link.subject, step.fields, enabled=step.enable)
        for team in sorted(step.join):
            await self._accounts.join(tenant, link.subject, team)
        for team in sorted(step.leave):
            await self._accounts.leave(tenant, link.subject, team)
        for role in sorted(step.give):
            await self._people.give_for(id, link.subject, role)
        for role in sorted(step.take):
            await self._people.take_for(id, link.subject, role)
        await self._keep(id, link)

    async def _made(self, id: str, link: Link) -> Link:  # noqa: A002 - as above
        tenant = ctx.current().tenant
        if link.subject:
            await self._accounts.admit(tenant, link.subject)
            await self._accounts.change(link.subject, link.fields)
            return link
        await self._keep(id, replace(link, teams=frozenset(), roles=frozenset()))
        try:
            return replace(link, subject=await self._accounts.create(tenant, link.username, link.fields))
        except Refused:
            # Another process may have been faster and noted by now whom it made: that stays.
            await self._store.backend.write([Delete(LINKS, {**self._place(id, link.key), "subject": ""})])
            raise

    @staticmethod
    def _place(id: str, key: str) -> dict[str, Any]:  # noqa: A002 - as above
        return {"_id": f"{id}|{key}", "tenant": ctx.current().tenant}

    async def _keep(self, id: str, link: Link) -> None:  # noqa: A002 - as above
        document = {
            "directory_id": id,
            "key": link.key,
            "subject": link.subject,
            "username": link.username,
            "made": link.made,
            "fields": dict(link.fields),
            "teams": sorted(link.teams),
            "roles": sorted(link.roles),
            "absences": link.absences,
            "disabled": link.disabled,
        }
        update = Update(LINKS, self._place(id, link.key), {"$set": document}, strict=False, upsert=True)
        await self._store.backend.write([update])

    async def _links(self, id: str) -> dict[str, Link]:  # noqa: A002 - as above
        query = {"tenant": ctx.current().tenant, "directory_id": id}
        rows = await self._store.backend.find(LINKS, query)
        names = ("key", "subject", "username", "made", "fields", "absences", "disabled")
        links = [
            Link(**{name: row[name] for name in names}, teams=frozenset(row["teams"]), roles=frozenset(row["roles"]))
            for row in rows
        ]
        return {link.key: link for link in links}
