"""What the use cases need from the rest of the service."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from chassis.plugins import Kind
from chassis.store import Transaction
from services.monitor.domain.alert import Alert
from services.monitor.domain.check import Check, CheckResult
from services.monitor.domain.pipeline import Situation
from services.monitor.domain.samples import Columns
from services.monitor.domain.selector import Selector
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A series, and its samples inside of the time that was asked for in order of time, at most one an instant.

    A sample may be the stale marker (`samples.is_stale`).
    """

    series_id: str
    labels: Mapping[str, str]
    asset_id: str = ""
    columns: Columns = field(default_factory=Columns.empty)


@dataclass(frozen=True, slots=True)
class Windows:
    """What was read. `last` is the id of the last series that was, where there are more; empty when all were.

    `read` is how many series were, those without a sample inside of the time too.
    """

    found: Sequence[Window] = ()
    last: str = ""
    read: int = 0

    def covers(self, series_id: str) -> bool:
        """Whether a series, if there is one of this id, was read."""
        return not self.last or series_id <= self.last


class Samples(Protocol):
    """Samples of the tenant of the current context."""

    async def window(self, selector: Selector, since: datetime, until: datetime, *, limit: int) -> Windows:
        """Series that the selector means and that have a sample at or after `since` and before `until`, with these samples.

        Of all that it means and that were heard of in the week before `limit` series are read, those with the smallest ids.
        Raises `Unavailable` while the database is silent.
        """

    async def count(self, selector: Selector, *, limit: int) -> int:
        """How many series the selector means that were heard of within a week, counted up to `limit`. Raises `Unavailable`."""


class Members(Protocol):
    """Knows who belongs to teams, of the tenant of the current context."""

    async def of_team(self, id: str) -> Sequence[str]:  # noqa: A002 - as its field
        """The opaque ids of a team's people; none of one that is not there. Raises `Unavailable`."""


class Prober(Protocol):
    """Looks at the targets of checks that no agent runs."""

    def refuse(self, check: Check) -> None:
        """Raises `Invalid` for a target that no look could ever reach."""

    async def look(self, check: Check, at: datetime) -> CheckResult:
        """What is found now; the result bears the instant `at`. Never raises what the target does."""


@runtime_checkable
class NotifierPlugin(Protocol):
    """A way to tell of alerts that another package brings (docs/plugins/notifiers.md)."""

    api: int
    """1."""

    async def notify(self, target: str, key: str, notification: Mapping[str, Any]) -> None:
        """Hands a notification over to `target`, what stands behind the plugin's name in the address.

        It may come again under the same `key`. Raises `OSError` where another attempt makes sense, `ValueError` where none
        does.
        """
        ...


NOTIFIERS: Kind[NotifierPlugin] = Kind("itsm.notifiers", 1, NotifierPlugin)  # type: ignore[type-abstract] # only its shape is asked
