"""Events → handlers: one poll, over all partitions, is one transaction that also moves the offsets (effects exactly once).

A batch that fails is run again record by record. What may pass (the database or another service is silent, a race was
lost) holds back its partition alone, with growing delays; what fails five times is a dead letter.

Fails: never by itself while the broker or the database is away. An offset that the broker does not have any more ends
the work with `OffsetOutOfRangeError`, loudly and again and again: skipping silently would lose events. Brokers that refuse
how long sessions last (`ITSM_LEASE_SECONDS`, their `group.min.session.timeout.ms`) end the process, which names both.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, InvalidSessionTimeoutError, KafkaError, NoOffsetForPartitionError

from chassis.errors import Busy, DeadlinePassed, Exhausted, Unavailable
from chassis.events.aftercare import Aftercare
from chassis.events.handling import Handling
from chassis.events.kafka import new_consumer, session_ms
from chassis.events.positions import Positions
from chassis.events.records import Record
from chassis.events.subscriptions import Subscriptions
from chassis.failpoints import OFF, Failpoints
from chassis.service import Service, Stage
from chassis.settings import Settings
from chassis.store import Store
from chassis.telemetry import Metrics

_log = logging.getLogger(__name__)

ATTEMPTS = 5
_POLL_MS = 1000
_BUSY_ATTEMPTS = 3  # a lost race with somebody who works on the same records; most are won the second time
_FIRST_DELAY, _LAST_DELAY = 0.1, 30.0
_BUSY_DELAY = 2.0  # at most, for lost races: also against a process that died within a transaction, until the server ends it
_MEASURE_SECONDS = 5.0
_COPY_SECONDS = 2.0
_LAST_COPY_SECONDS = 0.3  # of the second that background work has for its end
_TOPIC_LOOKS, _TOPIC_SECONDS = 20, 0.5
_TRANSIENT = (Unavailable, DeadlinePassed, Exhausted)


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc] # the library has no types
    """The consumer of one group. `topics` maps topic names to what the installation calls them, where that differs."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        service: str,
        subscriptions: Subscriptions,
        metrics: Metrics,
        failpoints: Failpoints = OFF,
        *,
        topics: Mapping[str, str] | None = None,
        group: str = "",
        dead_topic: str = "",
    ) -> None:
        self.group = group or f"itsm.{service}.{subscriptions.group}"
        self.store, self._settings, self._subscriptions = store, settings, subscriptions
        self._metrics, self._failpoints = metrics, failpoints
        self._names = topics or {}
        self._handling = Handling(store, service, subscriptions, self.group, metrics, self._names)
        second = Handling(store, service, subscriptions, self.group, metrics, self._names)
        self.aftercare = Aftercare(store, settings, service, second, metrics, dead_topic=dead_topic)
        self._positions = Positions(store.backend, self.group, store.clock)
        self._unplaced: set[TopicPartition] = set()
        self._paused: dict[TopicPartition, float] = {}
        self._delays: dict[TopicPartition, float] = {}
        self._failures: dict[tuple[TopicPartition, int], int] = {}
        self._processing, self._placing = asyncio.Lock(), asyncio.Lock()
        self._kafka: AIOKafkaConsumer | None = None
        self._measured = 0.0
        self._copied: dict[TopicPartition, int] = {}

    def attach(self, service: Service) -> None:
        """Makes it part of a process."""
        service.background(f"consumer {self.group}", self.run, stage=Stage.CONSUMERS)
        service.background(f"aftercare {self.group}", self.aftercare.run, stage=Stage.CONSUMERS)

    async def run(self) -> None:
        """Consumes until it is canceled; a batch under way is then given up, and comes again."""
        kafka = new_consumer(self._settings, self.group)
        self._kafka = kafka
        try:
            await self._handling.load_waiting()
            await self._start(kafka)
            topics = [self._names.get(topic, topic) for topic in sorted(self._subscriptions.topics)]
            await self._known(kafka, topics)
            kafka.subscribe(topics, listener=self)
            while True:
                await self._once(kafka)
        finally:
            self._kafka = None
            try:
                await self._copy_positions(kafka, _LAST_COPY_SECONDS)
                with suppress(Unavailable):  # the next owner then has a careful look first, nothing worse
                    await self._positions.release(list(self._positions.held))
            finally:
                await kafka.stop()

    async def _start(self, kafka: AIOKafkaConsumer) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                await kafka.start()
            except KafkaError as error:
                _log.warning("Kafka cannot be reached.", extra={"retry_in": delay, "error": str(error)})
                await asyncio.sleep(delay)
                delay = min(2 * delay, 5.0)
            else:
                return

    async def _known(self, kafka: AIOKafkaConsumer, topics: Iterable[str]) -> None:
        """Waits a little for topics that are just being created: who joins without them is given no partition of them."""
        for _ in range(_TOPIC_LOOKS):
            with suppress(KafkaError):  # asked again
                missing = set(topics) - await kafka.topics()
                if not missing:
                    return
            await asyncio.sleep(_TOPIC_SECONDS)
        _log.warning("Topics are missing.", extra={"group": self.group, "topics": sorted(topics)})

    async def _once(self, kafka: AIOKafkaConsumer) -> None:
        await self._place(kafka)
        self._resume(kafka)
        try:
            polled = await kafka.getmany(timeout_ms=_POLL_MS if not self._paused else 100, max_records=self._subscriptions.most)
        except NoOffsetForPartitionError as error:
            # Asked before our own row was read. The row decides, not Kafka.
            _log.debug("Kafka keeps no offset.", exc_info=error)
            return
        except KafkaError as error:
            if InvalidSessionTimeoutError in (type(error), type(error.__cause__)):
                # No other attempt would end otherwise: the process does, and says what is to be changed.
                raise SystemExit(_sessions_refused(self._settings)) from error
            raise
        if polled:
            async with self._processing:
                await self._batch(kafka, polled)
            if sum(map(len, polled.values())) < self._subscriptions.most:
                await asyncio.sleep(self._subscriptions.gather)
        if time.monotonic() - self._measured > _MEASURE_SECONDS:
            self._measured = time.monotonic()
            self._measure(kafka)
            await self._copy_positions(kafka)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka, which would swallow an error: the loop places what could not be placed here."""
        self._unplaced = set(assigned)
        self._handling.versions.forget()
        if self._kafka is not None:
            await self._place(self._kafka)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by aiokafka before partitions go to others: a batch under way is finished first."""
        async with self._processing:
            with suppress(Unavailable):  # as above
                await self._positions.release(revoked)
            for partition in revoked:
                self._paused.pop(partition, None)
                self._delays.pop(partition, None)
                self._unplaced.discard(partition)

    async def _place(self, kafka: AIOKafkaConsumer) -> None:
        """Moves assigned partitions to where our own rows say."""
        if not self._unplaced:
            return
        async with self._placing:  # the loop and aiokafka's own task both come here
            wanted = set(self._unplaced)
            try:
                await self._positions.load(wanted, kafka.beginning_offsets, self._followed, self._subscriptions.most)
            except (Unavailable, KafkaError) as error:
                _log.warning("Positions cannot be read.", extra={"group": self.group}, exc_info=error)
                await asyncio.sleep(1)
                return
            for partition in wanted & self._unplaced:
                self._seek(kafka, partition, self._positions.held[partition].next)
            self._unplaced -= wanted

    def _followed(self, partition: TopicPartition) -> Iterable[str]:
        return self._subscriptions.followed(self._handling.topic(partition.topic))

    def _seek(self, kafka: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        with suppress(IllegalStateError):  # revoked meanwhile; whoever has it now seeks by itself
            kafka.seek(partition, offset)

    async def _batch(self, kafka: AIOKafkaConsumer, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        began = time.monotonic()
        batch: dict[TopicPartition, list[Record]] = {}
        for partition, received in polled.items():
            position = self._positions.held.get(partition)
            if position is None or partition in self._paused:
                continue
            records = [Record.of(one) for one in received if one.offset >= position.next]
            if records:
                batch[partition] = records
        if not batch:
            return
        await self._failpoints.reached("R7")
        suspects = {
            partition: batch.pop(partition)
            for partition in list(batch)
            if self._positions.held[partition].next < self._positions.held[partition].careful_until
        }
        await self._one_by_one(kafka, suspects, careful=True)
        failure: Exception | None = None
        for _ in range(_BUSY_ATTEMPTS if batch else 0):
            failure = await self._tried(batch)
            if failure is None:
                break
            batch = await self._without_moved(kafka, batch)
            if not isinstance(failure, Busy):
                break
        if failure is not None:
            level = logging.INFO if isinstance(failure, Unavailable) else logging.WARNING
            _log.log(level, "Batch failed, its records are taken one by one.", extra={"group": self.group}, exc_info=failure)
            await self._one_by_one(kafka, batch)
        await self._failpoints.reached("R9")
        self._metrics.consumer_batch.labels(self.group).observe(time.monotonic() - began)

    async def _tried(self, batch: Mapping[TopicPartition, Sequence[Record]]) -> Exception | None:
        try:
            await self._transaction(batch)
        except Exception as error:  # whatever a handler raised: one by one, its own record is found
            self._handling.versions.forget()
            return error
        return None

    async def _transaction(
        self, batch: Mapping[TopicPartition, Sequence[Record]], dead: tuple[str, str, int] | None = None
    ) -> None:
        """Handles all records, or gives up the only one, and moves the offsets in the same step."""
        every = [record for records in batch.values() for record in records]
        await self._handling.begin(every)
        async with self.store.transaction() as tx:
            if dead is None:
                await self._handling.prepare(every)
            for partition, records in batch.items():
                since = self._positions.held[partition].since
                for record in records:
                    if dead is not None:
                        self._handling.bury(tx, record, *dead)
                    else:
                        await self._handling.handle(tx, record, since=since)
                tx.write(self._positions.move(partition, records[-1].offset + 1))
            self._handling.finish(tx)
            await self._failpoints.reached("R8")
        self._handling.committed()
        for partition, records in batch.items():
            self._positions.held[partition].next = records[-1].offset + 1
            self._delays.pop(partition, None)

    async def _without_moved(
        self, kafka: AIOKafkaConsumer, batch: Mapping[TopicPartition, list[Record]]
    ) -> dict[TopicPartition, list[Record]]:
        """The batch less the partitions that somebody else has moved on; those are taken up where they are now."""
        moved: dict[TopicPartition, int] = {}
        with suppress(Unavailable):  # then the records fail the same way and block
            moved = await self._positions.moved(batch)
        for partition, offset in moved.items():
            _log.warning("Another consumer has moved a partition on.", extra={"group": self.group})
            self._positions.held[partition].next = offset
            self._seek(kafka, partition, offset)
        return {partition: records for partition, records in batch.items() if partition not in moved}

    async def _one_by_one(
        self, kafka: AIOKafkaConsumer, batch: Mapping[TopicPartition, Sequence[Record]], *, careful: bool = False
    ) -> None:
        for partition, records in batch.items():
            for record in records:
                if not await (self._suspected if careful else self._single)(partition, record):
                    self._seek(kafka, partition, record.offset)
                    break

    async def _suspected(self, partition: TopicPartition, record: Record) -> bool:
        """The same for a record that may kill the process, as it may have done in a batch before."""
        try:
            attempts = await self._positions.attempt(partition, record.offset)
        except Unavailable as error:
            self._block(partition, error)
            return False
        if attempts >= ATTEMPTS:
            return await self._give_up(partition, record, RuntimeError("the process did not survive it"), attempts)
        handled = await self._single(partition, record)
        if not handled:
            with suppress(Unavailable):  # then one attempt too many is counted, of five
                await self._positions.survived(partition, record.offset)
        return handled

    async def _single(self, partition: TopicPartition, record: Record) -> bool:
        """Handles one record by itself; says whether the partition may go on."""
        failure = await self._tried({partition: [record]})
        if failure is None:
            self._failures.pop((partition, record.offset), None)
            return True
        if isinstance(failure, _TRANSIENT):
            self._block(partition, failure)
            return False
        # A defect of the handler or of the event: both end as a dead letter.
        attempts = self._failures[partition, record.offset] = self._failures.get((partition, record.offset), 0) + 1
        _log.warning("Record failed.", extra={"group": self.group, "attempts": attempts}, exc_info=failure)
        if attempts >= ATTEMPTS:
            return await self._give_up(partition, record, failure, attempts)
        self._block(partition, failure)
        return False

    async def _give_up(self, partition: TopicPartition, record: Record, error: Exception, attempts: int) -> bool:
        try:
            await self._transaction({partition: [record]}, ("handler", f"{type(error).__name__}: {error}", attempts))
        except _TRANSIENT as silent:
            self._block(partition, silent)
            return False
        _log.error("Record given up.", extra={"group": self.group, "attempts": attempts}, exc_info=error)
        self._failures.pop((partition, record.offset), None)
        return True

    def _block(self, partition: TopicPartition, error: Exception) -> None:
        most = _BUSY_DELAY if isinstance(error, Busy) else _LAST_DELAY
        delay = min(max(2 * self._delays.get(partition, 0.0), _FIRST_DELAY), most)
        self._delays[partition] = delay
        self._paused[partition] = time.monotonic() + delay
        if self._kafka is not None:
            with suppress(IllegalStateError):  # revoked meanwhile
                self._kafka.pause(partition)
        if delay >= 1:
            _log.error("Partition blocked.", extra={"group": self.group, "retry_in": delay}, exc_info=error)

    def _resume(self, kafka: AIOKafkaConsumer) -> None:
        now = time.monotonic()
        for partition in [partition for partition, until in self._paused.items() if until <= now]:
            del self._paused[partition]
            with suppress(IllegalStateError):  # revoked meanwhile
                kafka.resume(partition)

    async def _copy_positions(self, kafka: AIOKafkaConsumer, seconds: float = _COPY_SECONDS) -> None:
        """Kafka keeps a copy of where we are; nobody here reads it, but whoever scales or watches groups by their lag does."""
        moved = {at: held.next for at, held in self._positions.held.items() if self._copied.get(at) != held.next}
        if not moved:
            return
        try:
            async with asyncio.timeout(seconds):
                await kafka.commit(moved)
        except (KafkaError, TimeoutError) as error:  # the next round tells it
            _log.debug("Positions were not copied.", extra={"group": self.group}, exc_info=error)
            return
        self._copied |= moved

    def _measure(self, kafka: AIOKafkaConsumer) -> None:
        for partition, position in self._positions.held.items():
            end = kafka.highwater(partition)
            if end is not None:
                lag = self._metrics.consumer_lag.labels(self.group, partition.topic, str(partition.partition))
                lag.set(max(0, end - position.next))


def _sessions_refused(settings: Settings) -> str:
    return (
        f"ITSM_LEASE_SECONDS={settings.lease_seconds:g} asks the brokers for sessions of {session_ms(settings)} ms, which is"
        " less than their group.min.session.timeout.ms: say one and a half times as much at least (9, where that is 6000 ms,"
        " as it is unless somebody changed it), or lower group.min.session.timeout.ms of the brokers"
    )
