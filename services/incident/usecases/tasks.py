"""Tasks of records: added one by one or as a plan, done, and then the next.

All changes that decide what is next for one record take turns: a document for each record is compared and set, so that of two
tasks that end at the same time one sees the other, and nothing that waits for both is forgotten.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chassis import context as ctx
from chassis.domain import Aggregate, Ids, new_id
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound
from chassis.store import Insert, Store, Transaction, Update
from services.incident.domain import limits
from services.incident.domain.moment import Act
from services.incident.domain.plan import PlannedTask, next_of, outstanding
from services.incident.domain.task import Task, TaskKind, TaskState
from services.incident.usecases.acting import act

TURNS = "task_turns"
HANDS_OUT = "assets.update"
MOST = 500
"""How many tasks a record may have."""
_NOT_BY_UPDATE = ("team_id", "assignee_id", "kind", "about", "depends_on", "asset_class", "receiver_id")

Follow = Callable[[Transaction, str, Act, str, Sequence[Task]], Awaitable[None]]
"""What a kind of record does when a task of it has moved: transaction, id, act, verb, all tasks of the record."""


class Tasks:
    """What may be done with tasks. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store = store
        self._ids = ids
        self._kinds = {kind.plural: kind for kind in store.kinds.values()}
        self._followers: dict[str, Follow] = {}

    def follow(self, plural: str, follow: Follow) -> None:
        """Tells records of a kind of what becomes of their tasks, in the same transaction."""
        self._followers[plural] = follow

    async def create(self, fields: Mapping[str, Any]) -> Task:
        """Adds a task. Raises `Invalid` for a record or a dependency that is not there, `ForbiddenMove` for a closed one."""
        if fields.get("kind", TaskKind.MANUAL) is not TaskKind.MANUAL and HANDS_OUT not in ctx.current().permissions:
            raise Denied(HANDS_OUT, "only who may hand out assets lets the platform do it; a plan of the catalog may too")
        number, now = await self._store.number("TSK"), act(self._store)
        fields = dict(fields)
        limits.check_link(about := fields.get("about", ""), "")
        record = await self._record(about)
        if record is not None:
            plural = about.partition("/")[0]
            about = fields["about"] = self._kinds[plural].subject(record.id)
            state = getattr(record, "state", None)
            if getattr(state, "is_final", False):
                raise ForbiddenMove(str(state), "createTask", f"{getattr(record, 'number', about)} is over")
            if plural == "requests":
                fields["requester_id"] = getattr(record, "requester_id", "")
        async with self._store.transaction() as tx:
            await self._turn(tx, about)
            there = await self.of(tx, about)
            if len(there) >= MOST:
                raise Invalid({"about": f"has {MOST} tasks already"})
            named = {name: task.id for task in there for name in (task.id, task.number)}
            wanted = fields.get("depends_on", [])
            if missing := [each for each in wanted if each not in named]:
                raise Invalid({"depends_on": f"{', '.join(missing)} is no task of this record"})
            fields["depends_on"] = [named[each] for each in wanted]
            settled = {task.id for task in there if task.state.is_settled}
            waits = not settled.issuperset(fields["depends_on"])
            task = Task.create(now, waits=waits, id=self._ids("tsk"), number=number, **fields)
            tx.add(task)
        return task

    async def begin_plan(
        self, tx: Transaction, about: str, plan: Sequence[PlannedTask], numbers: Sequence[str], now: Act, **common: Any
    ) -> list[Task]:
        """The tasks of a plan (in order, dependencies by key) for a record that has none yet."""
        await self._turn(tx, about)
        by_key: dict[str, Task] = {}
        for planned, number in zip(plan, numbers, strict=True):
            by_key[planned.key] = Task.create(
                now,
                waits=bool(planned.depends_on),
                id=self._ids("tsk"),
                number=number,
                about=about,
                key=planned.key,
                title=planned.title,
                description=planned.description,
                kind=planned.kind,
                team_id=planned.team_id,
                assignee_id=planned.assignee_id,
                mandatory=planned.mandatory,
                depends_on=[by_key[key].id for key in planned.depends_on],
                asset_class=planned.asset_class,
                **common,
            )
            tx.add(by_key[planned.key])
        return list(by_key.values())

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Task:  # noqa: A002 - as its field
        """Changes the named fields; what is mandatory or not may decide whether the record is done."""
        async with self._store.transaction() as tx:
            task, now = await tx.get(Task, id, etag=etag), act(self._store)
            fixed = [name for name in _NOT_BY_UPDATE if name in fields and getattr(task, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(fixed, "cannot be changed by an update"))
            task.edit(now, **{name: value for name, value in fields.items() if name not in _NOT_BY_UPDATE})
            await self._moved(tx, task, now, "update")
        return task

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """Gives it to a team and, where named, to a person."""
        async with self._store.transaction() as tx:
            task = await tx.get(Task, id, etag=etag)
            task.assign(act(self._store), team_id=team_id, assignee_id=assignee_id)
            tx.save(task)
        return task

    async def start(self, id: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """Work begins."""
        return await self._do(id, "start", etag, lambda task, now: task.start(now))

    async def complete(self, id: str, result: str = "", *, etag: str = "") -> Task:  # noqa: A002 - as above
        """It is done, and what waited for it alone is ready."""
        return await self._do(id, "complete", etag, lambda task, now: task.complete(now, result=result))

    async def skip(self, id: str, reason: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """It is not needed."""
        return await self._do(id, "skip", etag, lambda task, now: task.skip(now, reason=reason))

    async def fail(self, id: str, reason: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """It could not be done."""
        return await self._do(id, "fail", etag, lambda task, now: task.fail(now, reason=reason))

    async def retry(self, id: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """It can be begun again."""
        return await self._do(id, "retry", etag, lambda task, now: task.retry(now))

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Task:  # noqa: A002 - as above
        """It is withdrawn. Raises `ForbiddenMove` while others wait for it."""
        async with self._store.transaction() as tx:
            task, now = await tx.get(Task, id, etag=etag), act(self._store)
            waiting = [each for each in await self.of(tx, task.about) if task.id in each.depends_on and not each.state.is_over]
            if waiting:
                names = ", ".join(each.number for each in waiting)
                raise ForbiddenMove(task.state, "cancel", f"{names} waits for it: cancel that first, or skip this one")
            task.cancel(now, reason=reason)
            await self._moved(tx, task, now, "cancel")
        return task

    async def cancel_all(self, tx: Transaction, about: str, now: Act, reason: str) -> None:
        """Withdraws all that is not over, together with its record."""
        await self._turn(tx, about)
        for task in await self.of(tx, about):
            if not task.state.is_over:
                task.cancel(now, reason=reason, with_record=True)
                tx.save(task)

    async def give_back(self, tx: Transaction, about: str, now: Act) -> None:
        """Puts back into stock what tasks of a record have set aside, but not what was handed over."""
        tasks = await self.of(tx, about)
        handed = {t.asset_id for t in tasks if t.state is TaskState.DONE and t.kind is not TaskKind.RESERVE_ASSET}
        for task in tasks:
            if task.asset_id not in handed:
                task.give_back(now)
                tx.save(task)

    async def of(self, tx: Transaction, about: str) -> list[Task]:
        """All tasks of a record, in the order in which they were made."""
        with ctx.use(replace(ctx.current(), scope={})):  # whoever reached the record reaches what belongs to it
            found = await tx.find(Task, {"about": about}, limit=MOST)
        return sorted(found, key=lambda task: task.number)

    async def outstanding(self, tx: Transaction, about: str) -> list[Task]:
        """The mandatory tasks of a record that are not done."""
        return outstanding(await self.of(tx, about))

    async def _do(self, id: str, verb: str, etag: str, move: Callable[[Task, Act], None]) -> Task:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            task, now = await tx.get(Task, id, etag=etag), act(self._store)
            move(task, now)
            await self._moved(tx, task, now, verb)
        return task

    async def _moved(self, tx: Transaction, task: Task, now: Act, verb: str) -> None:
        """Saves it, makes ready what comes next, and tells the record."""
        if task.recorded is None:
            tx.save(task)
            return
        await self._turn(tx, task.about)
        tx.save(task)
        all_of_it = await self.of(tx, task.about)
        for following in next_of(all_of_it):
            following.ready(now)
            tx.save(following)
        plural, _, record = task.about.partition("/")
        if (follow := self._followers.get(plural)) is not None:
            with ctx.use(replace(ctx.current(), scope={})):
                await follow(tx, record, now, verb, all_of_it)
        tx.answers(task)

    async def _turn(self, tx: Transaction, about: str) -> None:
        """Lets one transaction at a time decide about the tasks of a record; the others run again after it."""
        tenant = ctx.current().tenant
        key = f"{tenant}|{about}"
        row = (await tx.documents(TURNS, [key])).get(key)
        if row is None:
            tx.write(Insert(TURNS, {"_id": key, "tenant": tenant, "turn": 1}))
        else:
            query = {"_id": key, "tenant": tenant, "turn": row["turn"]}
            tx.write(Update(TURNS, query, {"$set": {"turn": row["turn"] + 1}}))

    async def _record(self, about: str) -> Aggregate | None:
        """The record that a task is added to, where it is one of this service; others' are taken as they are."""
        plural, _, name = about.partition("/")
        kind = self._kinds.get(plural)
        if kind is None:
            return None
        try:
            return await self._store.get(kind.aggregate, name)
        except NotFound:
            raise Invalid({"about": "there is no such record"}) from None
