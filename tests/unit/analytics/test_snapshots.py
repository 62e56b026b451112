"""Snapshots of the backlog say what the facts say, whenever those arrive; what comes late is counted by itself."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Busy, Unavailable
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend
from services.analytics.domain.facts import FACTS, midnight
from services.analytics.projections.backlog import BACKLOG, EARLIEST, cells, documents
from services.analytics.reactions import fact_of
from services.analytics.usecases import snapshots as module
from services.analytics.usecases.facts import FactLog
from services.analytics.usecases.snapshots import PROGRESS, Snapshots
from tests.support.incident_events import START, History, Told
from tests.unit.analytics.test_rebuild import GAPS, walk, walks

DAY = timedelta(days=1)


class Room:
    """The log of facts and the snapshots over a database in memory, with a clock that is told."""

    def __init__(self) -> None:
        self.backend, self.clock = Counting(), FakeClock(START)
        self.store = Store(self.backend, self.clock, ())
        self.log, self.snapshots = FactLog(self.store), Snapshots(self.store, self.clock)

    async def take(self, *told: Told) -> None:
        """These events, as they arrive now."""
        async with self.store.transaction():
            for one in told:
                await self.log.record(fact_of(one.message.incident, one.envelope))

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept of the backlog."""
        return self.backend.collections.get(BACKLOG, {})

    def true(self, *histories: History) -> dict[str, Any]:
        """What the facts say of the days until now."""
        counted = cells([], EARLIEST, EARLIEST) if not histories else None
        for history in histories:
            facts = [fact_of(told.message.incident, told.envelope) for told in history.told]
            each = cells(facts, EARLIEST, midnight(self.clock() - module.SETTLING))
            counted = each if counted is None else counted + each
        return documents("main", counted or {})  # type: ignore[arg-type]


class Counting(MemoryBackend):
    """Says how many facts were read, and dies when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = 0
        self.writes = 10**9

    async def find(self, collection: str, query: Any, **options: Any) -> list[dict[str, Any]]:
        found = await super().find(collection, query, **options)
        self.facts += len(found) if collection == FACTS else 0
        return found

    async def write(self, writes: Any) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise Unavailable("the process ends here")
        await super().write(writes)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[History], list[tuple[datetime, Told | None]]]:
    """Incidents, and when each of their events arrives, in its order; in between snapshots are taken (`None`)."""
    histories = [walk(History(f"inc_{n}"), draw(walks)) for n in range(draw(st.integers(1, 3)))]
    schedule: list[tuple[datetime, int, Told | None]] = []
    for history in histories:
        at = START
        for told in history.told:
            at = max(at, told.envelope.time) + draw(GAPS) * draw(st.integers(0, 1))
            schedule.append((at, len(schedule), told))
    schedule += [(START + draw(GAPS) * 8, 10**6 + n, None) for n in range(draw(st.integers(0, 6)))]
    return histories, [(at, told) for at, _, told in sorted(schedule, key=lambda each: each[:2])]


@settings(max_examples=150, deadline=None)
@given(arrivals())
async def test_whenever_facts_arrive_the_days_say_what_the_facts_say(arriving: Any) -> None:
    histories, schedule = arriving
    room = Room()
    for at, told in schedule:
        room.clock.now = at
        if told is None:
            await room.snapshots.catch_up("main")
        else:
            await room.take(told)
    room.clock.advance(days=3)

    await room.snapshots.catch_up("main")

    assert room.kept == room.true(*histories)
    before = dict(room.kept)
    await room.snapshots.compute_all("main")
    assert room.kept == before


async def test_a_late_fact_has_nothing_counted_but_its_own_incident() -> None:
    room = Room()
    many = [History(f"inc_{n}").open() for n in range(200)]
    await room.take(*(told for history in many for told in history.told))
    room.clock.advance(days=20)
    await room.snapshots.catch_up("main")
    room.backend.facts = 0

    await room.take(*(late := History("inc_late", at=START + DAY).open().resolve(after=DAY)).told)
    assert await room.snapshots.catch_up("main") == len(late.told)

    assert room.backend.facts < 10
    assert room.kept == room.true(*many, late)


@pytest.mark.parametrize("writes", range(12))
async def test_a_death_between_any_two_writes_loses_and_doubles_nothing(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    monkeypatch.setattr(module, "_CELLS", 3)
    room = Room()
    await room.take(*(first := History("inc_1").open()).told)
    room.clock.advance(days=9)
    await room.snapshots.catch_up("main")
    late = [History(f"inc_{n}", at=START + DAY).open(team=f"t{n}").resolve(after=3 * DAY) for n in range(2, 5)]
    await room.take(*(told for history in late for told in history.told))
    room.clock.advance(days=2)

    room.backend.writes = writes
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(module, "_REST", 0)
        with suppress(Unavailable):
            await room.snapshots.catch_up("main")
    room.backend.writes = 10**9
    await Snapshots(room.store, room.clock).catch_up("main")

    assert room.kept == room.true(first, *late)


async def test_of_two_processes_that_count_the_same_facts_one_begins_anew() -> None:
    room = Room()
    await room.take(*(history := History("inc_1").open().resolve(after=3 * DAY)).told)
    room.clock.advance(days=9)

    other = Snapshots(room.store, room.clock)
    await asyncio.gather(room.snapshots.catch_up("main"), other.catch_up("main"))

    assert room.kept == room.true(history)


async def test_who_was_overtaken_writes_nothing() -> None:
    room = Room()
    await room.take(*(history := History("inc_1").open().resolve(after=3 * DAY)).told)
    room.clock.advance(days=9)
    await room.snapshots.catch_up("main")
    progress = await room.snapshots._progress("main")
    await room.take(*(late := History("inc_2", at=START + DAY).open().resolve(after=DAY)).told)
    await room.snapshots.catch_up("main")

    with pytest.raises(Busy):
        async with room.store.transaction() as tx:
            await room.snapshots._go_on(tx, "main", progress)

    assert room.kept == room.true(history, late)


async def test_what_a_version_that_counted_otherwise_took_is_counted_once_more() -> None:
    room = Room()
    await room.take(*(history := History("inc_1").open().resolve(after=3 * DAY)).told)
    room.clock.advance(days=9)
    await room.snapshots.catch_up("main")
    del room.backend.collections[PROGRESS]["main"]["revision"]
    for document in room.kept.values():
        document["count"] += 1

    await room.snapshots.catch_up("main")

    assert room.kept == room.true(history)


async def test_a_turn_is_bounded_and_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 5)
    monkeypatch.setattr(module, "_BREATH_SECONDS", 0)
    room = Room()
    histories = [History(f"inc_{n}").open() for n in range(20)]
    await room.take(*(told for history in histories for told in history.told))
    room.clock.advance(days=2)
    await room.snapshots._turn("main")  # the beginning
    turns, others = 0, 0

    async def something_else() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    beside = asyncio.create_task(something_else())
    while taken := await room.snapshots._turn("main"):
        assert taken <= 5
        turns += 1
    beside.cancel()

    assert (turns, room.kept) == (4, room.true(*histories))
    assert others >= len(histories)
