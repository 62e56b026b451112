"""Fields that lists of several aggregates ask for in the same way."""

from enum import StrEnum

from chassis.listing import Field
from chassis.listing import Kind as Of


def enum_field(path: str, kind: type[StrEnum], *, many: bool = False) -> Field:
    """A field that holds one of an enum's values, or `many` of them."""
    return Field(path=path, kind=Of.ENUM, values=tuple(value.value for value in kind), many=many)


def time_field(path: str, *, sortable: bool = False, many: bool = False) -> Field:
    """A field that holds an instant, or `many` of them."""
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable, many=many)
