"""`kill -9` at each failpoint, on each service that has it, loses nothing and doubles nothing.

Several clients write while the processes die, each at its own failpoint; they are started again, what ended in doubt and has
a key is repeated, and when nothing is under way any more everything is read back and judged against the history.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway
from tests.support.history import Outcome, Recorder
from tests.support.invariants import check
from tests.support.load import Load
from tests.support.platform import Breakable

# Where each service dies, and at which visit: late enough for writes to be under way on all sides of it.
PLACES: Mapping[str, int] = {
    "gateway/R1": 40,
    "incident/R2": 25,
    "incident/R3": 12,
    "incident/R4": 12,
    "incident/R5": 5,
    "incident/R6": 3,
    "auth/R2": 8,
    "auth/R3": 4,
    "auth/R4": 4,
    "auth/R5": 3,
    "auth/R6": 2,
    "analytics/R3": 2,
    "analytics/R4": 2,
    "analytics/R7": 2,
    "analytics/R8": 2,
    "analytics/R9": 2,
    "auth/R7": 2,
    "auth/R8": 2,
    "auth/R9": 2,
}
# The short form lets services die together, which is also the harder case; the long one takes them one by one too.
TOGETHER = (
    ("incident/R2", "analytics/R7", "auth/R5"),
    ("incident/R3", "analytics/R8", "auth/R6"),
    ("incident/R4", "analytics/R9", "auth/R7"),
    ("incident/R5", "analytics/R3", "auth/R8"),
    ("incident/R6", "analytics/R4", "auth/R9"),
    ("gateway/R1", "auth/R3"),
    ("auth/R4",),
    ("auth/R2",),
)
ONE_BY_ONE = tuple((place,) for place in PLACES) if os.environ.get("ITSM_TEST_SOAK") == "true" else ()


def test_every_place_is_visited() -> None:
    assert {place for places in TOGETHER for place in places} == PLACES.keys()


@pytest.mark.parametrize("places", [*TOGETHER, *ONE_BY_ONE], ids=" ".join)
async def test_a_death_loses_nothing_and_doubles_nothing(
    breakable: Breakable, agent: Gateway, auditor: Gateway, aftermath: Aftermath, tmp_path: Path, places: tuple[str, ...]
) -> None:
    victims = [place.partition("/")[0] for place in places]
    recorder = Recorder(tmp_path / "history.jsonl")
    load = Load(agent, recorder)
    await aftermath.mark()
    breakable.order({place: {"action": "kill", "at": PLACES[place]} for place in places})
    try:
        await load.work(until=lambda: not breakable.alive(*victims), most=300)
        await breakable.died(*victims)
    finally:
        await breakable.heal()
    await load.work(until=lambda: False, most=load.count + 4)
    await load.settle()
    recorder.close()
    await aftermath.drained()
    final = await aftermath.final(recorder.operations, load.run_id, agent, auditor)
    assert check(recorder, final) == []
    assert await aftermath.dead_letters() == []
    outcomes = {outcome: sum(1 for each in recorder if each.outcome is outcome) for outcome in Outcome}
    assert outcomes[Outcome.OK] >= 24, f"too little was written to prove anything: {outcomes}"
