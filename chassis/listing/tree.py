"""The parsed form of a filter: small frozen nodes, so that one parse serves the store, a predicate and a cache."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from chassis.listing.fields import Field, utc


class Operator(StrEnum):
    """A comparison as it is written."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Moment:
    """A time relative to the moment of asking: `back` before it, then the start of that day in `zone` if one is given."""

    back: timedelta = timedelta(0)
    zone: str = ""

    def at(self, now: datetime) -> datetime:
        """This moment in UTC, seen from `now`."""
        moment = utc(now) - self.back
        if not self.zone:
            return moment
        zone = ZoneInfo(self.zone)
        return datetime.combine(moment.astimezone(zone).date(), time.min, zone).astimezone(UTC)


Value: TypeAlias = str | int | float | bool | datetime | Moment


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`; of a repeated field any element may satisfy it, and `!=` is the opposite of `=`."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """`field IN (...)`."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """`field:"part"` on text, letter case aside."""

    field: Field
    part: str


@dataclass(frozen=True, slots=True)
class Present:
    """`field:*`: there is a value; its opposite is `field = null`."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; a comparison that is false because the field is null becomes true."""

    term: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold; without terms it is true, which is what an empty filter means."""

    terms: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds."""

    terms: tuple["Node", ...]


Node: TypeAlias = Compare | OneOf | Contains | Present | Not | And | Or
