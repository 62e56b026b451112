"""Connections to Kafka: what producers and consumers of every process have in common.

Fails: opening with `Unavailable` while no broker answers.
"""

import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from chassis.errors import Unavailable
from chassis.events.wire import LARGEST_RECORD
from chassis.settings import KafkaProtocol, Settings
from chassis.trust import trusting

_REQUEST_MS = 15_000
_RETRY_MS = 250
_METADATA_MS = 15_000  # how long a consumer may not notice that a topic has been created (five minutes by default)
_SELDOM_SECONDS = 30.0
_LOGGERS = ("", ".cluster", ".conn", ".consumer.fetcher", ".consumer.group_coordinator", ".producer.sender")


class _Seldom(logging.Filter):
    """While a broker is away, aiokafka says so up to a hundred times a second; one of each in half a minute is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, text = time.monotonic(), str(record.msg)
        if record.levelno >= logging.CRITICAL or now - self._said.get(text, -_SELDOM_SECONDS) >= _SELDOM_SECONDS:
            self._said[text] = now
            return True
        return False


def _quieten() -> None:
    for name in _LOGGERS:
        log = logging.getLogger(f"aiokafka{name}")
        if not any(isinstance(present, _Seldom) for present in log.filters):
            log.addFilter(_Seldom())


def client_options(settings: Settings) -> dict[str, Any]:
    """Where the brokers are and how this process signs in."""
    _quieten()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": settings.kafka_username or "itsm",
        "request_timeout_ms": _REQUEST_MS,
        "retry_backoff_ms": _RETRY_MS,
    }
    protocol, encrypted = settings.kafka_protocol, settings.kafka_protocol in (KafkaProtocol.SASL_SSL, KafkaProtocol.SSL)
    if not settings.kafka_username:  # nobody signs in, whatever the default says
        protocol = KafkaProtocol.SSL if encrypted else KafkaProtocol.PLAINTEXT
    options["security_protocol"] = protocol.value
    if encrypted:
        options["ssl_context"] = trusting(settings.kafka_ca_file or settings.ca_file)
    if protocol in (KafkaProtocol.SASL_SSL, KafkaProtocol.SASL_PLAINTEXT):
        options |= {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


async def open_producer(settings: Settings) -> AIOKafkaProducer:
    """An idempotent producer that has reached a broker."""
    producer = AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        acks="all",
        compression_type="zstd",
        linger_ms=0,  # the relay gathers
        partitioner=_partition,
        max_batch_size=128 * 1024,
        max_request_size=LARGEST_RECORD,
    )
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise Unavailable("no Kafka broker answers") from error
    except BaseException:
        await producer.stop()
        raise
    return producer


# Computed in Python, and asked for twice a change: it is sent under the same key to its topic and to the audit's.
_hash = lru_cache(maxsize=10_000)(murmur2)


def _partition(key: bytes, partitions: Sequence[int], _available: Sequence[int]) -> int:
    """Where a key belongs, the same as in every client of Kafka."""
    place: int = (_hash(key) & 0x7FFFFFFF) % len(partitions)
    return partitions[place]


def session_ms(settings: Settings) -> int:
    """How long a group waits for a silent member, in milliseconds."""
    return round(settings.lease_seconds * 2 / 3 * 1000)


def new_consumer(settings: Settings, group: str | None, **options: Any) -> AIOKafkaConsumer:
    """A consumer that never moves by itself: no commits of its own, no reset to either end. It is not started yet."""
    session = session_ms(settings)
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_poll_records=500,
        fetch_max_wait_ms=500,
        metadata_max_age_ms=_METADATA_MS,
        session_timeout_ms=session,
        heartbeat_interval_ms=session // 3,
        **options,
    )
