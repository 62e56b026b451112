"""What every aggregate shares: identity, version, the one event of a change; time and ids as things that are handed in.

Standard library only: `domain` rooms of the services import this and nothing else of the chassis but `errors`.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol


class Event(Protocol):
    """A generated event message, filled with what happened; the store adds the snapshot."""

    DESCRIPTOR: Any


class Clock(Protocol):
    """Says the present instant: aware, UTC, whole milliseconds (what the store keeps)."""

    def __call__(self) -> datetime: ...


class SystemClock:
    """The real clock. In development a file may shift it, so that tests can cross days without waiting.

    The file is read again at most ten times a second; an absent or empty one means no shift. Token checks never use this clock.
    """

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._offset = timedelta()
        self._read_at = 0.0

    def __call__(self) -> datetime:
        if self._file is not None and time.monotonic() - self._read_at > 0.1:
            self._read_at = time.monotonic()
            text = self._file.read_text() if self._file.exists() else ""
            self._offset = timedelta(seconds=float(text.strip() or 0))
        now = datetime.now(UTC) + self._offset
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def uuid7() -> str:
    """A UUIDv7 (RFC 9562, method 3): sorts by time of making down to 244 ns, random in the rest."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1_000_000) << 64 | int.from_bytes(os.urandom(8))
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter that reads like another


def new_id(prefix: str) -> str:
    """A self-explaining id such as `inc_01hv…`: 48 bits of milliseconds, then 80 random bits."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    digits = []
    for _ in range(26):
        digits.append(_ALPHABET[value & 31])
        value >>= 5
    return f"{prefix}_{''.join(reversed(digits))}"


Ids = Callable[[str], str]


class _Recorder:
    """Holds the recorded event outside of the dataclass fields, because the codec takes every field."""

    __slots__ = ("recorded",)

    def __post_init__(self) -> None:
        self.recorded: Event | None = None

    def record(self, event: Event) -> None:
        """Says what happened. A second event before the save would hide the first, and is a defect."""
        if self.recorded is not None:
            first, second = self.recorded.DESCRIPTOR.name, event.DESCRIPTOR.name
            raise RuntimeError(f"{type(self).__name__} recorded {first} and {second} in one save")
        self.recorded = event

    def take_recorded(self) -> Event | None:
        """The recorded event, taken out."""
        event, self.recorded = self.recorded, None
        return event


@dataclass(slots=True, kw_only=True)
class Aggregate(_Recorder):
    """Something with an identity inside a tenant, whose every change is told by exactly one event a save.

    The store keeps `version` (0 until the first save) and stamps the tenant, which is not the domain's business.
    """

    id: str
    version: int = 0

    @property
    def etag(self) -> str:
        """What a caller hands back to say which version it decided on."""
        return str(self.version)
