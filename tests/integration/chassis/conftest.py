"""A place of its own for each test of events: a database, topics and settings to reach them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

from chassis.domain import SystemClock
from chassis.events import INDEXES, Consumer, Relay, Subscriptions
from chassis.events.kafka import client_options
from chassis.settings import MongoDriver, Settings
from chassis.store import Kind, Store
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from tests.support.running import background
from tests.support.store_cases import KIND

PARTITIONS = 4


class Place:
    """One installation in small: what it says on `topic` is what the incident service says elsewhere."""

    def __init__(self, settings: Settings, driver: MongoDriver) -> None:
        self.name = uuid4().hex[:12]
        self.topic, self.audit, self.dead = (f"test.{self.name}.{part}" for part in ("events", "audit", "dead"))
        self.settings = settings
        self.driver = driver
        self._backends: list[MongoBackend] = []

    @property
    def uri(self) -> str:
        return self.settings.mongo_uri.get_secret_value().replace("/?", f"/test_{self.name}?")

    def backend(self) -> MongoBackend:
        made = MongoBackend(self.uri, self.driver)
        self._backends.append(made)
        return made

    def store(self, *kinds: Kind) -> Store:
        return Store(self.backend(), SystemClock(), [KIND, *kinds], INDEXES)

    def relay(self, store: Store, metrics: Metrics | None = None, **more: Any) -> Relay:
        names = {"topic": self.topic, "audit_topic": self.audit}
        return Relay(store, more.pop("settings", self.settings), "incident", metrics or Metrics(), **names, **more)

    def consumer(self, store: Store, subscriptions: Subscriptions, metrics: Metrics | None = None, **more: Any) -> Consumer:
        more.setdefault("group", f"test.{self.name}")
        settings = more.pop("settings", self.settings)
        names = {"itsm.incident.v1": self.topic, "itsm.audit.v1": self.audit}
        return Consumer(
            store, settings, "monitor", subscriptions, metrics or Metrics(), topics=names, dead_topic=self.dead, **more
        )

    async def records(self, topic: str, count: int, within: float = 30, *, distinct: bool = False) -> list[Any]:
        """The first records of a topic, in order within each partition; fewer where `within` seconds bring no more.

        With `distinct`, an event that was told twice counts once.
        """
        consumer = AIOKafkaConsumer(topic, **client_options(self.settings), auto_offset_reset="earliest")
        await consumer.start()
        found: list[Any] = []
        try:
            while len({dict(record.headers)["ce_id"] for record in found} if distinct else found) < count:
                polled = await consumer.getmany(timeout_ms=round(within * 1000))
                if not polled:
                    return found
                found.extend(record for records in polled.values() for record in records)
        finally:
            await consumer.stop()
        return found

    async def prepare(self) -> None:
        store = self.store()
        await store.backend.ensure_indexes(store.indexes)
        async with self.admin() as admin:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (self.topic, self.audit, self.dead)])

    async def clean(self) -> None:
        for backend in self._backends:
            await backend.close()
        async with AsyncMongoClient(self.uri) as client:
            await client.drop_database(f"test_{self.name}")
        async with self.admin() as admin:
            await admin.delete_topics([self.topic, self.audit, self.dead])

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**client_options(self.settings))
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


def settings_of(backing: dict[str, Any], **more: Any) -> Settings:
    return Settings(
        mongo_uri=backing["mongo"]["root_uri"],
        kafka_bootstrap=backing["kafka"]["bootstrap"],
        kafka_username="admin",
        kafka_password=backing["kafka"]["users"]["admin"],
        # As short as a broker allows that was told nothing: whoever is killed here is missed until then.
        lease_seconds=9,
        **more,
    )


@pytest.fixture
async def place(backing: dict[str, Any]) -> AsyncIterator[Place]:
    """On motor, the default; what differs between the drivers is proven by the store's own cases."""
    made = Place(settings_of(backing), MongoDriver.MOTOR)
    await made.prepare()
    yield made
    await made.clean()


@pytest.fixture
async def relayed(place: Place) -> AsyncIterator[Store]:
    """A store whose changes are published."""
    store = place.store()
    async with background(place.relay(store).run):
        yield store
