"""What the platform does itself as tasks of a record: assets in stock are set aside or handed to somebody, through the asset
service.

What is chosen is written into the task before anything is done to it, and what is done names the task at the asset, so a
process that dies in between goes on where it stopped: nothing is handed out twice. What is refused leaves the task FAILED with
the reason, to be tried again; what does not answer is tried again some times before.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis.errors import Denied, Error, ForbiddenMove, Invalid, NotFound, Stale
from chassis.store import Store
from services.incident.domain.moment import Act
from services.incident.domain.task import Task, TaskKind, TaskState
from services.incident.usecases.acting import act
from services.incident.usecases.tasks import Tasks

TASKS = "tasks"
TRY_FIELD = "next_try_time"
_REFUSALS = (Invalid, Denied, ForbiddenMove, NotFound)
_CHOICES = 5


@dataclass(frozen=True, slots=True)
class StockItem:
    """An asset as the asset service tells it; `mark` is the number of the task that it is set aside for."""

    id: str
    name: str
    in_stock: bool
    owner_id: str
    mark: str
    etag: str


class Stock(Protocol):
    """Assets in stock. All raise the error tree's errors; `Stale` when an asset is not as it was read."""

    async def get(self, id: str) -> StockItem | None:  # noqa: A002 - as its field
        """One asset; None when there is none."""

    async def free(self, asset_class: str) -> Sequence[StockItem]:
        """Some assets of a class that are in stock and nobody's, the longest known first."""

    async def reserve(self, item: StockItem, owner_id: str, mark: str, key: str) -> StockItem:
        """Sets it aside for somebody; `key` makes it the same act when it is asked for again."""

    async def hand_over(self, item: StockItem, reason: str, key: str) -> StockItem:
        """Takes it out of stock into use."""

    async def release(self, item: StockItem, key: str) -> StockItem:
        """Makes it nobody's again."""


class Hooks:
    """Called by the timer, in the context of the task's tenant. Late and doubled calls do no harm."""

    def __init__(self, store: Store, tasks: Tasks, stock: Stock) -> None:
        self._store = store
        self._tasks = tasks
        self._stock = stock

    async def run(self, tenant: str, id: str) -> None:  # noqa: ARG002, A002 - the worker's; as its field
        """Does what the task says. Raises `Busy` to be run again."""
        try:
            task = await self._store.get(Task, id)
        except NotFound:
            return
        now = self._store.clock()
        if task.next_try_time is None or task.next_try_time > now:
            return
        if task.state.is_over or task.state is TaskState.FAILED:
            await self._put_back(task)
            return
        if task.state is TaskState.READY:
            task = await self._tasks.start(id)
        try:
            result = await self._provide(task)
        except _REFUSALS as refusal:
            await self._tasks.fail(id, refusal.message)
        except Error as silence:
            await self._postpone(id, silence.message)
        else:
            await self._tasks.complete(id, result)

    async def _provide(self, task: Task) -> str:
        """Finds the asset, sets it aside and, where the task says so, hands it over; says what came of it."""
        reserving = await self._reserved_before(task)
        marks = {task.number} if reserving is None else {task.number, reserving.number}
        chosen = task.asset_id or (reserving.asset_id if reserving is not None else "")
        item = await self._stock.get(chosen) if chosen else None
        if item is not None and item.mark in marks:
            task = await self._pick(task, item.id)
        elif reserving is not None:
            raise ForbiddenMove(task.state, "assign", f"what {reserving.number} set aside is not there any more")
        elif item is not None and item.in_stock and not item.owner_id:
            item = await self._set_aside(task, item)
        else:
            item, task = await self._choose(task)
        if task.kind is TaskKind.RESERVE_ASSET:
            return f"{item.name} is set aside"
        if item.in_stock:
            item = await self._stock.hand_over(item, f"{task.number} {task.title}", _key(task, "hand-over", item))
        return f"{item.name} was handed over" if task.kind is TaskKind.ASSIGN_ASSET else f"a seat of {item.name} was given"

    async def _put_back(self, task: Task) -> None:
        """Makes what it set aside nobody's again, unless somebody has it. Raises what the stock room does: later again."""
        item = await self._stock.get(task.asset_id)
        own = item is not None and item.mark == task.number
        if item is not None and own and item.in_stock:
            await self._stock.release(item, _key(task, "release", item))
        async with self._store.transaction() as tx:
            current = await tx.get(Task, task.id)
            if current.state is task.state:  # else it was tried again meanwhile
                current.given_back(act(self._store), kept=item is not None and own and not item.in_stock)
                tx.save(current)

    async def _choose(self, task: Task) -> tuple[StockItem, Task]:
        for attempt in range(_CHOICES):
            free = await self._stock.free(task.asset_class)
            if not free:
                raise ForbiddenMove(task.state, "assign", f"nothing of the class {task.asset_class} is in stock")
            # Where others look for one at the same time, few should want the same.
            item = random.choice(free) if attempt else free[0]  # noqa: S311 - nothing is secret here
            task = await self._pick(task, item.id)
            try:
                return await self._set_aside(task, item), task
            except Stale as stale:  # somebody else was first
                lost = stale
        raise lost

    async def _set_aside(self, task: Task, item: StockItem) -> StockItem:
        return await self._stock.reserve(item, task.receiver_id, task.number, _key(task, "reserve", item))

    async def _reserved_before(self, task: Task) -> Task | None:
        """The task that set an asset of the same class aside for this one."""
        if task.kind is not TaskKind.ASSIGN_ASSET:
            return None
        for id in task.depends_on:  # noqa: A001 - as its field
            before = await self._store.get(Task, id)
            if (
                before.kind is TaskKind.RESERVE_ASSET
                and before.asset_class == task.asset_class
                and before.state is TaskState.DONE
            ):
                return before
        return None

    async def _pick(self, task: Task, asset_id: str) -> Task:
        if task.asset_id == asset_id:
            return task
        async with self._store.transaction() as tx:
            current = await tx.get(Task, task.id)
            _check_at_work(current)
            current.pick(act(self._store), asset_id)
            tx.save(current)
        return current

    async def _postpone(self, id: str, reason: str) -> None:  # noqa: A002 - as its field
        async with self._store.transaction() as tx:
            task, now = await tx.get(Task, id), act(self._store)
            _check_at_work(task)
            task.postpone(Act(now.at, now.by, by_person=False), reason)
            tx.save(task)


def _check_at_work(task: Task) -> None:
    if task.state is not TaskState.IN_PROGRESS:
        raise ForbiddenMove(task.state, "provide", f"{task.number} is not at work any more")


def _key(task: Task, what: str, item: StockItem) -> str:
    """Follows from what is done to which version of what: the same act however often it is asked for."""
    return f"{task.id}/{what}/{item.id}/{item.etag}"
