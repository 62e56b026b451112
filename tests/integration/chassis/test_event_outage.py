"""Kafka goes away and comes back: writers do not notice, and everything arrives once and in order."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.events import publisher
from chassis.settings import MongoDriver
from chassis.store import Store
from tests.integration.chassis.conftest import Place, settings_of
from tests.integration.chassis.test_events import changed, cleared, counting, effects, opened
from tests.support.broker import Broker, own_broker
from tests.support.running import background

TICKETS = 10


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    async with own_broker(tmp_path) as started:
        yield started


@pytest.fixture
async def place(backing: dict[str, Any], broker: Broker) -> AsyncIterator[Place]:
    made = Place(settings_of({**backing, "kafka": broker.described}), MongoDriver.MOTOR)
    await made.prepare()
    yield made
    await made.clean()


async def edited(store: Store, tickets: list[str], seconds: float) -> tuple[int, float]:
    """Changes one ticket after the other for so long; says how often, and how long the slowest write took."""
    count, slowest, end = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        await changed(store, tickets[count % TICKETS])
        count, slowest = count + 1, max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return count, slowest


async def test_a_broker_that_is_killed_or_silent_costs_nothing_but_time(
    place: Place, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_PATIENCE", 3.0)  # so that the producer is replaced within the test's own outage
    store, other = place.store(), place.store()
    async with background(place.relay(store).run, place.consumer(other, counting(other)).run):
        tickets = [(await opened(store)).id for _ in range(TICKETS)]
        await effects(other, TICKETS, within=60)
        await broker.kill()
        killed, slowest_killed = await edited(store, tickets, 5)
        await broker.start()
        await effects(other, TICKETS + killed, within=60)
        broker.signal(signal.SIGSTOP)
        silent, slowest_silent = await edited(store, tickets, 5)
        broker.signal(signal.SIGCONT)
        found = await effects(other, TICKETS + killed + silent, within=60)
        await cleared(store, within=60)
    assert {effect["times"] for effect in found} == {1}
    assert max(slowest_killed, slowest_silent) < 30
    versions: dict[bytes, list[int]] = {}
    for record in await place.records(place.topic, len(found)):
        versions.setdefault(record.key, []).append(int(dict(record.headers)["ce_itsmversion"]))
    for seen in versions.values():
        assert list(dict.fromkeys(seen)) == list(range(1, len(set(seen)) + 1))
