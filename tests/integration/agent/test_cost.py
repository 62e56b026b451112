"""What the agent costs, as the bench measures it (`bench/agent.py`)."""

from bench.agent import CORE, MEMORY, measured


async def test_it_stays_small_and_idle() -> None:
    # A machine that is busy otherwise makes the same work dearer; that may happen once, growth of our own stays.
    first = await measured(20)
    seen = [first] if first["core_percent"] <= CORE.bound else [first, await measured(30)]
    assert seen[-1]["requests"] > 0
    assert max(one["memory_mib"] for one in seen) <= MEMORY.bound, seen
    assert seen[-1]["core_percent"] <= CORE.bound, seen
