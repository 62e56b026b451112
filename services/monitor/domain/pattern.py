"""Patterns that people write, matched against whole values, in bounded time.

Python's matcher tries one way after the other, and some patterns have exponentially many. So a pattern is taken only when
the number of its ways is bounded: groups are never repeated, nothing refers back or looks around, and the choices multiply
to less than a million.
"""

import re
from functools import lru_cache
from math import prod
from re import _constants as code  # type: ignore[attr-defined] # the only parser of what `re` takes
from re import _parser as parser  # type: ignore[attr-defined] # as above
from typing import Any

LENGTH = 200
VALUE_LENGTH = 1_000
"""Characters of a value that are looked at."""

_WAYS = 1_100_000

_SINGLE = frozenset({code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN})
_REPEATS = frozenset({code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT})


def wrong_pattern(pattern: str) -> str | None:
    """Why a pattern is not taken; None when it is."""
    if len(pattern) > LENGTH:
        return f"may have {LENGTH} characters"
    try:
        ways = _ways(parser.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no pattern: {error}"
    except ValueError as error:
        return str(error)
    return "could match in too many ways: two repetitions such as .* are the most" if ways > _WAYS else None


def matches(pattern: str, value: str) -> bool:
    """Whether the whole value fits; `pattern` is one that `wrong_pattern` took."""
    return _compiled(pattern).fullmatch(value[:VALUE_LENGTH]) is not None


def _ways(parsed: Any) -> int:
    """In how many ways a value may be tried at most. Raises `ValueError` for what is not allowed at all."""
    return prod(_ways_of(kind, argument) for kind, argument in parsed)


def _ways_of(kind: Any, argument: Any) -> int:
    if kind in _SINGLE or kind is code.AT:
        return 1
    if kind in _REPEATS:
        lowest, highest, body = argument
        if any(each not in _SINGLE for each, _ in body):
            raise ValueError("may repeat single characters and classes only, not groups")
        return int(min(highest, max(VALUE_LENGTH, lowest)) - lowest) + 1 if highest > lowest else 1
    if kind is code.SUBPATTERN:
        return _ways(argument[-1])
    if kind is code.BRANCH:
        return sum(_ways(branch) for branch in argument[1])
    raise ValueError("may not refer back or look around")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
