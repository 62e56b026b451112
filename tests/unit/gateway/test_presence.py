"""Who is at a record: kept for a moment, seen by every process, told to those who are there and may see it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.gateway import store as kept
from services.gateway.domain.presence import THERE, Mode
from services.gateway.live.hub import Topics
from services.gateway.live.presence import Aside, Attendance, Board
from services.gateway.live.sight import Sight
from services.gateway.ports import Seen
from services.gateway.usecases.presence import PRESENCES, Presences
from tests.unit.gateway.test_hub import a_hub, a_policy, an_event, somebody, tell

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LEAVING, WRITING, VIEWING = Mode.GONE, Mode.WRITING, Mode.VIEWING


class Sights:
    """Everybody sees `inc_1`, by its number too; Ann sees only some incidents."""

    async def record(self, resources: str, id: str) -> Seen:  # noqa: A002 - as its field
        if (resources, id) not in (("incidents", "inc_1"), ("incidents", "INC1")):
            raise NotFound("incident", id)
        return Seen("incidents/inc_1", ctx.current().actor.id != "ann")


class Process:
    """One gateway: what it heard for whom."""

    def __init__(self, backend: MemoryBackend, clock: FakeClock) -> None:
        self.store = Store(backend, clock, kept.KINDS, kept.INDEXES)
        self.tenants, self.told, self.ticks = {"main"}, [], 0.0
        self.attendance = Attendance(backend, clock, lambda: self.tenants, self.tell, monotonic=lambda: self.ticks)
        self.presences = Presences(self.store, Sights(), self.attendance.heard)

    def tell(self, user: str, aside: Aside) -> None:
        people = orjson.loads(aside.text)["data"]["people"]
        self.told.append((user, aside.subject, {each["userId"]: each["mode"] for each in people}))

    async def say(self, user: str, mode: Mode, id: str = "inc_1") -> list[str]:  # noqa: A002 - as its field
        with ctx.use(caller(subject=user)):
            _, people = await self.presences.say("incidents", id, mode)
        return [each.user_id for each in people]

    def heard(self) -> list[tuple[str, str, dict[str, str]]]:
        told, self.told = sorted(self.told, key=lambda each: each[0]), []
        return told


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


async def test_whoever_is_at_a_record_hears_of_who_comes_writes_and_leaves_on_every_process(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    one, other = Process(backend, clock), Process(backend, clock)
    assert await one.say("max", VIEWING) == ["max"]
    clock.advance(seconds=1)
    assert await other.say("bob", VIEWING, "INC1") == ["max", "bob"]
    assert one.heard() == [("max", "incidents/inc_1", {"max": "VIEWING"})]
    await one.attendance.look()
    both = {"max": "VIEWING", "bob": "VIEWING"}
    assert one.heard() == [("bob", "incidents/inc_1", both), ("max", "incidents/inc_1", both)]
    await one.attendance.look()
    assert one.heard() == [], "what is as it was is not said again"
    await other.say("bob", WRITING)
    await one.attendance.look()
    assert [told[2]["bob"] for told in one.heard()] == ["WRITING", "WRITING"]
    assert await other.say("bob", LEAVING) == ["max"]
    await one.attendance.look()
    assert one.heard() == [("max", "incidents/inc_1", {"max": "VIEWING"})]


async def test_nobody_is_there_for_longer_than_his_last_sign_counts(backend: MemoryBackend, clock: FakeClock) -> None:
    one = Process(backend, clock)
    await one.say("bob", WRITING)
    clock.advance(seconds=15)
    await one.say("max", VIEWING)
    one.heard()
    clock.advance(seconds=THERE.total_seconds() - 15)
    await one.attendance.look()
    assert one.heard() == [("max", "incidents/inc_1", {"max": "VIEWING"})]
    with ctx.use(caller(subject="max")):
        _, people = await one.presences.there("incidents", "inc_1")
    assert [(each.user_id, each.mode, each.since_time) for each in people] == [("max", VIEWING, NOON + timedelta(seconds=15))]


async def test_since_when_somebody_does_something_outlasts_his_signs_and_not_what_he_does(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    one = Process(backend, clock)
    for mode, after in ((VIEWING, 0), (VIEWING, 0), (WRITING, 30), (WRITING, 30), (WRITING, 100)):
        await one.say("bob", mode)
        (row,) = backend.collections[PRESENCES].values()
        assert row["since_time"] == NOON + timedelta(seconds=after)
        clock.advance(seconds=15 if after < 30 or row["seen_time"] < NOON + timedelta(seconds=40) else 55)


async def test_who_sees_only_some_records_is_told_of_himself_alone(backend: MemoryBackend, clock: FakeClock) -> None:
    one = Process(backend, clock)
    await one.say("bob", WRITING)
    assert await one.say("ann", VIEWING) == ["ann"]
    assert sorted(await one.say("bob", WRITING)) == ["ann", "bob"]
    with ctx.use(caller(subject="ann")):
        assert [each.user_id for each in (await one.presences.there("incidents", "inc_1"))[1]] == ["ann"]


async def test_of_a_record_that_the_caller_does_not_see_nothing_is_said_or_kept(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    one = Process(backend, clock)
    with pytest.raises(NotFound):
        await one.say("bob", VIEWING, "inc_2")
    with ctx.use(caller(dry_run=True)), pytest.raises(Invalid):
        await one.presences.say("incidents", "inc_1", VIEWING)
    assert not backend.collections.get(PRESENCES)


async def test_a_clock_that_is_behind_hides_nobody_for_long_and_a_process_without_streams_asks_nothing(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    late = FakeClock(NOON - timedelta(seconds=20))
    one, behind = Process(backend, clock), Process(backend, late)
    await one.say("max", VIEWING)
    await one.attendance.look()
    one.heard()
    await behind.say("bob", VIEWING)
    one.ticks += 1
    await one.attendance.look()
    assert one.heard() == []
    one.ticks += 15
    await one.attendance.look()
    assert [told[0] for told in one.heard()] == ["bob", "max"]
    one.tenants = set()
    await one.attendance.look()
    await one.say("max", WRITING)
    assert one.heard() == []
    one.tenants = {"main"}
    await one.attendance.look()
    assert one.heard()[0][2] == {"bob": "VIEWING", "max": "WRITING"}, "all is read anew when somebody listens again"
    one.tenants = {"elsewhere"}
    await one.attendance.look()
    assert one.heard() == []


_ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["VIEWING", "WRITING", "GONE", "LATER"]), st.integers(0, 60)), max_size=12
)


@given(_ROWS, st.randoms(use_true_random=False))
def test_in_whatever_order_rows_are_read_the_latest_sign_of_each_counts(rows: list[Any], chance: Any) -> None:
    signs = {(user, second): mode for user, mode, second in rows if mode != "LATER"}
    told = [
        {
            "tenant": "main",
            "about": "incidents/inc_1",
            "user_id": user,
            "mode": mode,
            "since_time": NOON,
            "seen_time": NOON + timedelta(seconds=second),
        }
        for (user, second), mode in signs.items()
    ]
    chance.shuffle(told)
    board, now = Board(), NOON + timedelta(seconds=60)
    for row in [*told, *sorted(told, key=lambda each: each["seen_time"])]:
        board.take([row])
    board.expire(now)
    expected = set()
    for user in "ab":
        seconds = [second for who, second in signs if who == user]
        if seconds and signs[user, max(seconds)] != "GONE" and NOON + timedelta(seconds=max(seconds)) > now - THERE:
            expected.add(user)
    assert set(board.users(("main", "incidents/inc_1"))) == expected


def test_a_stream_is_told_of_what_it_listens_to_and_its_owner_may_see_all_of() -> None:
    aside = Board().said(("main", "incidents/inc_1"), NOON)
    hub = a_hub()
    everything, named = hub.subscribe("main", Topics()), hub.subscribe("main", Topics(subjects=frozenset({"incidents/inc_1"})))
    others, strangers = hub.subscribe("main", Topics(plurals=frozenset({"assets"}))), hub.subscribe("acme", Topics())
    for each in (everything, named, others, strangers):
        hub.say(each, aside)
    tell(hub, an_event(offset=1))
    assert [len(each.queue) for each in (everything, named, others, strangers)] == [2, 2, 0, 0]
    assert aside.frame(b"").startswith(b"event: presence\ndata: {")
    assert Sight(somebody(), a_policy()).sees(aside)
    assert not Sight(somebody(), a_policy({"requester_id": "u1"})).sees(aside)
    assert not Sight(somebody("guest"), a_policy()).sees(aside)
    assert not Sight(somebody(tenant="acme"), a_policy()).sees(aside)
