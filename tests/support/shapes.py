"""What decides whether JSON fits a schema, without what does not: two values of one shape are valid by the same schemas.

A text counts by its form where a schema may ask for one (a time, a span, a whole number, a word in capitals), else as a text.
"""

import re
from typing import Any

_FORMS = (
    ("time", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")),
    ("span", re.compile(r"-?\d+(\.\d+)?s")),
    ("whole", re.compile(r"-?\d{1,20}")),
)
_WORD = re.compile(r"[A-Z][A-Z0-9_]{0,40}")


def shape(value: Any) -> Any:
    """The shape, as something that can be kept in a set."""
    if isinstance(value, dict):
        return frozenset((name, shape(each)) for name, each in value.items())
    if isinstance(value, list):
        return ("list", frozenset(shape(each) for each in value))
    if isinstance(value, str):
        if _WORD.fullmatch(value):
            return value  # it may be one of an enum
        return next((name for name, form in _FORMS if form.fullmatch(value)), "" if value else "empty")
    return type(value).__name__
