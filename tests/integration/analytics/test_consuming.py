"""Events from a real broker become figures; what comes again changes nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.events import INDEXES, Consumer
from chassis.events.kafka import client_options, open_producer
from chassis.events.records import DEAD_LETTERS, PARKED
from chassis.settings import Settings
from chassis.store.migrations import migrate
from chassis.telemetry import Metrics
from services.analytics import store as kept
from services.analytics.domain.facts import FACTS
from services.analytics.reactions import subscriptions
from services.analytics.usecases.facts import FactLog
from tests.integration.analytics.conftest import Figures
from tests.support.eventually import eventually
from tests.support.incident_events import History
from tests.support.running import background

PARTITIONS = 4


@pytest.fixture
def broker(backing: dict[str, Any]) -> Settings:
    kafka = backing["kafka"]
    return Settings(kafka_bootstrap=kafka["bootstrap"], kafka_username="admin", kafka_password=kafka["users"]["admin"])


@pytest.fixture
async def topics(broker: Settings) -> AsyncIterator[dict[str, str]]:
    """Topics of the test's own for all that figures are made of: what the platform has told there before is not meant."""
    run = uuid4().hex[:12]
    names = {topic: f"test.{run}.{topic}" for topic in ("itsm.incident.v1", "itsm.monitor.v1")}
    async with _admin(broker) as admin:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names.values()])
    yield names
    async with _admin(broker) as admin:
        await admin.delete_topics(list(names.values()))


@asynccontextmanager
async def _admin(broker: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(broker))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def publish(broker: Settings, topic: str, histories: list[History]) -> None:
    """Everything that is told of these incidents, each incident in one partition, all of them mingled."""
    producer = await open_producer(broker)
    try:
        for step in range(max(len(history.told) for history in histories)):
            for history in histories:
                if step < len(history.told):
                    record = history.told[step].record(0)
                    await producer.send(topic, record.value, key=record.key, headers=record.headers)
        await producer.flush()
    finally:
        await producer.stop()


async def consumed(figures: Figures, group: str, records: int) -> None:
    """Returns when the positions of the group add up to so many records."""
    async with asyncio.timeout(60):
        while sum(row["next"] for row in await figures.backend.find("offsets", {"group": group})) < records:  # noqa: ASYNC110 - the consumer moves them
            await asyncio.sleep(0.02)


def outcomes(metrics: Metrics) -> dict[str, int]:
    """What became of the records that a consumer has taken."""
    found: Counter[str] = Counter()
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            if sample.name == "itsm_events_consumed_total":
                found[sample.labels["outcome"]] += int(sample.value)
    return dict(found)


async def test_events_become_figures_once_however_often_they_come(
    figures: Figures, broker: Settings, topics: dict[str, str]
) -> None:
    await migrate(figures.backend, (*INDEXES, *kept.INDEXES), ())
    histories = [History(f"inc_{n}").open(team=f"t{n % 3}").start().hold().resolve().reopen().resolve() for n in range(40)]

    # Told twice, and taken by two processes one after the other, of which the second has forgotten nothing.
    for round_ in (1, 2):
        await publish(broker, topics["itsm.incident.v1"], histories)
        group = subscriptions(FactLog(figures.store), figures.alerts)
        assert group.topics == topics.keys()
        metrics = Metrics()
        consumer = Consumer(
            figures.store, broker, "analytics", group, metrics, topics=topics, group=f"test.{topics['itsm.incident.v1']}"
        )
        async with background(consumer.run):
            await consumed(figures, consumer.group, 240 * round_)
            # They are counted when their transaction is through.
            await eventually(lambda metrics=metrics: sum(outcomes(metrics).values()) >= 240)
        assert outcomes(metrics) == ({"applied": 240} if round_ == 1 else {"duplicate": 240})

        # What is given up or waits moves positions, too: it says why.
        given_up = await figures.backend.find(DEAD_LETTERS, {"group": consumer.group}, projection={"reason": 1, "detail": 1})
        assert given_up == []
        assert await figures.backend.find(PARKED, {"group": consumer.group}, projection={"key": 1, "version": 1}) == []

    assert await figures.backend.count(FACTS, {"tenant": "main"}) == 240
    assert await figures.count("incident-volume") == {"/opened": 40, "/resolved": 40}
    assert await figures.count("reopen-rate") == {"": 1}
    assert await figures.rebuild.run("main") == (40, 0)
