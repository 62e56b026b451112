"""Results that wait for the database: a bounded store that forgets first what changes nothing.

A result that says the same of its check as the one before it can be missed: what is believed of a check then comes later,
never otherwise. Of those the oldest is dropped first, and only when there is none the oldest of all.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from services.monitor.domain.check import CheckResult, Outcome

Key = tuple[str, str]
"""Tenant and id of a check."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A result and the check that it belongs to."""

    key: Key
    result: CheckResult


class Backlog:
    """Results in the order in which they came. `dropped` counts those that there was no room for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[int, Waiting] = {}
        self._numbers = count()
        self._repeats: deque[int] = deque()
        self._last: dict[Key, Outcome | None] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._items.values())

    def add(self, waiting: Waiting) -> None:
        """Keeps one more."""
        number = next(self._numbers)
        if self._last.get(waiting.key) is waiting.result.outcome:
            self._repeats.append(number)
        self._last[waiting.key] = waiting.result.outcome
        self._items[number] = waiting
        if len(self._items) > self._most:
            self._drop()

    def first(self, most: int) -> list[tuple[int, Waiting]]:
        """The oldest, up to so many, with the numbers to remove them by; they stay until then."""
        return list(islice(self._items.items(), most))

    def remove(self, numbers: list[int]) -> None:
        """Lets go of what has been handed over; what was dropped meanwhile is passed over."""
        for number in numbers:
            self._items.pop(number, None)
        if not self._items:
            self._repeats.clear()
            self._last.clear()

    def _drop(self) -> None:
        self.dropped += 1
        while self._repeats:
            if self._items.pop(self._repeats.popleft(), None) is not None:
                return
        del self._items[next(iter(self._items))]
