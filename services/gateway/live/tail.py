"""Reads the public topics of all services into the ring: one reader a process, without a group, so that none is left behind.

At the start it goes back five minutes, so that a client of another process can go on here. While Kafka is away the ring
stays, and reading goes on where it was.

Fails: `check` with `Unavailable` until the present has been reached for the first time; `run` never.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from chassis.errors import Unavailable
from chassis.events import wire
from chassis.events.kafka import client_options, new_consumer
from chassis.peers import SERVICES
from chassis.settings import Settings
from services.gateway.live.ring import MAX_ENTRIES, Entry, Ring, Vector

_log = logging.getLogger(__name__)

_BACK_SECONDS = 300
_POLL_MS = 1000
_REST_SECONDS = 0.05
_PROBE_SECONDS = 15.0
_RETRY_SECONDS = 1.0
_ASK_SECONDS = 3.0
_LINE_ENDS = (
    (b"\n", b" "),
    (b"\r", b" "),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
    ("\x85".encode(), rb"\u0085"),
)
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)
_TOPICS: Mapping[str, str] = {wire.topic_of(service): service for service in SERVICES}

Offsets = Mapping[TopicPartition, int]


class _Stalled(Exception):
    """The consumer gives nothing although there is something: only a new one helps."""


class Tail:
    """Fills `ring`. `offer` hears of each entry right after it was added, `lost` when earlier positions lost their meaning."""

    def __init__(self, settings: Settings, ring: Ring, offer: Callable[[Entry], None], lost: Callable[[], None]) -> None:
        self._settings, self._ring, self._offer, self._lost = settings, ring, offer, lost
        self._present = asyncio.Event()
        self._goal: Offsets = {}
        self._consumer: AIOKafkaConsumer | None = None

    async def check(self) -> None:
        """Raises `Unavailable` until what had happened before the start is in the ring."""
        if not self._present.is_set():
            raise Unavailable("the event stream is not up to date yet", reason="NO_STREAM")

    async def wait(self, seconds: float) -> None:
        """Waits for that. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(seconds):
                await self._present.wait()
        except TimeoutError:
            await self.check()

    async def beyond(self, seen: Vector) -> bool:
        """Whether a position lies after the end of a topic, as it can only after the topic was made anew.

        Raises `Unavailable` while the brokers cannot be asked.
        """
        farther = {
            _partition(service, number): offset
            for service, offsets in seen.items()
            for number, offset in enumerate(offsets)
            if offset > self._ring.vector[service][number]
        }
        if not farther:
            return False
        try:
            if self._consumer is None:
                raise Unavailable("the event stream is interrupted", reason="NO_STREAM")
            async with asyncio.timeout(_ASK_SECONDS):
                ends = await self._consumer.end_offsets(list(farther))
        except (KafkaError, TimeoutError) as error:
            raise Unavailable("the event stream is interrupted", reason="NO_STREAM") from error
        return any(offset > ends[partition] for partition, offset in farther.items())

    async def run(self) -> None:
        """Reads until it is canceled."""
        while True:
            try:
                await self._session()
            except OffsetOutOfRangeError:
                _log.exception("The event stream lost its place; every client is told to start over.")
                self._ring.begin({})
                self._present.clear()
                self._lost()
            except (KafkaError, OSError, _Stalled) as error:
                _log.warning("The event stream is interrupted.", extra={"reason": type(error).__name__})
                await asyncio.sleep(_RETRY_SECONDS)

    async def _session(self) -> None:
        consumer = new_consumer(self._settings, None)
        try:
            partitions = await self._found()
            await consumer.start()
            await self._place(consumer, partitions)
            self._consumer = consumer
            await self._follow(consumer, complete={each.topic for each in partitions} == _TOPICS.keys())
        finally:
            self._consumer = None
            await consumer.stop()

    async def _found(self) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(**client_options(self._settings))
        try:
            await admin.start()
            described = await admin.describe_topics(list(_TOPICS))
        finally:
            await admin.close()
        there = [topic for topic in described if not topic["error_code"]]
        return sorted(TopicPartition(topic["topic"], each["partition"]) for topic in there for each in topic["partitions"])

    async def _place(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(partitions)
        self._goal = dict(await consumer.end_offsets(partitions)) if partitions else {}
        known = self._ring.vector
        fresh = [each for each in partitions if each.partition >= len(known.get(_TOPICS[each.topic], ()))]
        if fresh:
            since = int((time.time() - _BACK_SECONDS) * 1000)
            by_time = await consumer.offsets_for_times(dict.fromkeys(fresh, since))
            first = await consumer.beginning_offsets(fresh)
            starts = {}
            for each in fresh:
                found, end = by_time[each], self._goal[each]
                starts[each] = max(found.offset if found else end, end - MAX_ENTRIES, first[each])
            self._ring.extend(_vector(starts))
        for each in partitions:
            consumer.seek(each, self._ring.vector[_TOPICS[each.topic]][each.partition])
        self._measure()

    async def _follow(self, consumer: AIOKafkaConsumer, *, complete: bool) -> None:
        began = heard = time.monotonic()
        ends: Offsets = {}
        while complete or time.monotonic() - began < _PROBE_SECONDS:
            if not consumer.assignment():
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            batches = await consumer.getmany(timeout_ms=_POLL_MS)
            if batches:
                for records in batches.values():
                    self._take(records)
                self._measure()
                heard = time.monotonic()
                # Clients get their turn between two batches; and each fetch names every partition of every topic, which
                # costs more than what a single event brings.
                await asyncio.sleep(_REST_SECONDS if self._present.is_set() else 0)
            elif time.monotonic() - heard > _PROBE_SECONDS:
                if not self._reached(ends):
                    raise _Stalled
                ends = await consumer.end_offsets(list(consumer.assignment()))
                heard = time.monotonic()

    def _take(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            entry = read(record)
            if entry is None:
                self._ring.passed(_TOPICS[record.topic], record.partition, record.offset)
            else:
                self._ring.add(entry)
                self._offer(entry)

    def _measure(self) -> None:
        if not self._present.is_set() and self._reached(self._goal):
            self._present.set()
            _log.info("The event stream is up to date.", extra={"kept": len(self._ring)})

    def _reached(self, ends: Offsets) -> bool:
        vector = self._ring.vector
        return all(vector[_TOPICS[each.topic]][each.partition] >= end for each, end in ends.items())


def read(record: ConsumerRecord) -> Entry | None:
    """A record as an entry; `None` for what is no event of ours, which consumers report and nobody is shown."""
    try:
        envelope = wire.parse(record.headers, record.key)
    except wire.Unreadable:
        return None
    if not _TYPE.fullmatch(envelope.type) or not record.value:
        return None
    about = {
        "id": envelope.id,
        "type": envelope.type,
        "time": wire.header(record.headers, "ce_time").decode(),
        "subject": envelope.subject,
        "version": envelope.version,
    }
    return Entry(
        service=_TOPICS[record.topic],
        partition=record.partition,
        offset=record.offset,
        time=record.timestamp,
        tenant=envelope.tenant,
        plural=envelope.plural,
        subject=envelope.subject,
        type=envelope.type,
        head=_on_one_line(orjson.dumps(about)[:-1]) + b',"data":',
        value=_on_one_line(record.value),
    )


def _on_one_line(text: bytes) -> bytes:
    """The same JSON without anything that a client might take for the end of a line.

    A line break may stand between its tokens alone, where a space says the same; the characters that many libraries split
    lines at, although server-sent events do not, may stand in texts alone, where they can be escaped.
    """
    for given, harmless in _LINE_ENDS:
        if given in text:
            text = text.replace(given, harmless)
    return text


def _partition(service: str, number: int) -> TopicPartition:
    return TopicPartition(wire.topic_of(service), number)


def _vector(offsets: Offsets) -> Vector:
    vector: Vector = {}
    for each in sorted(offsets):
        numbers = vector.setdefault(_TOPICS[each.topic], [])
        numbers += [0] * (each.partition - len(numbers))  # partitions that are known already, which `Ring.extend` skips
        numbers.append(offsets[each])
    return vector
