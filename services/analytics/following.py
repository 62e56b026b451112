"""Follows the events of the owners into the index of this process: one reader a process, without a group.

How far it is stands in a file within the folder of the index, with which it is thrown away, and is written after each commit
of it: a death in between has some records read twice, which changes nothing. Without the file, or where the topics no longer
hold what it points at, the index is made anew by a walk over everything, and what happened since the walk began follows.

Fails: never by itself. While Kafka or an owner is away the index stays as it is, and what it missed comes later.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from chassis.errors import Error
from chassis.events import wire
from chassis.events.kafka import client_options, new_consumer
from chassis.settings import Settings
from services.analytics.domain.searching import KINDS
from services.analytics.usecases.indexing import Indexing

_log = logging.getLogger(__name__)

OWNERS = ("incident", "asset")
_TOPICS = tuple(wire.topic_of(service) for service in OWNERS)
_FILE = "position.json"
_POLL_MS, _MOST = 1000, 500
_REST_SECONDS = 0.3  # a busy topic is taken in fewer commits
_RETRY_SECONDS, _LAST_RETRY = 1.0, 30.0
_PROBE_SECONDS = 30.0

Offsets = dict[TopicPartition, int]


class Following:
    """Keeps the index up to date. `building` tells whether something may be missing that was there before this process."""

    def __init__(self, settings: Settings, indexing: Indexing, folder: Path) -> None:
        self._settings, self._indexing = settings, indexing
        self._file = folder / _FILE
        self._offsets = self._recall()
        self.building = not self._offsets

    async def run(self) -> None:
        """Follows until it is canceled."""
        delay = _RETRY_SECONDS
        while True:
            try:
                await self._session()
                delay = _RETRY_SECONDS
            except OffsetOutOfRangeError:
                _log.warning("The topics no longer hold what the index missed; it is made anew.")
                self._offsets = {}
            except (KafkaError, OSError, Error) as error:
                _log.warning("The index is not followed.", extra={"reason": type(error).__name__, "retry_in": delay})
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LAST_RETRY)

    async def _session(self) -> None:
        """Ends after a while where a topic was not there yet."""
        consumer = new_consumer(self._settings, None)
        try:
            partitions = await self._found()
            await consumer.start()
            consumer.assign(partitions)
            await self._place(consumer, partitions)
            complete = {each.topic for each in partitions} == set(_TOPICS)
            loop = asyncio.get_running_loop()
            end = loop.time() + _PROBE_SECONDS
            while complete or loop.time() < end:
                if partitions:
                    await self._once(consumer)
                else:
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            await consumer.stop()

    async def _found(self) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(**client_options(self._settings))
        try:
            await admin.start()
            described = await admin.describe_topics(list(_TOPICS))
        finally:
            await admin.close()
        there = [topic for topic in described if not topic["error_code"]]
        return [TopicPartition(topic["topic"], each["partition"]) for topic in there for each in topic["partitions"]]

    async def _place(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        first: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions) if partitions else {}
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions) if partitions else {}
        kept = {each: self._offsets[each] for each in partitions if each in self._offsets}
        if not kept or any(not first[each] <= offset <= ends[each] for each, offset in kept.items()):
            empty, self.building = self.building, True
            count = await self._indexing.all_anew(empty=empty)
            _log.info("The index was made anew.", extra={"records": count})
            kept = dict(ends)
        self._offsets = {each: kept.get(each, first[each]) for each in partitions}
        self._remember()
        self.building = False
        for each, offset in self._offsets.items():
            consumer.seek(each, offset)

    async def _once(self, consumer: AIOKafkaConsumer) -> None:
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST)
        if not polled:
            return
        records = {record for received in polled.values() for each in received if (record := _record(each)) is not None}
        if records:
            await self._indexing.changed(sorted(records))
        self._offsets |= {partition: received[-1].offset + 1 for partition, received in polled.items()}
        self._remember()
        await asyncio.sleep(_REST_SECONDS)

    def _recall(self) -> Offsets:
        try:
            kept: dict[str, dict[str, Any]] = orjson.loads(self._file.read_bytes())
            return {TopicPartition(topic, int(number)): int(at) for topic, each in kept.items() for number, at in each.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError) as error:  # half written, or of another version
            _log.warning("The position of the index cannot be read.", extra={"reason": str(error)})
            return {}

    def _remember(self) -> None:
        kept: dict[str, dict[str, int]] = {}
        for partition, offset in self._offsets.items():
            kept.setdefault(partition.topic, {})[str(partition.partition)] = offset
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(kept))
        fresh.replace(self._file)


def _record(received: ConsumerRecord) -> tuple[str, str] | None:
    """The record that an event tells of, by tenant and subject; none of what is no event of ours, or is never found."""
    try:
        envelope = wire.parse(received.headers, received.key)
    except wire.Unreadable:
        return None
    return (envelope.tenant, envelope.subject) if envelope.plural in KINDS else None
