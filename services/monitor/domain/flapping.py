"""Whether something comes and goes too often, after the way of Icinga 2: a ring of twenty bits, the newer the heavier.

A bit stands for one interval and says whether the state changed in it. Icinga has a bit per check result; signals come
whenever they come, and senders repeat them, so that a bit per message would dilute the share of changes.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

BITS = 20
HIGH, LOW = 30.0, 25.0
"""Percent at which flapping begins, and to which it must fall to end."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is remembered of one fingerprint. `bits`: the newest interval is the lowest bit; `slot` is its number."""

    bits: int = 0
    slot: int = 0
    open: bool = False
    flapping: bool = False

    @property
    def percent(self) -> float:
        """The weighted share of intervals with a change: 0.80 for the oldest to 1.18 for the newest, of twenty."""
        weights = sum(0.80 + 0.02 * (BITS - 1 - age) for age in range(BITS) if self.bits >> age & 1)
        return 100 * weights / BITS

    def at(self, now: datetime, interval: timedelta) -> "History":
        """The same once `now` is reached without another change. An instant before the newest interval changes nothing."""
        slot = (now - _EPOCH) // interval
        passed = slot - self.slot
        if passed <= 0:
            return self
        bits = 0 if passed >= BITS else (self.bits << passed) & ((1 << BITS) - 1)
        return _judged(replace(self, bits=bits, slot=slot))

    def heard(self, is_open: bool, now: datetime, interval: timedelta) -> "History":
        """The same after a signal that says whether it is wrong. A repetition is no change."""
        moved = self.at(now, interval)
        if is_open == moved.open:
            return moved
        return _judged(replace(moved, bits=moved.bits | 1, open=is_open))

    def calm_at(self, interval: timedelta) -> datetime:
        """When flapping is over at the earliest: without another change."""
        now = _EPOCH + self.slot * interval
        history = self
        for _ in range(BITS):
            if not history.flapping:
                break
            now += interval
            history = history.at(now, interval)
        return now


def _judged(history: History) -> History:
    percent = history.percent
    flapping = percent > LOW if history.flapping else percent >= HIGH
    return history if flapping is history.flapping else replace(history, flapping=flapping)
