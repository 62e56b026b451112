"""What a probe answers."""

from dataclasses import dataclass
from datetime import timedelta

from services.monitor.domain.check import Outcome


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen. Without a latency the whole look counts."""

    outcome: Outcome
    message: str = ""
    value: float | None = None
    latency: timedelta | None = None


class Refused(Exception):
    """The look could not be made; the text says what is missing or who forbids it."""
