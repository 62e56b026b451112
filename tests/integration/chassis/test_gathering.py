"""A consumer that may rest takes a burst in a few batches, and what comes after a pause at once."""

import asyncio
import time
from typing import Any

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.events import Envelope, Subscriptions
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import caller
from tests.integration.chassis.conftest import Place
from tests.support.running import background
from tests.support.store_cases import a_ticket

REST = 0.5


async def open_one(store: Store) -> None:
    with ctx.use(caller()):
        async with store.transaction() as tx:
            tx.add(a_ticket("mail is down"))


async def test_a_burst_is_taken_in_a_few_batches_and_its_first_event_at_once(relayed: Store, place: Place) -> None:
    handled: list[float] = []
    subscriptions = Subscriptions(gather=REST)

    @subscriptions.on(pb.IncidentOpened)
    async def note(event: Any, envelope: Envelope) -> None:
        handled.append(time.monotonic())

    async def until(count: int) -> None:
        async with asyncio.timeout(60):
            while len(handled) < count:  # noqa: ASYNC110 - the handler is no place for events of asyncio
                await asyncio.sleep(0.005)

    metrics = Metrics()
    consumer = place.consumer(place.store(), subscriptions, metrics)
    async with background(consumer.run):
        await open_one(relayed)
        await until(1)
        await asyncio.sleep(2 * REST)
        began = time.monotonic()
        for _ in range(30):
            await open_one(relayed)
            await asyncio.sleep(0.02)
        await until(31)
        passed = time.monotonic() - began
    assert handled[1] - began < 30  # not held back for good; how soon is measured elsewhere
    batches = metrics.registry.get_sample_value("itsm_consumer_batch_duration_seconds_count", {"group": consumer.group})
    assert batches is not None
    # A slow machine brings fewer events in each rest: what counts is that there was a rest after each batch.
    assert batches <= passed / REST + 3, "it did not rest between its batches"
