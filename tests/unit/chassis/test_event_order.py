"""Versions of a record leave one after the other, whatever happens in which order, and none is left behind."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.events.order import Lanes
from chassis.events.wire import key_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECORDS = ("inc_a", "inc_b", "inc_c")


def row(record: str, version: int) -> dict[str, Any]:
    return {
        "_id": f"{record}-{version}", "tenant": "main", "key": record, "version": version, "shard": RECORDS.index(record) % 2,
        "data": "{}", "time": NOON, "pending": True,
    }  # fmt: skip


def test_a_version_waits_for_the_one_before_it() -> None:
    lanes = Lanes()
    for version in (2, 1, 3):
        lanes.offer(row("inc_a", version))
    assert [one["version"] for one in lanes.take(10)[0]] == [1]
    assert lanes.take(10) == ([], [], [])
    lanes.acknowledged(row("inc_a", 1))
    assert [one["version"] for one in lanes.take(10)[0]] == [2]


def test_a_version_with_an_unknown_past_asks_for_it() -> None:
    lanes = Lanes()
    lanes.offer(row("inc_a", 5))
    leaving, _, unsure = lanes.take(10)
    assert (leaving, [one["version"] for one in unsure]) == ([], [5])
    lanes.published("main/inc_a", 4)
    assert [one["version"] for one in lanes.take(10)[0]] == [5]


def test_a_blocked_record_holds_back_no_other() -> None:
    lanes = Lanes()
    for record in ("inc_a", "inc_b"):
        lanes.offer(row(record, 1))
    first, second = lanes.take(10)[0]
    lanes.failed(first, "too large")
    lanes.acknowledged(second)
    lanes.offer(row("inc_b", 2))
    lanes.offer(row("inc_a", 2))
    assert [one["_id"] for one in lanes.take(10)[0]] == ["inc_b-2"]
    assert lanes.blocked == {"main/inc_a": "too large"}
    lanes.revive()
    assert [one["_id"] for one in lanes.take(10)[0]] == ["inc_a-1"]


def test_what_is_out_already_is_only_cleared() -> None:
    lanes = Lanes()
    lanes.published("main/inc_a", 3)
    lanes.offer(row("inc_a", 3))
    leaving, settled, unsure = lanes.take(10)
    assert ([one["version"] for one in settled], leaving, unsure) == ([3], [], [])
    assert lanes.count == 0


def test_full_memory_refuses_rows_and_has_room_again() -> None:
    lanes = Lanes(rows=2)
    assert [lanes.offer(row(record, 1)) for record in RECORDS] == [True, True, False]
    lanes.take(10)
    assert lanes.offer(row("inc_c", 1))


def test_a_row_that_is_known_is_taken_once() -> None:
    lanes = Lanes()
    lanes.offer(row("inc_a", 1))
    lanes.offer(row("inc_a", 1))
    assert lanes.count == 1
    lanes.take(10)
    lanes.offer(row("inc_a", 1))
    assert lanes.count == 0


class Publishing(RuleBasedStateMachine):
    """A database with pending rows, memory that sees some of them, a broker that answers, fails or dies in any order."""

    @initialize(rows=st.integers(1, 6))
    def begin(self, rows: int) -> None:
        self.lanes = Lanes(rows=rows, remembered=1)
        self.committed: dict[str, int] = dict.fromkeys(RECORDS, 0)
        self.pending: dict[str, dict[str, Any]] = {}
        self.flying: list[dict[str, Any]] = []
        self.broker: dict[str, list[int]] = {record: [] for record in RECORDS}

    @rule(record=st.sampled_from(RECORDS), heard=st.booleans())
    def commit(self, record: str, heard: bool) -> None:
        self.committed[record] += 1
        new = row(record, self.committed[record])
        self.pending[new["_id"]] = new
        if heard:
            self.lanes.offer(new)

    @rule(data=st.data())
    def sweep(self, data: st.DataObject) -> None:
        self.lanes.revive()
        for one in data.draw(st.permutations(sorted(self.pending.values(), key=lambda one: one["_id"]))):
            self.lanes.offer(one)

    @rule(most=st.integers(1, 4))
    def send(self, most: int) -> None:
        leaving, settled, unsure = self.lanes.take(most)
        self.flying += leaving
        for one in settled:
            self.pending.pop(one["_id"], None)
        for one in unsure:
            previous = self.pending.get(f"{one['key']}-{one['version'] - 1}")
            if previous is None:
                self.lanes.published(key_of(one), one["version"] - 1)
            else:
                self.lanes.precede(previous)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), arrived=st.booleans(), confirmed=st.booleans(), blocked=st.booleans())
    def answer(self, data: st.DataObject, arrived: bool, confirmed: bool, blocked: bool) -> None:
        one = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if arrived or confirmed:
            self.broker[one["key"]].append(one["version"])
        if confirmed:
            self.lanes.acknowledged(one)
            self.pending.pop(one["_id"], None)
        else:
            self.lanes.failed(one, "" if arrived or not blocked else "no")

    @rule()
    def restart(self) -> None:
        self.lanes.clear()
        self.flying.clear()

    @rule(shard=st.integers(0, 1))
    def lose_a_shard(self, shard: int) -> None:
        self.lanes.drop(frozenset({shard}))

    @invariant()
    def nothing_overtakes(self) -> None:
        for versions in getattr(self, "broker", {}).values():
            assert list(dict.fromkeys(versions)) == list(range(1, len(set(versions)) + 1))

    @invariant()
    def memory_is_counted_right(self) -> None:
        if hasattr(self, "lanes"):
            waiting = sum(len(lane.rows) for lane in self.lanes._lanes.values())
            assert (self.lanes.count, self.lanes.size) == (waiting, 2 * waiting)

    def teardown(self) -> None:
        """The broker is well again: all that was committed comes out."""
        if not hasattr(self, "lanes"):
            return
        for _ in range(sum(self.committed.values()) * 4 + 10):
            self.lanes.revive()
            for one in sorted(self.pending.values(), key=lambda one: int(one["version"])):
                self.lanes.offer(one)
            self.send(4)
            while self.flying:
                one = self.flying.pop()
                self.broker[one["key"]].append(one["version"])
                self.lanes.acknowledged(one)
                self.pending.pop(one["_id"], None)
        assert self.pending == {}
        for record, last in self.committed.items():
            assert set(self.broker[record]) == set(range(1, last + 1))
        self.nothing_overtakes()


TestPublishing = Publishing.TestCase
TestPublishing.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
