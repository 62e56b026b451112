"""Periods from instants that callers name."""

from datetime import UTC, datetime, timedelta

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(microsecond=999_000, tzinfo=UTC)


def shifted(at: datetime, by: timedelta) -> datetime:
    """The instant so much later, or earlier; where the calendar ends, the last or the first that there is."""
    try:
        return at + by
    except OverflowError:
        return LAST if by > timedelta(0) else FIRST
