"""A storm of alerts, mostly repeats, while processes die at each step of the way from a sender to the screens.

Everything acknowledged is accounted for: one alert and one incident a fingerprint, every signal counted, none invented; and
when the storm is over, so are the alerts and the incidents.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.senders import Key, Sender
from tests.support.storm import Storm, unaccounted
from tests.support.stream import listening

TOTAL, SECONDS = {False: 600, True: 10_000}, {False: 6.0, True: 60.0}
PATIENCE = 120.0
RESPONSIVE = 15.0
"""Seconds within which half of the lists of alerts are answered in the midst of it, on however slow a machine."""

# The steps of reliability engineering's main path: S1 a sender's request accepted, S2 and S3 its transaction, S4 and S5 the
# relay (R5, R6), S6 to S8 the incident service's consumer (R7 to R9), S9 its relay, S10 the monitor's consumer, S13 and S14
# figures, S15 the stream (R10). S11 and S12 are deliveries to webhooks, which have tests of their own.
PLACES: tuple[dict[str, int], ...] = (
    {"monitor/S1": 9, "incident/R7": 2, "analytics/R7": 2},
    {"monitor/S2": 6, "incident/R8": 2, "analytics/R8": 2},
    {"monitor/S3": 6, "incident/R9": 2, "gateway/R10": 2},
    {"monitor/R5": 2, "incident/R5": 2},
    {"monitor/R6": 2, "incident/R6": 2},
    {"monitor/R8": 2, "incident/R4": 3},
)


@pytest.fixture
async def sender(stack: dict[str, Any]) -> AsyncIterator[Sender]:
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as manager:
        key = await Key.made(manager)
    async with Sender(stack["ingest"], key.secret) as made:
        yield made


async def records(gateway: Gateway, storm: Storm, total: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All alerts and incidents of a storm."""
    wanted = set(storm.fingerprints(total))
    alerts = [row async for row in gateway.pages("alerts", "alerts") if row["fingerprint"] in wanted]
    ids = {row["id"] for row in alerts}
    incidents = [row async for row in gateway.pages("incidents", "incidents", filter="source = ALERT")]
    return alerts, [row for row in incidents if ids & set(row["alertIds"])]


class Deaths:
    """Processes that die once each, at a named place, and are started again."""

    def __init__(self, breakable: Breakable, places: Mapping[str, int]) -> None:
        self._breakable = breakable
        self.left = dict(places)
        self._order()

    def _order(self) -> None:
        self._breakable.order({place: {"action": "kill", "at": at} for place, at in self.left.items()})

    async def attend(self) -> None:
        """Starts again who has died, until everybody has."""
        while self.left:
            await asyncio.sleep(0.2)
            for name in {place.partition("/")[0] for place in self.left}:
                if not self._breakable.alive(name):
                    # Whoever comes back must not meet its order again.
                    self.left = {place: at for place, at in self.left.items() if place.partition("/")[0] != name}
                    self._order()
                    await self._breakable.stack.restart(name)


async def answer_times(gateway: Gateway, over: asyncio.Task[None]) -> list[float]:
    """How long a list of alerts took, again and again until the storm is over, in seconds."""
    times = []
    while not over.done():
        began = time.monotonic()
        await gateway.get("alerts", pageSize=50)
        times.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    return times


@pytest.mark.timeout(900)
@pytest.mark.parametrize("places", PLACES, ids=" ".join)
async def test_a_storm_with_deaths_is_accounted_for(
    breakable: Breakable, agent: Gateway, sender: Sender, aftermath: Aftermath, soak: bool, places: dict[str, int]
) -> None:
    total, storm = TOTAL[soak], Storm()
    async with listening(agent, "alerts"):  # whoever looks on keeps the stream at work
        deaths = Deaths(breakable, places)
        attending = asyncio.create_task(deaths.attend())
        try:
            await storm.blow(sender, total, SECONDS[soak])
            async with asyncio.timeout(PATIENCE):
                await attending
        except TimeoutError:
            raise AssertionError(f"nobody came by {', '.join(deaths.left)}") from None
        finally:
            attending.cancel()
            await asyncio.wait({attending})  # else two would start the same process
            await breakable.heal()
    await aftermath.drained(within=PATIENCE)
    assert unaccounted(storm, *await records(agent, storm, total)) == []
    assert sum(storm.acknowledged.values()) == total


@pytest.mark.timeout(600)
async def test_screens_stay_responsive_and_a_storm_passes(
    breakable: Breakable, agent: Gateway, sender: Sender, aftermath: Aftermath, soak: bool
) -> None:
    total, storm = TOTAL[soak], Storm()
    blowing = asyncio.create_task(storm.blow(sender, total, SECONDS[soak]))
    times = await answer_times(agent, blowing)
    await blowing
    await aftermath.drained(within=PATIENCE)
    assert unaccounted(storm, *await records(agent, storm, total)) == []
    assert sorted(times)[len(times) // 2] < RESPONSIVE
    await storm.calm(sender, total)
    await aftermath.drained(within=PATIENCE)
    alerts, incidents = await records(agent, storm, total)
    assert {alert["state"] for alert in alerts} == {"RESOLVED"}
    assert {incident["state"] for incident in incidents} == {"RESOLVED"}
    assert len(incidents) == len(storm.fingerprints(total))
