"""What the use cases need from the rest of the gateway."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """An event as others may be told of it. `data` is its JSON as a dictionary, `text` the same as text."""

    id: str
    type: str
    subject: str
    tenant: str
    version: int
    time: datetime
    data: Mapping[str, Any]
    text: bytes

    @property
    def plural(self) -> str:
        """The kind of record that it is about."""
        return self.subject.partition("/")[0]


class Catalog(Protocol):
    """Knows which events there are and what their records hold."""

    @property
    def types(self) -> Collection[str]:
        """All event types."""

    def check(self, patterns: Collection[str], filter_text: str) -> None:
        """Raises `Invalid` for a filter that fits the records of none of these events."""

    def fits(self, filter_text: str, event: Told) -> bool:
        """Whether the record of an event fits; not when it has no such fields."""


class Owners(Protocol):
    """Knows what people may read."""

    async def sees(self, owner_id: str, limits: Collection[str], event: Told) -> bool:
        """Whether somebody may read, now and within these permissions, the record of an event of the current tenant.

        Raises `Unavailable`.
        """
