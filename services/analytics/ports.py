"""What the search needs from elsewhere: the words of records, and an index that finds them."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Protocol, TypeVar

from services.analytics.domain.searching import Reach, Text, Wanted

T = TypeVar("T")


class Owners(Protocol):
    """The services whose records are found. Fails with `Unavailable` while one is away."""

    async def read(self, tenant: str, subjects: Sequence[str]) -> list[Text]:
        """What these records hold now; what is not there is left out."""

    def walk(self) -> AsyncIterator[list[Text]]:
        """What all records of all tenants hold, piece by piece."""


class Index(Protocol):
    """An index of one process. Changes are found after `commit`."""

    async def put(self, texts: Sequence[Text], gone: Collection[str] = ()) -> None:
        """Takes these in place of what they were; those whose keys are in `gone` go."""

    async def clear(self) -> None:
        """Everything goes with the next commit."""

    async def commit(self) -> None:
        """What was put is found from now on, after a restart too."""

    async def subjects(self, tenant: str, most: int) -> Sequence[str]:
        """Up to so many of what is known of a tenant."""

    async def parts(self, tenant: str, subject: str) -> Sequence[str]:
        """The parts of a record that are known, as subjects."""

    async def known(self, keys: Sequence[str]) -> dict[str, Text]:
        """What is known of records by key, without their bodies."""

    async def find(
        self, tenant: str, wanted: Wanted, reaches: Sequence[Reach], limit: int, shown: Callable[[Text], T]
    ) -> list[T]:
        """The best first, as `shown` makes them beside the event loop; nothing outside of `reaches`."""
