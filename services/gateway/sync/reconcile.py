"""Who wins: decides for one field what is to be done about it, from what both sides had when they last agreed.

A side has changed a field when its value is not the one that it had then; values are compared with a side's own former
value only, never with the other's, so that a system that writes a text otherwise than it was sent echoes nothing back.
Where both have changed it the later change stays, and within `TOGETHER` the side that is preferred. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.gateway.domain.connection import Direction, Prefer

TOGETHER = timedelta(seconds=2)
"""Two clocks are not one: changes so close to each other have no order."""


class Verdict(StrEnum):
    """What is to be done about a field."""

    SETTLED = "SETTLED"
    """Both say the same: that is remembered."""
    QUIET = "QUIET"
    """Nobody has changed anything since."""
    OUT = "OUT"
    IN = "IN"
    BOTH = "BOTH"
    """Both have changed it: the times decide."""


@dataclass(frozen=True, slots=True)
class Base:
    """The value of each side when they last agreed, or when one refused what the other has."""

    ours: str
    theirs: str


def decide(base: Base | None, ours: str, theirs: str, *, same: bool, direction: Direction) -> Verdict:
    """What is to be done. `same` says whether the two values mean the same; without a base both sides are new."""
    if same:
        return Verdict.SETTLED if base != Base(ours, theirs) else Verdict.QUIET
    we = direction.goes_out and (base is None or ours != base.ours)
    they = direction.comes_in and (base is None or theirs != base.theirs)
    if we and they:
        return Verdict.BOTH
    if we:
        return Verdict.OUT
    return Verdict.IN if they else Verdict.QUIET


def later(ours_at: datetime, theirs_at: datetime, prefer: Prefer) -> Verdict:
    """Which way a field goes that both have changed."""
    if abs(ours_at - theirs_at) <= TOGETHER:
        return Verdict.OUT if prefer is Prefer.OURS else Verdict.IN
    return Verdict.OUT if ours_at > theirs_at else Verdict.IN
