"""Tenants for demonstration: told in the past, emptied at once; and never any other."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.demonstration import ToldClock, is_one, told
from chassis.domain import uuid7
from chassis.emptying import Emptying, went
from chassis.errors import ForbiddenMove, Invalid, Unavailable
from chassis.store import CHANGES, Store
from chassis.store.transaction import REQUEST_KEPT
from chassis.telling import Telling
from chassis.testing import FakeClock, MemoryBackend, caller
from tests.support.store_cases import KIND, NOON, Ticket, a_ticket

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tenant", "is_it"), [("demo", True), ("demo-berlin", True), ("demonstrators", False), ("main", False)]
)
def test_its_name_alone_makes_a_tenant_one_for_demonstration(tenant: str, is_it: bool) -> None:
    assert is_one(tenant) is is_it


def test_a_call_is_dated_back_to_the_instant_that_it_says() -> None:
    assert told("demo", "2026-01-05T09:30:00.1234+01:00", NOW) == datetime(2026, 1, 5, 8, 30, 0, 123000, tzinfo=UTC)
    assert told("main", "", NOW) is None


async def test_what_is_due_waits_in_every_process_while_a_history_is_told_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = MemoryBackend()
    await Telling(backend).note("demo-told")

    another = Telling(backend)
    assert await another.resting(["demo-told", "demo-other", "main"]) == {"demo-told"}

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert await another.resting(["demo-told"]) == set()


async def test_that_a_history_is_told_is_noted_once_in_a_while_and_tenants_that_work_cost_no_question() -> None:
    backend = Counting()
    telling = Telling(backend)
    for _ in range(5):
        await telling.note("demo")
    assert (backend.writes, backend.questions) == (1, 0)

    assert await telling.resting(["main", "acme"]) == set()
    assert backend.questions == 0


class Counting(MemoryBackend):
    """Counts what it is asked."""

    writes = questions = 0

    async def write(self, writes: Any) -> None:
        self.writes += 1
        await super().write(writes)

    async def find(self, collection: str, query: Any, **options: Any) -> list[dict[str, Any]]:
        self.questions += 1
        return await super().find(collection, query, **options)


async def test_what_another_process_emptied_is_forgotten_here_once() -> None:
    backend, here = MemoryBackend(), list[str]()
    first, second = (Emptying(Store(backend, FakeClock(NOON), [KIND])) for _ in range(2))

    async def forget(tenant: str) -> None:
        here.append(tenant)

    second.also(forget)
    await second.look()
    with ctx.use(caller("demo")):
        await first.run()
    for _ in range(3):
        await second.look()
    assert here == ["demo"]

    await asyncio.sleep(0.002)  # the next millisecond
    with ctx.use(caller("demo")):
        await first.run()
    await second.look()
    assert here == ["demo", "demo"]


async def test_what_could_not_be_forgotten_is_at_the_next_look() -> None:
    emptying, away = Emptying(Store(MemoryBackend(), FakeClock(NOON), [KIND])), [True]
    forgotten = list[str]()

    async def forget(tenant: str) -> None:
        if away[0]:
            raise Unavailable("an owner is away")
        forgotten.append(tenant)

    with ctx.use(caller("demo")):
        await emptying.run()
    emptying.also(forget)
    with pytest.raises(Unavailable):
        await emptying.look()
    away[0] = False
    await emptying.look()
    assert forgotten == ["demo"]


@pytest.mark.parametrize("text", ["yesterday", "2026-01-05T09:30:00", "2026-03-02T12:00:01Z"])
def test_what_is_no_past_instant_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        told("demo", text, NOW)


def test_nobody_else_dates_anything_back() -> None:
    with pytest.raises(Invalid) as refused:
        told("main", "2026-01-05T09:30:00Z", NOW)
    assert refused.value.reason == "NO_DEMONSTRATION"


def test_a_clock_says_what_the_call_was_told_and_else_the_time() -> None:
    clock = ToldClock(FakeClock(NOW))
    with ctx.use(caller("demo", time=NOW - timedelta(days=40))):
        assert clock() == NOW - timedelta(days=40)
    assert clock() == NOW


async def test_the_key_of_a_call_that_is_dated_back_is_kept_as_long_as_any() -> None:
    backend = MemoryBackend()
    store = Store(backend, ToldClock(FakeClock(NOON)), [KIND])
    with ctx.use(caller("demo", time=NOON - timedelta(days=40), request_id="once")):
        async with store.transaction() as tx:
            tx.add(a_ticket())
    replay = await store.replay("demo", "once")
    assert replay is not None
    (row,) = [row for row in backend.collections[CHANGES].values() if "expire_time" in row]
    assert row["expire_time"] == NOON + REQUEST_KEPT
    (told,) = [row for row in backend.collections[CHANGES].values() if "expire_time" not in row]
    assert told["time"] == NOON - timedelta(days=40)


async def test_a_tenant_is_emptied_and_its_neighbor_and_what_is_kept_stay() -> None:
    backend = MemoryBackend()
    store = Store(backend, FakeClock(NOON), [KIND])
    emptying, forgotten = Emptying(store, ["people"]), list[str]()

    async def forget(tenant: str) -> None:
        forgotten.append(tenant)

    emptying.also(forget)
    tickets = {}
    for tenant in ("demo", "main"):
        with ctx.use(caller(tenant)):
            tickets[tenant] = a_ticket()
            async with store.transaction() as tx:
                tx.add(tickets[tenant])
    backend.collections["people"] = {"demo|usr_1": {"_id": "demo|usr_1", "tenant": "demo"}}
    with ctx.use(caller("demo")):
        assert await emptying.run() == 2  # the ticket and its change
        assert await store.count("tickets", {}, limit=10) == await store.count("changes", {}, limit=10) == 0
        assert not [key for key in store.recent if key[0] == "demo"]
        assert await store.count("people", {}, limit=10) == 1
        assert await emptying.run() == 0
    with ctx.use(caller("main")):
        assert (await store.get(Ticket, tickets["main"].id)).title == "mail is down"
    assert forgotten == ["demo", "demo"]


async def test_what_was_made_before_never_comes_back_and_what_is_made_after_does() -> None:
    backend = MemoryBackend()
    before = uuid7()
    with ctx.use(caller("demo")):
        await Emptying(Store(backend, FakeClock(NOON), [KIND])).run()
    later = f"{int(before[:8], 16) + 1:08x}{before[8:]}"
    assert await went(backend, "demo", before)
    assert not await went(backend, "demo", later)
    assert not await went(backend, "main", before)


async def test_a_tenant_that_people_work_in_cannot_be_emptied() -> None:
    emptying = Emptying(Store(MemoryBackend(), FakeClock(NOON), [KIND]))
    with ctx.use(caller("main")), pytest.raises(ForbiddenMove):
        await emptying.run()
