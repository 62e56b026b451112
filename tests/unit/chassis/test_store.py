"""The store on the database of the test kit."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.domain import Aggregate
from chassis.errors import NotFound
from chassis.store import Backend, Kind, Store, Write
from chassis.store.backend import Document, Query
from chassis.store.transaction import RECENT_LARGEST
from chassis.testing import FakeClock, MemoryBackend, caller
from tests.support.store_cases import KIND, NOON, StoreCases, Ticket, a_ticket


class TestMemoryStore(StoreCases):
    """Proves the fake by the cases of the real one."""

    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()


class Slow(MemoryBackend):
    """A database that takes its time to write."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def write(self, writes: Sequence[Write]) -> None:
        self.asked.set()
        await self.go.wait()
        await super().write(writes)


async def test_a_commit_whose_caller_has_left_is_told_and_remembered_like_any_other() -> None:
    backend = Slow()
    store = Store(backend, FakeClock(NOON), [KIND])
    told: list[Document] = []
    store.on_commit(told.extend)
    ticket = a_ticket()

    async def add() -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.add(ticket)

    adding = asyncio.create_task(add())
    await backend.asked.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert told == []
    backend.go.set()
    async with asyncio.timeout(30):
        while not told:  # noqa: ASYNC110 - nobody is left to say when
            await asyncio.sleep(0.001)
    assert [row["key"] for row in told] == [ticket.id]
    assert ("main", Ticket, ticket.id) in store.recent


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$lookup": {"from": "tickets", "pipeline": [], "as": "all"}}],
        [{"$limit": 1}, {"$unionWith": "tickets"}],
        [{"$facet": {"all": [{"$graphLookup": {"from": "tickets"}}]}}],
        [{"$match": {"$expr": {"$function": {"body": "return true"}}}}],
        [{"$out": "elsewhere"}],
    ],
)
async def test_no_aggregation_leaves_the_tenant(pipeline: list[Mapping[str, Any]]) -> None:
    store = Store(MemoryBackend(), FakeClock(NOON), [KIND])
    with ctx.use(caller()), pytest.raises(RuntimeError, match="nobody has scoped"):
        await store.aggregate("tickets", pipeline)


async def test_a_large_record_is_not_remembered() -> None:
    store = Store(MemoryBackend(), FakeClock(NOON), [KIND])
    with ctx.use(caller()):
        async with store.transaction() as tx:
            tx.add(a_ticket("small"))
            tx.add(a_ticket("l" * RECENT_LARGEST))
    assert [document["title"] for document in store.recent.values()] == ["small"]


@dataclass(slots=True, kw_only=True)
class Remark(Aggregate):
    """Something that has no human number."""

    text: str = ""


class Listening(MemoryBackend):
    """A database that knows what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Query] = []

    async def find_one(
        self, collection: str, query: Query, projection: Mapping[str, Any] | None = None, *, naive: bool = False
    ) -> Document | None:
        self.asked.append(query)
        return await super().find_one(collection, query, projection, naive=naive)


async def test_what_has_no_human_number_is_only_ever_looked_up_by_its_id() -> None:
    backend = Listening()
    store = Store(backend, FakeClock(NOON), [Kind(Remark, pb.Note, "remarks")])
    with ctx.use(caller()), pytest.raises(NotFound):
        await store.get(Remark, "nonsense")
    assert all("_id" in query for query in backend.asked)
