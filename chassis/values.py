"""`itsm.type.v1.Value` ⇄ plain Python values: text, whole numbers over 64 bits, numbers, flags, lists; None for none.

Fails with `ValueError` for a plain value that it cannot hold.
"""

import math
from typing import Any

from itsm.type.v1 import value_pb2 as pb

EXACT = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact; larger ones are written as text."""
_LEAST, _MOST = -(2**63), 2**63 - 1


def to_value(plain: Any) -> pb.Value:
    """The message that says a plain value."""
    match plain:
        case None:
            return pb.Value()
        case bool():
            return pb.Value(flag=plain)
        case str():
            return pb.Value(text=plain)
        case int() if _LEAST <= plain <= _MOST:
            return pb.Value(integer=plain)
        case float() if math.isfinite(plain):
            return pb.Value(number=plain)
        case list() | tuple():
            return pb.Value(list=pb.ValueList(values=[to_value(item) for item in plain]))
    raise ValueError("is no text, number, flag or list that is kept exactly")


def from_value(value: pb.Value) -> Any:
    """The plain value that a message says."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    return [from_value(item) for item in value.list.values] if kind == "list" else getattr(value, kind)


def to_json(value: pb.Value) -> Any:
    """How JSON says it."""
    return _exact(from_value(value))


def _exact(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_exact(item) for item in plain]
    if plain.__class__ is int and abs(plain) > EXACT:
        return str(plain)
    return plain
