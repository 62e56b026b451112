"""Reading the literals of a filter: the kind of the field decides what a word means (AIP-160).

How it can fail: every function raises `ValueError` whose text says what would be right.
"""

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.listing.fields import Field, Kind, duration_text, utc
from chassis.listing.tree import Moment, Value

MAX_DURATION = timedelta(days=36_525)
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]{1,15}(?:\.[0-9]{1,9})?(?:ms|[smhdw]))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|[smhdw])")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
    "w": Decimal(604_800),
}


def shown(text: str) -> str:
    """`text` as it may appear in a message: short, and without control characters."""
    cut = text if len(text) <= 40 else text[:37] + "..."
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in cut) + "'"


def suggestion(word: str, known: list[str]) -> str:
    """`, did you mean 'x'?` for the closest known name, or what is known."""
    close = get_close_matches(word[:64], known, n=1, cutoff=0.6)
    if close:
        return f", did you mean '{close[0]}'?"
    listed = ", ".join(sorted(known)[:20])
    return f"; known are {listed}" if listed else ""


def literal(field: Field, text: str, *, quoted: bool) -> Value:
    """The value that `text` means for this field. Raises `ValueError`."""
    match field.kind:
        case Kind.TEXT | Kind.KEYWORD:
            return text
        case Kind.ENUM:
            if text not in field.values:
                raise ValueError(f"{shown(text)} is not one of {', '.join(field.values)}")
            return text
        case Kind.TIMESTAMP:
            return timestamp(text)
        case Kind.DURATION:
            return duration_text(duration(text))
        case Kind.NUMBER:
            return _number(text, quoted=quoted)
        case Kind.BOOL:
            if quoted or text not in ("true", "false"):
                raise ValueError(f"expected true or false, not {shown(text)}")
            return text == "true"


def timestamp(text: str) -> datetime:
    """An RFC 3339 time in UTC, cut to milliseconds. Raises `ValueError`."""
    expected = f'expected a time with zone such as "2026-01-31T08:00:00Z", not {shown(text)}'
    if not _TIME.fullmatch(text):
        raise ValueError(expected)
    try:
        return utc(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise ValueError(expected) from None


def duration(text: str) -> timedelta:
    """A duration such as `90s`, `1h30m`, `7d`. Raises `ValueError`."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f'expected a duration such as "90s", "1h30m" or "7d", not {shown(text)}')
    seconds = sum((Decimal(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(text)), Decimal(0))
    if seconds > Decimal(MAX_DURATION.total_seconds()):
        raise ValueError(f"the duration {shown(text)} is longer than a century")
    return timedelta(microseconds=int(seconds * 1_000_000))


def moment(function: str, argument: str | None) -> Moment:
    """The relative time that a function call means. Raises `ValueError`."""
    if function == "now" and argument is None:
        return Moment()
    if function == "ago" and argument is not None:
        return Moment(back=duration(argument))
    if function == "startOfDay" and argument is not None:
        return Moment(zone=_zone(argument))
    raise ValueError(f'unknown call of {shown(function)}; there are now(), ago("24h") and startOfDay("Europe/Berlin")')


def _zone(name: str) -> str:
    try:
        if _ZONE.fullmatch(name):
            ZoneInfo(name)
            return name
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the zone database, such as "Europe"
        pass
    raise ValueError(f'expected a time zone such as "Europe/Berlin", not {shown(name)}')


def _number(text: str, *, quoted: bool) -> int | float:
    if quoted or not _NUMBER.fullmatch(text):
        raise ValueError(f"expected a number such as 5 or 2.5, not {shown(text)}")
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    number = float(text)
    if not math.isfinite(number) or (number == int(number) and "." not in text and "e" not in text.lower()):
        raise ValueError(f"the number {shown(text)} does not fit into 64 bits")
    return number
