"""Signs of life: everybody once a round, by one clock; never ahead of what somebody is still to hear."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from chassis.failpoints import OFF
from chassis.policy import Policy
from chassis.telemetry import Metrics
from services.gateway.live.beat import Beat
from services.gateway.live.hub import Hub, Topics
from services.gateway.live.ring import Cursors, Ring
from services.gateway.live.stream import Stream, _Conversation

SECONDS = 0.1


class Somebody:
    """Counts when he was reached."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def live(self) -> None:
        self.at.append(time.monotonic())


async def test_everybody_is_reached_once_a_round_and_whoever_left_no_more() -> None:
    beat, people = Beat(SECONDS), [Somebody() for _ in range(30)]
    for each in people:
        beat.join(each)
        await asyncio.sleep(SECONDS / 30)
    beat.leave(people[0])
    beat.leave(people[0])
    known = len(people[0].at)

    while min(len(each.at) for each in people[1:]) < 3:  # noqa: ASYNC110 - the wheel tells nobody
        await asyncio.sleep(SECONDS / 10)

    assert len(people[0].at) == known
    counts = [len(each.at) for each in people[1:]]
    assert max(counts) - min(counts) <= 1
    assert min(after - before for each in people[1:] for before, after in zip(each.at, each.at[1:], strict=False)) > SECONDS / 2


async def test_there_is_no_timer_while_nobody_listens() -> None:
    beat, one = Beat(SECONDS), Somebody()
    beat.join(one)
    beat.leave(one)
    await asyncio.sleep(SECONDS)
    assert beat._timer is None
    beat.join(one)
    while not one.at:  # noqa: ASYNC110 - as above
        await asyncio.sleep(SECONDS / 10)


def conversation(said: list[bytes], *, takes: bool = True) -> _Conversation:
    ring = Ring(Cursors(b"key", 1))
    ring.begin({"incident": [0]})
    guard: Any = SimpleNamespace(policy=lambda: Policy(1, {}, {}))
    stream = Stream(Hub(ring), guard, guard, guard, OFF, Metrics(), ping=SECONDS)

    def say(content: bytes) -> bool:
        if takes:
            said.append(content)
        return takes

    async def send(message: Any) -> None:
        said.append(message["body"])

    principal: Any = SimpleNamespace(tenant="main", subject="ann", roles=frozenset(), limits=None, caveat="")
    return _Conversation(stream, {"itsm.say": say}, send, stream.hub.subscribe("main", Topics()), principal)


def test_a_sign_of_life_says_where_the_stream_is_and_never_passes_what_is_still_to_be_said() -> None:
    said: list[bytes] = []
    one = conversation(said)
    one.live()
    assert said == [b": ping\nid: %b\n\n" % one._hub.ring.cursor]

    one.subscriber.queue.append((SimpleNamespace(), b""))  # type: ignore[arg-type]
    one.live()
    one.subscriber.queue.clear()
    one._pushing = True
    one.live()
    assert len(said) == 1
    assert not one.subscriber.wake.is_set()


def test_a_client_that_takes_nothing_is_waited_for_by_its_own_task() -> None:
    said: list[bytes] = []
    one = conversation(said, takes=False)
    one.live()
    assert said == []
    assert one.subscriber.wake.is_set()
    assert one._due


def test_the_cursor_of_the_ring_moves_with_it() -> None:
    ring = Ring(Cursors(b"key", 1))
    ring.begin({"incident": [0, 0]})
    seen = {ring.cursor}
    ring.passed("incident", 1, 0)
    seen.add(ring.cursor)
    ring.extend({"incident": [1, 1, 5]})
    seen.add(ring.cursor)
    assert len(seen) == 3
    assert ring.cursors.opened(ring.cursor.decode()) == ring.vector
