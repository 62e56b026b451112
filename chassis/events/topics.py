"""`python -m chassis.events.topics`: makes the topics that are missing; deletes none, changes none, and tells what differs.

A service has its public topic and one for its dead letters; the audit topic is shared. Number of partitions and retention are
those of docs/reference/events.md: partitions are never added in place, because keys would move between them.

Ends with 0 when all topics are there, whatever else was found to differ, with 1 when the broker refuses one, with 2 when no
broker lets this user in for `topics_wait_seconds`.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from pydantic import Field

from chassis.events.kafka import client_options
from chassis.events.wire import AUDIT_TOPIC
from chassis.peers import SERVICES
from chassis.settings import Settings

PARTITIONS = 24
DEAD_PARTITIONS = 3
_EXISTS = 36
_PAUSE_SECONDS = 2.0
_DAY_MS = 24 * 3600 * 1000


class TopicSettings(Settings):
    """How topics are made where they are missing."""

    topics_replication: int = Field(3, ge=1, description="copies of each topic")
    topics_min_insync: int = Field(2, ge=1, description="copies that have a record before it counts as written")
    topics_retention_days: int = Field(30, ge=1, description="how long records are kept")
    topics_wait_seconds: float = Field(600, ge=0, description="how long a broker is waited for")


def public_topic(service: str) -> str:
    """Where a service tells its events."""
    return f"itsm.{service}.v1"


def dead_topic(service: str) -> str:
    """Where a service puts what it gave up on."""
    return f"itsm.{service}.v1.dead"


def wanted(replication: int = 1, configuration: Mapping[str, str] | None = None) -> list[NewTopic]:
    """All topics of the platform."""
    retention = {"retention.ms": str(TopicSettings.model_fields["topics_retention_days"].default * _DAY_MS)}
    settings = dict(retention if configuration is None else configuration)
    partitions = {public_topic(service): PARTITIONS for service in SERVICES} | {AUDIT_TOPIC: PARTITIONS}
    partitions |= {dead_topic(service): DEAD_PARTITIONS for service in SERVICES}
    return [NewTopic(name, count, replication, topic_configs=settings) for name, count in partitions.items()]


async def make(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic]) -> tuple[list[str], list[str]]:
    """Makes what is missing; gives the names of what was made, and what the broker said of what it refused."""
    made, refused = [], []
    answer = await admin.create_topics(list(topics))
    for name, code, *rest in answer.topic_errors:  # the call does not raise
        if code == 0:
            made.append(name)
        elif code != _EXISTS:
            refused.append(f"{name}: code {code} {rest}")
    return made, refused


async def drift(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic]) -> list[str]:
    """How topics that are there differ from what is wanted, a line each. Raises `KafkaError`."""
    found = {topic["topic"]: topic for topic in await admin.describe_topics([topic.name for topic in topics])}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.topic_configs) for topic in topics]
    answers = await admin.describe_configs(resources)
    actual = {resource[3]: {entry[0]: entry[1] for entry in resource[4]} for answer in answers for resource in answer.resources}
    lines = []
    for topic in topics:
        partitions = found.get(topic.name, {}).get("partitions", ())
        copies = min((len(partition["replicas"]) for partition in partitions), default=0)
        if len(partitions) != topic.num_partitions:
            lines.append(f"{topic.name}: has {len(partitions)} partitions, should have {topic.num_partitions}")
        if partitions and copies != topic.replication_factor:
            lines.append(f"{topic.name}: has {copies} copies, should have {topic.replication_factor}")
        for key, value in topic.topic_configs.items():
            if (have := actual.get(topic.name, {}).get(key)) != value:
                lines.append(f"{topic.name}: {key} is {have}, should be {value}")
    return lines


async def connected(settings: TopicSettings) -> AIOKafkaAdminClient:
    """An administrator's connection. Raises `KafkaError` when nobody answers for `topics_wait_seconds`."""
    end = time.monotonic() + settings.topics_wait_seconds
    while True:
        admin = AIOKafkaAdminClient(**client_options(settings))
        try:
            await admin.start()
        except KafkaError:
            await admin.close()
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return admin


async def run(settings: TopicSettings) -> int:
    """Makes and compares; prints a line for each finding. Returns the exit code."""
    configuration = {
        "retention.ms": str(settings.topics_retention_days * _DAY_MS),
        "min.insync.replicas": str(settings.topics_min_insync),
    }
    topics = wanted(settings.topics_replication, configuration)
    try:
        admin = await connected(settings)
        try:
            made, refused = await make(admin, topics)
            differing = [] if refused else await drift(admin, topics)
        finally:
            await admin.close()
    except KafkaError as problem:
        sys.stderr.write(f"Kafka was not reached or refused: {problem}\n")
        return 2
    for name in made:
        sys.stdout.write(f"{name}: made\n")
    for line in differing:
        sys.stdout.write(f"{line}\n")
    for line in refused:
        sys.stderr.write(f"{line}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that still starts refuses, which is expected
    sys.exit(asyncio.run(run(TopicSettings.load())))
