"""Kafka has a copy of where a group is, for those who scale and watch by it; what counts is our own row."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.events import consumer as consuming
from chassis.events.kafka import client_options
from chassis.store import Store
from tests.integration.chassis.conftest import PARTITIONS, Place
from tests.integration.chassis.test_events import counting, effects, opened
from tests.support.running import background


async def offsets(place: Place, group: str) -> dict[int, int]:
    async with place.admin() as admin:
        found = await admin.list_consumer_group_offsets(group)
    return {at.partition: kept.offset for at, kept in found.items() if at.topic == place.topic and kept.offset >= 0}


async def test_who_stops_in_good_order_tells_kafka_before_how_far_the_group_is(
    place: Place, relayed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "_MEASURE_SECONDS", 3600)
    monkeypatch.setattr(consuming, "_LAST_COPY_SECONDS", 30)
    store = place.store()
    consumer = place.consumer(store, counting(store))
    async with background(consumer.run):
        for _ in range(20):
            await opened(relayed)
        async with asyncio.timeout(60):  # an effect is seen a moment before the consumer knows that it is
            while sum(held.next for held in consumer._positions.held.values()) < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert sum((await offsets(place, consumer.group)).values()) == 20


async def test_kafka_knows_how_far_a_group_is_and_is_not_obeyed(
    place: Place, relayed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "_MEASURE_SECONDS", 0.1)
    store = place.store()
    consumer = place.consumer(store, counting(store))
    async with background(consumer.run):
        for _ in range(20):
            await opened(relayed)
        await effects(store, 20)
        async with asyncio.timeout(60):
            while sum((await offsets(place, consumer.group)).values()) < 20:  # noqa: ASYNC110 - a broker tells nobody
                await asyncio.sleep(0.2)

    everywhere = [TopicPartition(place.topic, number) for number in range(PARTITIONS)]
    stranger = AIOKafkaConsumer(group_id=consumer.group, enable_auto_commit=False, **client_options(place.settings))
    await stranger.start()
    try:
        stranger.assign(everywhere)
        await stranger.commit(dict.fromkeys(everywhere, 1))
    finally:
        await stranger.stop()

    again = place.consumer(store, counting(store))
    async with background(again.run):
        await opened(relayed)
        found = await effects(store, 21)
    assert [effect["times"] for effect in found] == [1] * 21
