"""The first stage, deduplicate: what a signal means for the episodes of its fingerprint.

Senders repeat, reorder and come in pairs: every message may arrive several times, late, and from replicas whose clocks
differ a little. So an episode is told from the next one by time and not by order of arrival: what starts before an end that
is known belongs to what is over, and what ends before a start that is known ends an earlier episode.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.monitor.domain.signal import Signal, Status


class Verdict(StrEnum):
    """What to do with a signal."""

    OPEN = "OPEN"
    REPEAT = "REPEAT"
    RESOLVE = "RESOLVE"
    RESOLVE_AND_OPEN = "RESOLVE_AND_OPEN"
    """The episode that ended is over, and a newer one of which a start is known goes on."""
    REMEMBER = "REMEMBER"
    """An end without a beginning: kept, so that the beginning, when it comes late, opens nothing."""
    IGNORE = "IGNORE"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a fingerprint: the starts of the open alert, first and newest, and how far the past is over.

    `ended_start` and `ended_time` are the greatest start and end of which an end was told.
    """

    start: datetime | None = None
    latest_start: datetime | None = None
    ended_start: datetime | None = None
    ended_time: datetime | None = None


NOTHING = Known()


def ending(signal: Signal) -> datetime:
    """When a resolved signal says that it ended; at its start where it does not say."""
    return max(signal.end_time or signal.start_time, signal.start_time)


def judge(signal: Signal, known: Known) -> Verdict:
    """What a signal means, given what is known."""
    over = _is_over(signal.start_time, known)
    if signal.status is Status.FIRING:
        if known.start is not None:
            return Verdict.IGNORE if over else Verdict.REPEAT
        return Verdict.IGNORE if over else Verdict.OPEN
    if known.start is None or known.latest_start is None:
        return Verdict.IGNORE if over else Verdict.REMEMBER
    end = ending(signal)
    if end < known.start or over:
        return Verdict.IGNORE
    # An end before the newest start is that of the episode before.
    return Verdict.RESOLVE_AND_OPEN if signal.start_time < known.latest_start and end <= known.latest_start else Verdict.RESOLVE


def _is_over(start: datetime, known: Known) -> bool:
    if known.ended_start is not None and start <= known.ended_start:
        return True
    return known.ended_time is not None and start < known.ended_time
