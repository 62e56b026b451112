"""Positions in the stream: whatever the order of reading and wherever a client comes back, it gets each event exactly once."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.http.problems import Problem
from services.gateway.live.hub import Hub, Subscriber, Topics
from services.gateway.live.ring import Cursors, Entry, Ring, Vector

CURSORS = Cursors(b"key of the test", 1)
PARTITIONS: Vector = {"asset": [0, 0], "incident": [0]}
PLACES = (("asset", 0), ("asset", 1), ("incident", 0))


def an_entry(
    service: str = "incident", partition: int = 0, offset: int = 0, *, tenant: str = "main", size: int = 0, time: int = 0
) -> Entry:
    return Entry(
        service=service,
        partition=partition,
        offset=offset,
        time=time,
        tenant=tenant,
        plural="incidents",
        subject=f"incidents/{service}-{partition}-{offset}",
        type="itsm.incident.v1.IncidentOpened",
        head=b'{"id":"1","data":',
        value=b"{}" + b" " * size,
    )


@dataclass
class Process:
    """One process of the gateway, which reads a fixed log of each partition in an order of its own."""

    length: int = 40
    hub: Hub = field(default_factory=lambda: Hub(Ring(CURSORS)))

    def __post_init__(self) -> None:
        self.hub.ring.begin(PARTITIONS)

    def read(self, place: int) -> None:
        """Takes the next record of a partition. Every third is for another tenant."""
        service, partition = PLACES[place]
        offset = self.hub.ring.vector[service][partition]
        if offset < self.length:
            entry = an_entry(service, partition, offset, tenant="main" if offset % 3 else "other")
            self.hub.ring.add(entry)
            self.hub.offer(entry)

    def catch_up(self) -> None:
        for place in range(len(PLACES)):
            for _ in range(self.length):
                self.read(place)


def all_of_main(length: int) -> set[str]:
    return {f"incidents/{service}-{n}-{offset}" for service, n in PLACES for offset in range(length) if offset % 3}


def given_to(hub: Hub, subscriber: Subscriber) -> Iterator[tuple[str, str]]:
    """What the conversation would send: subject and cursor."""
    if subscriber.replay is not None:
        for entry, position in subscriber.replay:
            if entry.tenant == subscriber.tenant and subscriber.topics.include(entry):
                yield entry.subject, hub.ring.cursors.text(position).decode()
        subscriber.replay = None
    while subscriber.queue:
        entry, cursor = subscriber.queue.popleft()
        yield entry.subject, cursor.decode()


STEP = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 2), st.integers(0, 2)),  # process, partition
    st.tuples(st.just("take"), st.integers(1, 7), st.just(0)),  # so many events reach the client
    st.tuples(st.just("move"), st.integers(0, 2), st.booleans()),  # the connection breaks; with or without a ping before
)


@given(st.lists(STEP, min_size=40, max_size=150))
def test_whoever_reconnects_anywhere_gets_each_event_once(steps: list[tuple[str, int, int]]) -> None:
    processes = [Process(), Process(), Process()]
    at = processes[0].hub
    subscriber = at.subscribe("main", Topics(), CURSORS.opened(CURSORS.text(PARTITIONS).decode()))
    last = CURSORS.text(PARTITIONS).decode()
    sending = given_to(at, subscriber)
    got: list[str] = []
    for kind, number, other in steps:
        if kind == "read":
            processes[number].read(other)
        elif kind == "take":
            for _ in range(number):
                if (sent := next(sending, None)) is None:
                    sending = given_to(at, subscriber)
                    break
                got.append(sent[0])
                last = sent[1]
        else:
            if other and subscriber.replay is None and not subscriber.queue:
                last = at.cursor(subscriber).decode()
            at.unsubscribe(subscriber)
            at = processes[number].hub
            seen = CURSORS.opened(last)
            assert seen is not None and at.ring.covers(seen)
            subscriber = at.subscribe("main", Topics(), seen)
            sending = given_to(at, subscriber)
    for process in processes:
        process.catch_up()
    got += [subject for subject, _ in given_to(at, subscriber)] if subscriber.replay else [subject for subject, _ in sending]
    got += [subject for subject, _ in given_to(at, subscriber)]
    assert len(got) == len(set(got))
    assert set(got) == all_of_main(40)


def test_what_the_ring_dropped_is_known_to_be_missing() -> None:
    ring = Ring(CURSORS, entries=5)
    ring.begin({"asset": [0], "incident": [0]})
    ring.add(an_entry("asset", 0, 0))
    for offset in range(5):
        ring.add(an_entry(offset=offset))
    assert len(ring) == 5
    assert ring.covers({"asset": [1], "incident": [0]})
    assert not ring.covers({"asset": [0], "incident": [0]}), "the one asset event is gone"
    assert [entry.offset for entry, _ in ring.after({"asset": [1], "incident": [3]})] == [3, 4]


def test_a_process_that_reads_one_partition_after_the_other_keeps_the_newest_of_all() -> None:
    ring = Ring(CURSORS, entries=6)
    ring.begin(PARTITIONS)
    for service, partition in PLACES:
        for offset in range(10):
            ring.add(an_entry(service, partition, offset, time=1_000 + offset))
    recent: Vector = {"asset": [8, 8], "incident": [8]}
    assert ring.covers(recent), "a client that was here a moment ago would have to start over"
    assert ring.floor == recent
    told = [(entry.time, entry.service, entry.partition) for entry, _ in ring.after(recent)]
    assert told == sorted(told) and len(told) == 6


def test_a_ring_stays_within_its_memory() -> None:
    ring = Ring(CURSORS, size=100_000)
    ring.begin({"incident": [0]})
    for offset in range(100):
        ring.add(an_entry(offset=offset, size=10_000))
    assert 5 <= len(ring) <= 9
    assert ring.floor == {"incident": [100 - len(ring)]}


@pytest.mark.parametrize(
    "other", [{"incident": [0]}, {"asset": [0, 0]}, {"asset": [0, 0], "incident": [0, 0]}, {"asset": [0, 0], "problem": [0]}]
)
def test_a_position_over_other_topics_is_not_covered(other: Vector) -> None:
    ring = Ring(CURSORS)
    ring.begin(PARTITIONS)
    assert ring.covers(PARTITIONS)
    assert not ring.covers(other)


def test_a_topic_that_comes_later_is_taken_up_without_losing_the_others() -> None:
    ring = Ring(CURSORS)
    ring.begin({"incident": [7]})
    ring.extend({"incident": [3, 4], "asset": [9]})
    assert ring.vector == {"incident": [7, 4], "asset": [9]} == ring.floor


def test_a_cursor_says_its_position_to_every_process_with_the_key() -> None:
    text = CURSORS.text({"incident": [1, 300, 70_000]}).decode()
    assert Cursors(b"key of the test", 1).opened(text) == {"incident": [1, 300, 70_000]}
    assert Cursors(b"key of the test", 2).opened(text) is None, "of the time before a restore"
    with pytest.raises(Problem, match="none of this stream"):
        Cursors(b"another key", 1).opened(text)


@pytest.mark.parametrize("change", ["x", "", "-1", "0", "é", "A" * 9000, "*" * 40, "=" * 24])
def test_a_cursor_that_is_none_of_ours_is_refused(change: str) -> None:
    with pytest.raises(Problem) as refused:
        CURSORS.opened(change)
    assert (refused.value.status, refused.value.reason) == (400, "CURSOR")


@given(st.integers(0, 80), st.integers(1, 255))
def test_a_cursor_with_any_changed_letter_is_refused(place: int, by: int) -> None:
    text = CURSORS.text(PARTITIONS)
    place %= len(text)
    changed = text[:place] + bytes([text[place] ^ by]) + text[place + 1 :]
    try:
        opened = CURSORS.opened(changed.decode("latin-1"))
    except Problem as refused:
        assert refused.status == 400
    else:
        assert opened == PARTITIONS, "the last letter of base64 has bits that say nothing"
