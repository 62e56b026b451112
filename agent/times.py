"""Times as the platform reads them."""

import email.utils
import random
from datetime import UTC, datetime


def text_of(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """A duration of proto3 JSON, `"90s"`, in seconds. Raises `ValueError`."""
    if not text.endswith("s"):
        raise ValueError(f"{text!r} is no duration")
    return float(text[:-1])


def asked_wait(text: str, now: float) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date (RFC 9110, 10.2.3); `None` when it says neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


class Backoff:
    """Waits between tries: doubled each time up to a longest, spread so that many agents do not come back at once."""

    def __init__(self, first: float = 1.0, longest: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def succeeded(self) -> None:
        """The next failure is a first one."""
        self._failures = 0

    def wait(self, asked: float | None = None) -> float:
        """Seconds to wait after one more failure; at least what the other side asked for."""
        self._failures += 1
        whole = min(self._longest, self._first * 2.0 ** min(self._failures - 1, 30))
        return max(spread(whole), spread(asked, least=1.0, most=1.2) if asked else 0.0)


def spread(seconds: float, *, least: float = 0.5, most: float = 1.0) -> float:
    """The time, made shorter or longer by chance."""
    return seconds * random.uniform(least, most)  # noqa: S311 - no secret
