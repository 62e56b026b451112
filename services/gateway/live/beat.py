"""One clock for the signs of life of all streams: a wheel with a hand that goes around once in the time between two of them.

A stream that joins is reached a whole round later, so that those who came at different moments are told at different moments,
and no stream needs a timer, or its task a turn, for nothing to happen.

Fails: never.
"""

import asyncio
from typing import Protocol

_SLOTS, _SHORTEST_SECONDS = 50, 0.01


class Living(Protocol):
    """Somebody who gives signs of life."""

    def live(self) -> None:
        """Gives one, without waiting for anything."""


class Beat:
    """Calls `live` of everybody who has joined once in `seconds`. There is no timer while nobody has."""

    def __init__(self, seconds: float) -> None:
        count = max(1, min(_SLOTS, int(seconds / _SHORTEST_SECONDS)))
        self._tick = seconds / count
        self._slots: list[dict[Living, None]] = [{} for _ in range(count)]
        self._places: dict[Living, int] = {}
        self._hand = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, living: Living) -> None:
        """Reaches somebody from a round later on."""
        self._places[living] = self._hand
        self._slots[self._hand][living] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)

    def leave(self, living: Living) -> None:
        """Reaches him no more; again changes nothing."""
        place = self._places.pop(living, None)
        if place is not None:
            del self._slots[place][living]

    def _turn(self) -> None:
        self._hand = (self._hand + 1) % len(self._slots)
        for living in list(self._slots[self._hand]):
            living.live()
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn) if self._places else None
