"""Records are handled when they are due, tenant by tenant in turn, and a bad one is no hindrance."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from chassis import context as ctx
from chassis.due import BATCH, TOGETHER, DueWorker
from chassis.errors import Busy
from chassis.store import Insert, Store, Update
from chassis.telemetry import Metrics
from chassis.telling import Telling
from chassis.testing import FakeClock, MemoryBackend

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Bench:
    """Records in memory and a handler that moves them a day on."""

    def __init__(self) -> None:
        self.clock, self.backend, self.metrics = FakeClock(NOON), MemoryBackend(), Metrics()
        self.handled: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.busy = 0
        self.slow: dict[str, asyncio.Event] = {}
        self.begun: list[tuple[str, str]] = []
        store = Store(self.backend, self.clock, [])
        self.worker = DueWorker(store, "incident", "things", "due", self.handle, self.metrics)

    async def keep(self, tenant: str, record: str, due: datetime | None) -> None:
        await self.backend.write([Insert("things", {"_id": record, "tenant": tenant, "due": due})])

    async def handle(self, tenant: str, record: str) -> None:
        self.begun.append((tenant, record))
        if tenant in self.slow:
            await self.slow[tenant].wait()
        self.handled.append((ctx.current().tenant, record))
        if self.busy:
            self.busy -= 1
            raise Busy("somebody was first")
        if record in self.broken:
            raise ZeroDivisionError
        if record not in self.stuck:
            query = {"_id": record, "tenant": tenant}
            await self.backend.write([Update("things", query, {"$set": {"due": self.clock.now + timedelta(days=1)}})])


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_only_what_is_due_is_handled_as_the_service_in_its_tenant(bench: Bench) -> None:
    await bench.keep("a", "now", NOON)
    await bench.keep("b", "late", NOON - timedelta(hours=1))
    await bench.keep("b", "later", NOON + timedelta(seconds=1))
    await bench.keep("b", "never", None)
    assert await bench.worker.round() == 2
    assert sorted(bench.handled) == [("a", "now"), ("b", "late")]
    bench.clock.advance(seconds=1)
    assert await bench.worker.round() == 1


async def test_a_tenant_with_thousands_delays_no_other(bench: Bench) -> None:
    for number in range(3 * BATCH):
        await bench.keep("big", f"big-{number}", NOON - timedelta(hours=1))
    for tenant in ("small", "tiny"):
        await bench.keep(tenant, f"of-{tenant}", NOON)
    assert await bench.worker.round() == BATCH
    assert {("small", "of-small"), ("tiny", "of-tiny")} <= set(bench.handled)


async def test_a_failing_record_is_tried_again_later_and_holds_nobody_back(bench: Bench) -> None:
    bench.broken = {"bad"}
    await bench.keep("a", "bad", NOON)
    await bench.keep("a", "good", NOON)
    assert await bench.worker.round() == 2
    assert await bench.worker.round() == 0
    bench.clock.advance(seconds=1)
    assert await bench.worker.round() == 1
    bench.clock.advance(seconds=1)
    assert await bench.worker.round() == 0
    bench.clock.advance(seconds=1)
    bench.broken.clear()
    assert await bench.worker.round() == 1
    assert [record for _, record in bench.handled] == ["bad", "good", "bad", "bad"]


async def test_a_record_that_stays_due_does_not_keep_the_worker_busy(bench: Bench) -> None:
    bench.stuck = {"stuck"}
    await bench.keep("a", "stuck", NOON)
    for _ in range(5):
        await bench.worker.round()
    assert bench.handled == [("a", "stuck")]


async def test_a_lost_race_is_run_again_at_once(bench: Bench) -> None:
    bench.busy = 2
    await bench.keep("a", "contended", NOON)
    await bench.worker.round()
    assert len(bench.handled) == 3
    bench.clock.advance(seconds=30)
    assert await bench.worker.round() == 0


class Several(Bench):
    """The same with a handler for several, which does all of them or none."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, Sequence[str]]] = []
        self.refused: list[Exception] = []
        store = Store(self.backend, self.clock, [])
        self.worker = DueWorker(store, "incident", "things", "due", self.handle, self.metrics, together=self.together)

    async def together(self, tenant: str, records: Sequence[str]) -> None:
        self.taken.append((ctx.current().tenant, records))
        if self.refused:
            raise self.refused.pop()
        if self.broken & set(records):
            raise ZeroDivisionError
        later = {"$set": {"due": self.clock.now + timedelta(days=1)}}
        await self.backend.write([Update("things", {"_id": record, "tenant": tenant}, later) for record in records])


@pytest.fixture
def several() -> Several:
    return Several()


async def test_what_is_due_of_a_tenant_is_handled_together_some_at_a_time(several: Several) -> None:
    for number in range(2 * TOGETHER + 1):
        await several.keep("a", f"a-{number:03}", NOON)
    await several.keep("b", "b", NOON)
    assert await several.worker.round() == 2 * TOGETHER + 2
    assert [(tenant, len(records)) for tenant, records in several.taken] == [("a", TOGETHER), ("a", TOGETHER)]
    assert sorted(several.handled) == [("a", "a-050"), ("b", "b")], "one alone is no company"
    together = [record for _, records in several.taken for record in records]
    assert together == [f"a-{number:03}" for number in range(2 * TOGETHER)]
    assert await several.worker.round() == 0


async def test_of_many_tenants_each_has_its_turn(several: Several) -> None:
    for number in range(5 * BATCH + 10):
        await several.keep("big", f"big-{number:04}", NOON - timedelta(hours=1))
    for tenant in ("small", "tiny"):
        for number in range(3):
            await several.keep(tenant, f"{tenant}-{number}", NOON)
    assert await several.worker.round() == 5 * BATCH
    assert {("small", 3), ("tiny", 3)} <= {(tenant, len(records)) for tenant, records in several.taken}


@pytest.mark.parametrize("reason", [Busy("one of them was changed"), ZeroDivisionError()])
async def test_what_cannot_be_done_together_is_done_one_by_one(several: Several, reason: Exception) -> None:
    for record in ("one", "two", "three"):
        await several.keep("a", record, NOON)
    several.refused = [reason]
    assert await several.worker.round() == 3
    assert [record for _, record in several.handled] == ["one", "two", "three"]
    assert await several.worker.round() == 0


async def test_one_that_fails_is_held_back_and_those_beside_it_are_not(several: Several) -> None:
    several.broken = {"bad"}
    for record in ("good", "bad", "fine"):
        await several.keep("a", record, NOON)
    await several.worker.round()
    assert [record for _, record in several.handled] == ["good", "bad", "fine"]
    assert await several.worker.round() == 0
    due = {record: row["due"] for record, row in several.backend.collections["things"].items()}
    assert due == {"good": NOON + timedelta(days=1), "bad": NOON, "fine": NOON + timedelta(days=1)}


async def test_lateness_is_measured(bench: Bench) -> None:
    await bench.keep("a", "late", NOON - timedelta(seconds=3))
    await bench.worker.round()
    assert bench.metrics.registry.get_sample_value("itsm_due_lateness_seconds_sum", {"worker": "things.due"}) == 3.0


async def worked(bench: Bench, done: Callable[[], bool]) -> None:
    """The worker works until that is so."""
    task = asyncio.create_task(bench.worker.rounds())
    try:
        async with asyncio.timeout(30):
            while not done():  # noqa: ASYNC110 - what is looked for has no event
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_takes_long_holds_up_no_other_tenant_and_takes_few_places(bench: Bench) -> None:
    for tenant in ("a", "b", "c"):
        bench.slow[tenant] = asyncio.Event()
        for number in range(20):
            await bench.keep(tenant, f"{tenant}-{number}", NOON - timedelta(hours=1))
    told: list[int] = []

    def step() -> bool:
        begun = Counter(tenant for tenant, _ in bench.begun)
        if not told and begun.total() >= 16:
            told.append(begun.total())
            bench.backend.collections["things"]["late"] = {"_id": "late", "tenant": "quick", "due": NOON}
        return ("quick", "late") in bench.handled

    await worked(bench, step)
    begun = Counter(tenant for tenant, _ in bench.begun)
    assert max(begun[tenant] for tenant in "abc") <= 8
    assert bench.handled == [("quick", "late")], "nobody else has ended"


async def test_no_record_is_begun_while_it_is_under_way_and_all_come_to_their_turn(bench: Bench) -> None:
    bench.slow["a"] = asyncio.Event()
    for number in range(30):
        await bench.keep("a", f"a-{number}", NOON)
    await bench.keep("b", "other", NOON)

    def step() -> bool:
        # A second look happened: what came after the first was handled beside what is under way.
        if ("b", "other") in bench.handled and "more" not in bench.backend.collections["things"]:
            bench.backend.collections["things"]["more"] = {"_id": "more", "tenant": "b", "due": NOON}
        if ("b", "more") in bench.handled:
            bench.slow["a"].set()
        return len(bench.handled) == 32

    await worked(bench, step)
    assert len(set(bench.begun)) == len(bench.begun) == 32


async def test_a_worker_that_ends_ends_what_it_has_begun(bench: Bench) -> None:
    bench.slow["a"] = asyncio.Event()
    await bench.keep("a", "long", NOON)
    await worked(bench, lambda: bool(bench.begun))
    bench.slow["a"].set()
    await asyncio.sleep(0)
    assert not bench.handled


async def test_what_is_told_its_history_in_another_process_rests_however_much_is_due_of_it(bench: Bench) -> None:
    for number in range(2 * BATCH):
        await bench.keep("demo-busy", f"told-{number}", NOON - timedelta(days=30))
    await bench.keep("demo-quiet", "quiet", NOON)
    await bench.keep("main", "work", NOON)

    await Telling(bench.backend).note("demo-busy")

    assert await bench.worker.round() == 2
    assert sorted(bench.handled) == [("demo-quiet", "quiet"), ("main", "work")]
