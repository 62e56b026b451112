"""Records to Kafka, pipelined, each answered by a callback; the producer is replaced when it can no longer be trusted.

aiokafka's idempotent producer retries for ever while a broker is away, and goes on when it returns. But when a batch of
it fails for good, its sequence numbers have a gap that the broker refuses from then on. So after any failure, and after a
minute without an answer, a new producer is opened; what the old one had not confirmed is reported as failed, although it
may have arrived: consumers drop what they have seen.

Fails: `send` never. A record that can never be sent is reported as `TooLarge`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from chassis.errors import Unavailable
from chassis.events.kafka import open_producer
from chassis.events.wire import Headers
from chassis.settings import Settings

_log = logging.getLogger(__name__)
_PATIENCE = 60.0  # seconds without an answer until a producer is replaced
_FIRST_DELAY, _LAST_DELAY = 0.2, 5.0
_CLOSING = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be sent."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class TooLarge(Exception):
    """The record is above what the broker takes, today and for ever."""


Done = Callable[[Exception | None], None]


@dataclass(slots=True, eq=False)
class _Flight:
    """Records that are confirmed together."""

    done: Done
    since: float
    left: int = 0
    over: bool = False


class Publisher:
    """Sends groups of records. `done` of a group is called once, with None when the broker has every record of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._flights: set[_Flight] = set()
        self._broken: Exception | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def flying(self) -> int:
        """How many groups are not answered yet."""
        return len(self._flights)

    async def ready(self) -> None:
        """Returns when there is a producer to send with; waits for a broker as long as it takes."""
        oldest = min((flight.since for flight in self._flights), default=None)
        if oldest is not None and time.monotonic() - oldest > _PATIENCE:
            self._broken = self._broken or TimeoutError("the broker did not answer for a minute")
        if self._broken is not None:
            self._retire(self._broken)
        delay = _FIRST_DELAY
        while self._producer is None:
            try:
                self._producer = await open_producer(self._settings)
            except Unavailable as error:
                _log.warning("Kafka cannot be reached.", extra={"retry_in": delay, "error": str(error.__cause__ or error)})
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LAST_DELAY)

    async def send(self, records: Sequence[Outgoing], done: Done) -> None:
        """Hands a group to the producer; waits only while the producer's own buffer for that partition is full."""
        flight = _Flight(done, time.monotonic(), len(records))
        self._flights.add(flight)
        producer = self._producer
        if producer is None:
            self._end(flight, Unavailable("there is no producer"))
            return
        try:
            for record in records:
                future = await producer.send(record.topic, record.value, record.key, headers=record.headers)
                future.add_done_callback(partial(self._answered, flight))
        except MessageSizeTooLargeError as error:
            self._end(flight, TooLarge(str(error)))
        except KafkaError as error:
            # Nothing of this record was numbered, so the producer is still good unless it says so of every record.
            self._end(flight, error)
            if not error.retriable:
                self._broken = error

    def _answered(self, flight: _Flight, future: "asyncio.Future[Any]") -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            failure = error if isinstance(error, Exception) else Unavailable("the producer was closed")
            if not flight.over:
                self._broken = self._broken or failure
            self._end(flight, failure)
            return
        flight.left -= 1
        if flight.left == 0:
            self._end(flight, None)

    def _end(self, flight: _Flight, error: Exception | None) -> None:
        if flight.over:
            return
        flight.over = True
        self._flights.discard(flight)
        flight.done(error)

    def _retire(self, reason: Exception) -> None:
        producer, self._producer, self._broken = self._producer, None, None
        _log.warning("Producer replaced.", extra={"unanswered": len(self._flights)}, exc_info=reason)
        for flight in list(self._flights):
            self._end(flight, reason)
        if producer is not None:
            closing = asyncio.create_task(_close(producer, flush=False))
            self._retiring.add(closing)
            closing.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Waits for what is flying, as long as a stop allows, and closes the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer, flush=True)
        if self._retiring:
            await asyncio.wait(self._retiring)


async def _close(producer: AIOKafkaProducer, *, flush: bool) -> None:
    sender = producer._sender.sender_task  # noqa: SLF001 - stop() alone flushes, for ever while the broker is away
    if not flush and sender is not None:
        sender.cancel()
    try:
        async with asyncio.timeout(_CLOSING):
            await producer.stop()
    except TimeoutError:
        _log.warning("A producer did not close in time.")
        if sender is not None:
            sender.cancel()
        await producer.client.close()
    except KafkaError as error:
        _log.warning("A producer failed while it closed.", exc_info=error)
