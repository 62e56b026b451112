"""A consumer that cannot begin."""

import gc
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import InvalidSessionTimeoutError, KafkaError
from itsm.incident import v1 as pb

from chassis.errors import Unavailable
from chassis.events import Consumer, Envelope, Subscriptions
from chassis.settings import Settings
from chassis.store import Store
from chassis.store.backend import Document
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend


class _Silent(MemoryBackend):
    async def find(self, *_: Any, **__: Any) -> list[Document]:
        raise Unavailable("the database does not answer")


async def test_a_consumer_whose_database_is_silent_leaves_no_connection_behind() -> None:
    subscriptions = Subscriptions()

    @subscriptions.on(pb.IncidentOpened)
    async def note(_event: pb.IncidentOpened, _envelope: Envelope) -> None:
        raise AssertionError("nothing is consumed")

    settings = Settings(kafka_bootstrap="127.0.0.1:1")
    consumer = Consumer(
        Store(_Silent(), FakeClock(datetime(2026, 5, 4, tzinfo=UTC)), ()), settings, "monitor", subscriptions, Metrics()
    )
    gc.collect()  # what others left
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(Unavailable):
            await consumer.run()
        del consumer
        gc.collect()
    assert [str(one.message) for one in seen if one.category is ResourceWarning] == []


@pytest.mark.parametrize("wrapped", [False, True])
async def test_sessions_that_the_brokers_refuse_end_the_process_with_what_to_change(*, wrapped: bool) -> None:
    class Kafka:
        async def getmany(self, *, timeout_ms: int, max_records: int) -> Any:
            if wrapped:  # as the library hands on what its own task met
                raise KafkaError("Unexpected error during coordination") from InvalidSessionTimeoutError()
            raise InvalidSessionTimeoutError

    kafka: Any = Kafka()
    store = Store(MemoryBackend(), FakeClock(datetime(2026, 5, 4, tzinfo=UTC)), ())
    settings = Settings(kafka_bootstrap="127.0.0.1:1", lease_seconds=6)
    consumer = Consumer(store, settings, "monitor", Subscriptions(), Metrics())
    with pytest.raises(SystemExit) as ended:
        await consumer._once(kafka)
    assert "ITSM_LEASE_SECONDS=6" in str(ended.value)
    assert "4000 ms" in str(ended.value)
    assert "group.min.session.timeout.ms" in str(ended.value)


async def test_a_group_takes_no_more_at_once_than_it_says() -> None:
    class Kafka:
        def __init__(self) -> None:
            self.asked: list[int] = []

        async def getmany(self, *, timeout_ms: int, max_records: int) -> Any:
            self.asked.append(max_records)
            raise Unavailable("there is nothing to take")

    kafka: Any = Kafka()
    for subscriptions in (Subscriptions(), Subscriptions(most=7)):
        store = Store(MemoryBackend(), FakeClock(datetime(2026, 5, 4, tzinfo=UTC)), ())
        consumer = Consumer(store, Settings(kafka_bootstrap="127.0.0.1:1"), "monitor", subscriptions, Metrics())
        with pytest.raises(Unavailable):
            await consumer._once(kafka)
    assert kafka.asked == [500, 7]
