"""What the use cases need from the rest of the service."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chassis.store import Transaction
from services.monitor.domain.alert import Alert
from services.monitor.domain.pipeline import Situation
from services.monitor.domain.signal import AssetHint


class Situations(Protocol):
    """Knows what the stages need to know, of the tenant of the current context."""

    async def load(self, alerts: Sequence[Alert], hints: Mapping[str, AssetHint], now: datetime) -> Situation:
        """What matters to these new alerts. `hints` by alert id; it may set `asset_id` and `team_id` where it finds them."""


class NoSituation:
    """Where nothing is known but the time."""

    async def load(self, alerts: Sequence[Alert], hints: Mapping[str, AssetHint], now: datetime) -> Situation:  # noqa: ARG002 - nothing is looked up
        """See `Situations`."""
        return Situation(now=now)


@dataclass(slots=True)
class Batch:
    """What one batch of signals did: alerts that are new, that changed while open, and that are over."""

    opened: list[Alert] = field(default_factory=list)
    changed: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)


Follow = Callable[[Transaction, Batch, Situation], Awaitable[None]]
"""Called inside the transaction of a batch when all is decided and before it is committed; it may add records and writes.

The alerts of the batch have been added or saved already: another event on one of them would be a second in one save.
"""


class Assets(Protocol):
    """Knows which assets labels speak of, of the tenant of the current context."""

    async def of(self, hints: Sequence[Mapping[str, str]]) -> list[str]:
        """For each set of hints (`agent.id`, `host.name`, `instance`, …; the surest first) an asset's id, or an empty text."""


class NoAssets:
    """Where no asset is known."""

    async def of(self, hints: Sequence[Mapping[str, str]]) -> list[str]:
        """See `Assets`."""
        return [""] * len(hints)
