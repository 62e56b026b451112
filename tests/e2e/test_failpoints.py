"""`kill -9` at each failpoint, on each service that has it, loses nothing and doubles nothing.

Several clients write while the processes die, each at its own failpoint; they are started again, what ended in doubt and has
a key is repeated, and when nothing is under way any more everything is read back and judged against the history.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway
from tests.support.history import Outcome, Recorder
from tests.support.invariants import check
from tests.support.load import Load
from tests.support.platform import Breakable
from tests.support.stream import listening

_OWNER = {"R2": 6, "R3": 4, "R4": 4, "R5": 3, "R6": 2}

# Where each service dies, and at which visit: late enough for writes to be under way on all sides of it.
PLACES: Mapping[str, int] = {
    "gateway/R1": 40,
    "gateway/R10": 15,
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
    **{f"{service}/{place}": at for service in ("asset", "monitor") for place, at in _OWNER.items()},
    **{f"{service}/{place}": 1 for service in ("incident", "asset", "monitor") for place in ("R7", "R8", "R9")},
    "analytics/R2": 3,
}
ENOUGH = 20  # writes that must succeed after the healing, and how soon
RECOVERY = 60.0
TOGETHER_SECONDS = 30.0
"""How long who is dead stays dead while others live on: without the auth service nobody writes for long."""

# The short form lets services die together, which is also the harder case; the long one takes them one by one too.
TOGETHER = (
    ("incident/R2", "analytics/R7", "auth/R5"),
    ("incident/R3", "analytics/R8", "auth/R6"),
    ("incident/R4", "analytics/R9", "auth/R7"),
    ("incident/R5", "analytics/R3", "auth/R8"),
    ("incident/R6", "analytics/R4", "auth/R9"),
    ("gateway/R1", "auth/R3", "asset/R9"),
    ("gateway/R10", "auth/R4", "asset/R8"),
    ("auth/R2", "asset/R2"),
    ("asset/R3", "monitor/R2"),
    ("asset/R4", "monitor/R3"),
    ("asset/R5", "monitor/R4"),
    ("asset/R6", "monitor/R5"),
    ("asset/R7", "monitor/R6", "analytics/R2"),
    # They hear of assets, whose service must live for that.
    ("monitor/R7", "incident/R7"),
    ("monitor/R8", "incident/R8"),
    ("monitor/R9", "incident/R9"),
)
ONE_BY_ONE = tuple((place,) for place in PLACES) if os.environ.get("ITSM_TEST_SOAK") == "true" else ()


def test_every_place_is_visited() -> None:
    assert {place for places in TOGETHER for place in places} == PLACES.keys()


async def deaths(breakable: Breakable, load: Load, places: Mapping[str, str]) -> None:
    """Works until everybody has died at the place that is theirs; `places` are by service."""
    breakable.order({place: {"action": "kill", "at": PLACES[place]} for place in places.values()})
    end = time.monotonic() + TOGETHER_SECONDS
    await load.work(until=lambda: not breakable.alive(*places) or time.monotonic() > end)
    if left := {name: places[name] for name in breakable.alive(*places)}:
        breakable.order({})  # whoever comes back must not meet its order again
        await asyncio.gather(*(breakable.stack.restart(name) for name in places.keys() - left.keys()))
        await deaths(breakable, load, left)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("places", [*TOGETHER, *ONE_BY_ONE], ids=" ".join)
async def test_a_death_loses_nothing_and_doubles_nothing(
    breakable: Breakable,
    agent: Gateway,
    keeper: Gateway,
    auditor: Gateway,
    aftermath: Aftermath,
    tmp_path: Path,
    places: tuple[str, ...],
) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    load = Load(agent, recorder, keeper)
    await aftermath.mark()
    async with listening(agent, "incidents") as heard:
        await load.work(until=lambda: False, most=2)
        try:
            async with asyncio.timeout(240):
                await deaths(breakable, load, {place.partition("/")[0]: place for place in places})
        finally:
            await breakable.heal()
        enough = recorder.count(Outcome.OK) + ENOUGH
        async with asyncio.timeout(RECOVERY):
            await load.work(until=lambda: recorder.count(Outcome.OK) >= enough)
        await load.settle()
        recorder.close()
        await aftermath.drained()
        final = await aftermath.final(recorder.operations, load.run_id, agent, auditor)
        told = {event.id for event in final.events if event.subject.startswith("incidents/")}
        await heard.all_of(told)
    assert check(recorder, final) == []
    assert heard.out_of_order == []
    assert await aftermath.dead_letters() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", ["R5", "R6"])
async def test_what_the_figures_tell_of_themselves_survives_their_relay(
    breakable: Breakable, stack: dict[str, Any], auditor: Gateway, aftermath: Aftermath, place: str
) -> None:
    """They have no changes of their own but what operators do to their events, such as a replay."""
    now = datetime.now(UTC).isoformat()
    asked, key = {"startTime": now, "subject": "incidents/inc_nobody"}, f"key-{uuid4().hex}"
    breakable.order({f"analytics/{place}": {"action": "kill"}})
    async with Gateway(stack["gateway"], stack["users"]["operator"]["token"]) as operator:
        await operator.send("POST", "services/analytics/replays", asked, key=key)  # its answer may die with them
        async with asyncio.timeout(60):
            while breakable.alive("analytics"):  # noqa: ASYNC110 - its death is noticed by its keeper
                await asyncio.sleep(0.05)
        await breakable.heal()
        replay = await operator.post("services/analytics/replays", asked, key=key)
        async with asyncio.timeout(60):
            while (await operator.get(f"services/analytics/replays/{replay['id']}"))["state"] != "DONE":  # noqa: ASYNC110 - a worker
                await asyncio.sleep(0.2)
    await aftermath.drained()
    subject = f"replays/{replay['id']}"
    rows, events = await aftermath.told("analytics", subject)
    assert len(rows) == 2
    assert list(dict.fromkeys(events)) == rows, "an event came late, not at all, or is of no change"
    assert sorted(
        [entry["id"] async for entry in auditor.pages("auditEntries", "auditEntries", filter=f'subject = "{subject}"')]
    ) == sorted(rows)
    assert await aftermath.dead_letters() == []
