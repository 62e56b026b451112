"""Who gets a place, and whose turn it is."""

import asyncio
import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Unavailable
from services.monitor.ingest.places import AT_ONCE, READERS, Places


def taken(places: Places, tenant: str, stack: ExitStack) -> bool:
    try:
        stack.enter_context(places.place(tenant))
    except Unavailable:
        return False
    return True


def test_one_tenant_alone_leaves_a_quarter_free() -> None:
    places = Places()
    with ExitStack() as stack:
        assert [taken(places, "loud", stack) for _ in range(AT_ONCE)].count(True) == 12
        with ExitStack() as other:
            assert [taken(places, "quiet", other) for _ in range(AT_ONCE)].count(True) == 3
            with pytest.raises(Unavailable), places.place("loud"):
                pass
            assert taken(places, "third", other)


def test_tenants_that_want_all_there_is_come_to_equal_shares() -> None:
    places, held = Places(), {"early": [], "late": []}
    for _ in range(20):
        for tenant in held:
            stack = ExitStack()
            if taken(places, tenant, stack):
                held[tenant].append(stack)
        held[max(held, key=lambda tenant: len(held[tenant]))].pop().close()
    assert abs(len(held["early"]) - len(held["late"])) <= 1
    assert min(map(len, held.values())) >= 5


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=200))
def test_places_are_bounded_and_all_come_back(moves: list[tuple[str, bool]]) -> None:
    places, held = Places(), {tenant: list[ExitStack]() for tenant in "abcd"}
    for tenant, comes in moves:
        if not comes:
            if held[tenant]:
                held[tenant].pop().close()
            continue
        free = AT_ONCE - sum(map(len, held.values()))
        stack = ExitStack()
        if taken(places, tenant, stack):
            held[tenant].append(stack)
        else:
            # Whoever has nothing is sent away only when there is nothing.
            assert held[tenant] or not free
        assert sum(map(len, held.values())) <= AT_ONCE
    for stacks in held.values():
        for stack in stacks:
            stack.close()
    with ExitStack() as stack:
        assert [taken(places, "a", stack) for _ in range(AT_ONCE)].count(True) == 12


async def test_turns_at_reading_go_round_the_tenants() -> None:
    places, let_go, order = Places(), threading.Event(), list[str]()

    def slow(tenant: str) -> None:
        assert let_go.wait(60)
        order.append(tenant)

    busy = [asyncio.create_task(places.read("loud", slow, "loud")) for _ in range(READERS + 6)]
    await asyncio.sleep(0)
    busy += [asyncio.create_task(places.read("quiet", slow, "quiet"))]
    await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(*busy)
    # Those that had begun, one of the loud ones that waited, then at once the quiet one; threads may end a place apart.
    assert order.index("quiet") <= READERS + READERS


async def test_whoever_leaves_while_waiting_for_a_turn_takes_none_away() -> None:
    places, let_go = Places(), threading.Event()
    busy = [asyncio.create_task(places.read("a", let_go.wait, 60)) for _ in range(READERS)]
    await asyncio.sleep(0)
    leaving = [asyncio.create_task(places.read("b", let_go.wait, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in leaving:
        each.cancel()
    assert all(isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*leaving, return_exceptions=True))
    let_go.set()
    assert await asyncio.gather(*busy) == [True] * READERS
    both = [places.read("b", let_go.wait, 60) for _ in range(READERS)]
    assert await asyncio.wait_for(asyncio.gather(*both), 60) == [True] * READERS
