"""A service counter without a process: a catalog, requests, tasks, those who approve, and a stock room that can fail."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chassis.errors import Busy, Invalid, Stale, Unavailable
from chassis.store import Backend, Write
from chassis.testing import MemoryBackend
from services.incident.domain.catalog import CatalogItem
from services.incident.domain.request import Request
from services.incident.domain.task import Task
from services.incident.usecases.catalog import Catalog
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.hooks import Hooks, StockItem
from services.incident.usecases.notes import Notes
from services.incident.usecases.progress import Progress
from services.incident.usecases.requests import Requests
from services.incident.usecases.tasks import Tasks
from tests.unit.incident.desk import Again, Desk

POLICY = "ap_managers"


class KnownTeams:
    """Who belongs where, told by the test."""

    def __init__(self) -> None:
        self.ids: frozenset[str] = frozenset()

    async def of_caller(self) -> frozenset[str]:
        """See `chassis.teams.Teams`."""
        return self.ids


class Manager:
    """Approves nothing by itself: it keeps what it was asked, and the test decides."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.voided: list[str] = []

    async def check_policy(self, id: str) -> None:  # noqa: A002 - as its field
        """See `Approvals`."""
        if id != POLICY:
            raise Invalid({"approval_policy_id": "there is no such policy"})

    async def ask(self, request: Request) -> str:
        """See `Asks`."""
        self.asked.append(request.id)
        return f"apr_{len(self.asked)}"

    async def void(self, request: Request, reason: str) -> None:
        """See `Asks`."""
        self.voided.append(f"{request.number}: {reason}")

    async def words(self, _request: Request) -> str:
        """See `Opinions`."""
        return "One of two has agreed."


@dataclass
class StockRoom:
    """Assets by id, versioned as at the asset service. `broken` says how many of the next calls do not answer."""

    items: dict[str, StockItem] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    broken: int = 0
    lost_answers: int = 0
    done: list[tuple[str, str, str]] = field(default_factory=list)
    keys: dict[str, StockItem] = field(default_factory=dict)

    def add(self, id: str, asset_class: str) -> None:  # noqa: A002 - as its field
        """Puts one in stock."""
        self.items[id] = StockItem(id, id.upper(), in_stock=True, owner_id="", mark="", etag="1")
        self.classes[id] = asset_class

    async def get(self, id: str) -> StockItem | None:  # noqa: A002 - as its field
        """See `Stock`."""
        self._answer()
        return self.items.get(id)

    async def free(self, asset_class: str) -> Sequence[StockItem]:
        """See `Stock`."""
        self._answer()
        return [i for i in self.items.values() if self.classes[i.id] == asset_class and i.in_stock and not i.owner_id]

    async def reserve(self, item: StockItem, owner_id: str, mark: str, key: str) -> StockItem:
        """See `Stock`."""
        return self._change(item, "reserve", key, owner_id=owner_id, mark=mark)

    async def hand_over(self, item: StockItem, reason: str, key: str) -> StockItem:
        """See `Stock`."""
        assert reason
        return self._change(item, "hand-over", key, in_stock=False)

    async def release(self, item: StockItem, key: str) -> StockItem:
        """See `Stock`."""
        return self._change(item, "release", key, owner_id="", mark="")

    def _change(self, item: StockItem, what: str, key: str, **changed: Any) -> StockItem:
        self._answer()
        if key in self.keys:
            return self.keys[key]
        now = self.items[item.id]
        if now.etag != item.etag:
            raise Stale(now.etag, given=item.etag)
        changed_item = replace(now, **changed, etag=str(int(now.etag) + 1))
        self.items[item.id] = self.keys[key] = changed_item
        self.done.append((what, item.id, changed_item.owner_id))
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the answer was lost")
        return changed_item

    def _answer(self) -> None:
        if self.broken:
            self.broken -= 1
            raise Unavailable("the stock room does not answer")


class Interleaving(MemoryBackend):
    """Lets others go on at every question and every write, as a database does."""

    async def find(self, *arguments: Any, **named: Any) -> Any:
        """See `Backend`."""
        await asyncio.sleep(0)
        return await super().find(*arguments, **named)

    async def write(self, writes: Sequence[Write]) -> None:
        """See `Backend`."""
        await asyncio.sleep(0)
        await super().write(writes)


class Patient(Again):
    """Calls again and again while busy, as the edges do."""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._wrapped, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            for _ in range(9):
                try:
                    return await method(*arguments, **named)
                except Busy:
                    continue
            return await method(*arguments, **named)

        return call


class Counter(Desk):
    """The desk with what requests need beside it."""

    def __init__(self, backend: Backend | None = None) -> None:
        super().__init__(backend)
        self.teams, self.manager, self.stock = KnownTeams(), Manager(), StockRoom()
        self.notes = Notes(self.store)
        self.own_tasks = Tasks(self.store)
        self.tasks = Patient(self.own_tasks)
        self.own_catalog = Catalog(self.store, self.reading, self.teams, self.manager)
        self.catalog = Patient(self.own_catalog)
        window = timedelta(days=7)
        self.own_requests = Requests(
            self.store, self.promises, self.own_catalog, self.own_tasks, self.manager, reopen_window=window
        )
        self.requests = Patient(self.own_requests)
        self.progress = Progress(self.store, self.own_tasks, self.manager)
        self.hooks = Patient(Hooks(self.store, self.own_tasks, self.stock))
        self.request_escalations = Again(Escalations(self.store, self.promises, Request))

    async def offer(self, **fields: Any) -> CatalogItem:
        """An item that can be asked for."""
        item = await self.catalog.create({"title": "A laptop", **fields})
        return await self.catalog.publish(item.id)  # type: ignore[no-any-return] # through `Patient`

    async def decide(self, id: str, *, approved: bool, reason: str = "") -> None:  # noqa: A002 - as its field
        """The manager's answer, as the approval would bring it."""
        await self.requests.decided(id, f"apr_{len(self.manager.asked)}", approved=approved, reason=reason)

    async def tasks_of(self, about: str) -> list[Task]:
        """All tasks of a record."""
        async with self.store.transaction() as tx:
            return await self.own_tasks.of(tx, about)

    async def hook(self, id: str) -> Task:  # noqa: A002 - as its field
        """What the timer does about a task, and the task afterwards."""
        await self.hooks.run("main", id)
        return await self.store.get(Task, id)
