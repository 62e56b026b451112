"""A filter tree as a Mongo query and as a Python predicate that agree on every document.

Where the engines differ, both sides are built from one decision: text is found by a pattern that lists each letter's
cases (no engine's own idea of case), times are cut to the store's milliseconds, values of another type never compare.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from chassis.listing.fields import BSON_TYPES, Document, Field, normal, values_at
from chassis.listing.tree import And, Compare, Contains, Moment, Node, Not, OneOf, Operator, Or, Present, Value

Query: TypeAlias = dict[str, Any]
Predicate: TypeAlias = Callable[[Document], bool]
_Test: TypeAlias = Callable[[Document, datetime], bool]

_MONGO = {
    Operator.EQ: "$eq",
    Operator.NE: "$ne",
    Operator.LT: "$lt",
    Operator.LE: "$lte",
    Operator.GT: "$gt",
    Operator.GE: "$gte",
}
_PYTHON: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.eq,  # of a repeated field no element may be equal, so != is the opposite of =
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
}


def compile_query(tree: Node, now: datetime) -> Query:
    """The Mongo query of a filter over stored documents; `now` gives relative times their meaning."""
    match tree:
        case And(terms):
            parts = [compile_query(term, now) for term in terms]
            return parts[0] if len(parts) == 1 else {"$and": parts} if parts else {}
        case Or(terms):
            return {"$or": [compile_query(term, now) for term in terms]}
        case Not(Present(field)):
            return {field.path: {"$not": {"$type": BSON_TYPES[field.kind]}}} if field.many else {field.path: None}
        case Not(term):
            return {"$nor": [compile_query(term, now)]}
        case Present(field):
            return {field.path: {"$type": BSON_TYPES[field.kind]} if field.many else {"$ne": None}}
        case Contains(field, part):
            return {field.path: {"$regex": _pattern(part)}}
        case OneOf(field, values):
            return {field.path: {"$in": [_at(value, now) for value in values]}}
        case Compare(field, comparison, value):
            return {field.path: {_MONGO[comparison]: _at(value, now)}}


def compile_predicate(tree: Node, clock: Callable[[], datetime]) -> Predicate:
    """The same filter over one document in memory; relative times are seen from `clock()` at each call."""
    test = _test(tree)
    return lambda document: test(document, clock())


def _at(value: Value, now: datetime) -> Any:
    return value.at(now) if isinstance(value, Moment) else value


def _test(tree: Node) -> _Test:
    match tree:
        case And(terms):
            tests = [_test(term) for term in terms]
            return lambda document, now: all(test(document, now) for test in tests)
        case Or(terms):
            tests = [_test(term) for term in terms]
            return lambda document, now: any(test(document, now) for test in tests)
        case Not(term):
            inner = _test(term)
            return lambda document, now: not inner(document, now)
        case Present(field):
            return _present(field)
        case Contains(field, part):
            found = re.compile(_pattern(part)).search
            return _any(field, lambda value, _: found(value) is not None)
        case OneOf(field, values):
            return _any(field, lambda value, now: any(value == _at(wanted, now) for wanted in values))
        case Compare(field, comparison, wanted):
            compare = _PYTHON[comparison]
            holds = _any(field, lambda value, now: compare(value, _at(wanted, now)))
            if comparison is Operator.NE:
                return lambda document, now: not holds(document, now)
            return holds


def _any(field: Field, test: Callable[[Any, datetime], bool]) -> _Test:
    parts = tuple(field.path.split("."))
    kind = field.kind

    def holds(document: Document, now: datetime) -> bool:
        for stored in values_at(document, parts):
            value = normal(kind, stored)
            if value is not None and test(value, now):
                return True
        return False

    return holds


def _present(field: Field) -> _Test:
    if field.many:
        return _any(field, lambda _value, _now: True)
    parts = tuple(field.path.split("."))
    return lambda document, _: all(value is not None for value in values_at(document, parts))


def _pattern(part: str) -> str:
    return "".join(_cases(letter) for letter in part)


def _cases(letter: str) -> str:
    cases = {letter}
    for known in (letter, letter.lower(), letter.upper()):
        cases |= {form for form in (known.lower(), known.upper()) if len(form) == 1}
    return re.escape(letter) if len(cases) == 1 else f"[{''.join(sorted(cases))}]"
