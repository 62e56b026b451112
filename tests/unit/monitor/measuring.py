"""A series store in memory, and senders of our own making that share no code with the service."""

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import cramjam

from chassis import context as ctx
from chassis.listing import Listing
from chassis.store import Store
from chassis.telemetry import Metrics
from chassis.testing import FakeClock, MemoryBackend, caller
from services.monitor.domain.windows import Aggregate
from services.monitor.ingest import remote_write
from services.monitor.ports import NoAssets
from services.monitor.store import SERIES_FIELDS
from services.monitor.usecases.catalog import Catalog
from services.monitor.usecases.folding import Folding, Retention
from services.monitor.usecases.incoming import person
from services.monitor.usecases.samples import Samples, Written
from services.monitor.usecases.series import Question, SeriesReading

NOW = datetime(2126, 5, 4, 10, 0, tzinfo=UTC)  # ahead of the clock of a server whose indexes remove what is old
Rows = list[tuple[dict[str, str], list[tuple[int, float]]]]


def at(seconds: float) -> int:
    """Milliseconds since 1970, of so many seconds after `NOW`."""
    return round((NOW.timestamp() + seconds) * 1000)


def varint(number: int) -> bytes:
    """As protobuf writes it, two's complement for negative numbers."""
    number &= (1 << 64) - 1
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def part(field_number: int, content: bytes) -> bytes:
    """A field with a length."""
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def sample(value: float, time: int) -> bytes:
    """`prometheus.Sample`."""
    return b"\x09" + struct.pack("<d", value) + b"\x10" + varint(time)


def write_request(rows: Rows, *, order: bool = True) -> bytes:
    """`prometheus.WriteRequest`, byte by byte, labels sorted."""
    body = b""
    for labels, samples in rows:
        pairs = sorted(labels.items()) if order else list(labels.items())
        series = b"".join(part(1, part(1, name.encode()) + part(2, value.encode())) for name, value in pairs)
        body += part(1, series + b"".join(part(2, sample(value, time)) for time, value in samples))
    return body


def snappy(raw: bytes) -> bytes:
    """In block form."""
    return bytes(cramjam.snappy.compress_raw(raw))


@dataclass
class Kept:
    """The whole way in and out, acting for one tenant."""

    most: int = 1000
    per_minute: int = 1000
    tenant: str = "main"
    backend: Any = field(default_factory=MemoryBackend)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    assets: Any = field(default_factory=NoAssets)

    def __post_init__(self) -> None:
        retention = Retention()
        store = Store(self.backend, self.clock, ())
        self.seconds = 0.0
        self.catalog = Catalog(
            store, self.assets, most=self.most, per_minute=self.per_minute, kept=retention.hour, monotonic=lambda: self.seconds
        )
        self.samples = Samples(store, self.catalog, monotonic=lambda: self.seconds)
        self.folding = Folding(store, self.assets, retention, Metrics(), every=timedelta(minutes=1))
        self.reading = SeriesReading(store, Listing("series", SERIES_FIELDS, "name", b"k" * 16, self.clock), retention)

    async def write(self, rows: Rows, **how: bool) -> Written:
        """Sends a remote write."""
        decoded = remote_write.decode(write_request(rows, **how), person(self.tenant), self.samples.known)
        with ctx.use(caller(self.tenant)):
            return await self.samples.write(decoded)

    async def fold(self) -> None:
        """Moves all that waits."""
        while await self.folding.fold():
            pass

    async def values(
        self, match: str, seconds: float = 0, until: float = 3600, step: float = 1, **more: Aggregate
    ) -> dict[str, list[float]]:
        """What a query answers: values by name and labels of their series, as text."""
        with ctx.use(caller(self.tenant)):
            question = Question(
                match, NOW + timedelta(seconds=seconds), NOW + timedelta(seconds=until), timedelta(seconds=step), **more
            )
            answer = await self.reading.query(question)
        return {",".join(row["pairs"]): [value for _, value in points] for row, points in answer.rows}
