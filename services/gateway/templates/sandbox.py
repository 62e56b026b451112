"""Fills templates that people of a tenant write: a small part of Jinja2 in its immutable sandbox, over plain data alone.

What a template may do is a list of syntax, not a list of what is forbidden: places, conditions, loops over lists of the
record, a few filters. No call, assignment, macro, inclusion, arithmetic or formatting: nothing that grows what it is given,
so that the bounds on template, data and output bound time and memory as well. Data is never read as a template.

Fails: `Invalid` naming field, line and reason, for what may not stand in a template, and for what would say too much.
"""

import html
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.runtime import ChainableUndefined, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chassis.errors import Invalid

MOST_NODES, DEEPEST_IF = 1_000, 8
LONGEST_TEXT, LONGEST_SUBJECT = 64 * 1024, 200
LONGEST_VALUE, MOST_ITEMS, DEEPEST_DATA = 8 * 1024, 100, 4
SECONDS = 2.0
VARIABLES = ("event", "record", "note", "actor", "recipient", "url", "answerUrl", "installation", "more")
"""What a template may name (docs/how-to/tell-people.md)."""

_LOOP = ("index", "first", "last", "length")
_SYNTAX: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const, nodes.Getattr,
    nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr,
)  # fmt: skip
_TESTS = frozenset({"defined", "none"})
_Path = nodes.Name | nodes.Getattr | nodes.Getitem


def _date(value: Any, zone: str = "UTC") -> str:
    """An instant for people: `2026-05-04 12:00 UTC`. What is none stays as it is."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    instant = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    try:
        place: tzinfo = ZoneInfo(str(zone) or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the latter two of names that are no names of files
        place = UTC
    return instant.astimezone(place).strftime("%Y-%m-%d %H:%M %Z")


def _join(value: Any, between: str = ", ") -> str:
    """The items of a list in a row."""
    return between[:20].join(str(each) for each in value) if isinstance(value, Sequence) and not isinstance(value, str) else ""


def _truncate(value: Any, length: int = 200) -> str:
    """The beginning of a text."""
    text = str(value)
    return text if len(text) <= length else f"{text[: max(length - 1, 0)]}…"


def _words(value: Any) -> str:
    """A name in capitals as words: `ON_HOLD` → `on hold`."""
    return str(value).replace("_", " ").lower()


FILTERS: Mapping[str, Callable[..., Any]] = {
    "date": _date,
    "default": lambda value, other="": value or other,
    "join": _join,
    "length": lambda value: len(value) if isinstance(value, str | Sequence | Mapping) else 0,
    "lower": lambda value: str(value).lower(),
    "trim": lambda value: str(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: str(value).upper(),
    "words": _words,
}


_ITEMS = "items of a list"


def _items(value: Any) -> list[Any]:
    return value if type(value) is list else []


class _Nothing(ChainableUndefined):
    """What is not there says nothing, also for what would be below it."""


class _Data(ImmutableSandboxedEnvironment):
    """Reaches members of plain data and nothing else: no attribute of any object, whatever its name."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See `Environment`."""
        return self._member(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """See `Environment`."""
        return self._member(obj, argument)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002, N805 - as in `Environment`
        """See `SandboxedEnvironment`: nothing is called. No template that was let in gets here."""
        raise SecurityError("nothing can be called")

    def _member(self, obj: Any, name: Any) -> Any:
        if type(obj) is dict and isinstance(name, str):
            return obj[name] if name in obj else self.undefined(name=name)
        if type(obj) is list and type(name) is int:
            return obj[name] if -len(obj) <= name < len(obj) else self.undefined(name=str(name))
        if isinstance(obj, LoopContext) and name in _LOOP:
            return getattr(obj, name)
        return self.undefined(name=str(name)[:100])


def _environment(*, autoescape: bool) -> _Data:
    environment = _Data(autoescape=autoescape, undefined=_Nothing, cache_size=0)
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update({**FILTERS, _ITEMS: _items})
    environment.tests = {name: environment.tests[name] for name in (*_TESTS, "eq", "ne", "lt", "le", "gt", "ge", "in")}
    return environment


_TEXT, _HTML = _environment(autoescape=False), _environment(autoescape=True)


def check(source: str, name: str, *, escaped: bool = False) -> None:
    """Raises `Invalid` for the field `name` where something in the template is not allowed, with line and reason."""
    try:
        _compiled(source, escaped)
    except TemplateSyntaxError as error:
        raise Invalid({name: f"line {error.lineno}: {error.message}"}) from error
    except (TemplateError, RecursionError, SyntaxError, MemoryError, ValueError, OverflowError) as error:
        raise Invalid({name: f"line 1: this is too involved ({type(error).__name__})"}) from error


def fill(source: str, data: Mapping[str, Any], name: str, *, escaped: bool = False) -> str:
    """The text that a template says of data, which `plain` has bounded. Raises `Invalid`, also where it is too long."""
    check(source, name, escaped=escaped)
    until, size, parts = time.monotonic() + SECONDS, 0, []
    try:
        for part in _compiled(source, escaped).generate(data):
            size += len(part)
            if size > LONGEST_TEXT or time.monotonic() > until:
                raise Invalid({name: f"says more than {LONGEST_TEXT} characters, or takes longer than {SECONDS:g} s"})
            parts.append(part)
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        raise Invalid({name: f"cannot be filled with this record: {error}"}) from error
    return "".join(parts)


def one_line(text: str) -> str:
    """A text as a subject: no line, control or direction of reading is changed by it."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:LONGEST_SUBJECT]


def paragraphs(text: str) -> str:
    """Plain text as HTML."""
    return "".join(f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in text.split("\n\n") if part.strip())


def plain(value: Any, depth: int = DEEPEST_DATA) -> Any:
    """What templates are given of a value: texts, numbers, lists and dictionaries of these, each bounded."""
    if isinstance(value, Mapping) and depth:
        return {str(key): plain(each, depth - 1) for key, each in list(value.items())[:MOST_ITEMS]}
    if isinstance(value, list | tuple) and depth:
        return [plain(each, depth - 1) for each in value[:MOST_ITEMS]]
    if value is None or isinstance(value, bool | int | float):
        return value
    # A copy that is a text and nothing more: markup of others would not be escaped.
    return str.__str__(str(value))[:LONGEST_VALUE] if not isinstance(value, Mapping | list | tuple) else ""


@lru_cache(maxsize=256)
def _compiled(source: str, escaped: bool) -> Any:
    environment = _HTML if escaped else _TEXT
    tree = environment.parse(source)
    _judge(tree)
    for loop in tree.find_all(nodes.For):
        # The letters of a text are no list: a loop over them would be longer than any list may be.
        loop.iter = nodes.Filter(loop.iter, _ITEMS, [], [], None, None, lineno=loop.lineno)
    return environment.from_string(tree)


def _judge(tree: nodes.Template) -> None:
    known = {*VARIABLES, "loop"}
    for count, (node, loops, conditions) in enumerate(_walk(tree, 0, 0)):
        if count >= MOST_NODES:
            raise _refused(node, f"has more than {MOST_NODES} parts")
        if not isinstance(node, _SYNTAX):
            raise _refused(node, f"{_word(node)} is not allowed here")
        if loops > 1 or conditions > DEEPEST_IF:
            raise _refused(node, f"is a loop in a loop, or deeper than {DEEPEST_IF} conditions")
        if (why := _wrong(node)) is not None:
            raise _refused(node, why)
        if isinstance(node, nodes.For) and isinstance(node.target, nodes.Name):
            known.add(node.target.name)
        if isinstance(node, nodes.Name) and node.name not in known:
            raise _refused(node, f"there is no {node.name[:100]}; there are {', '.join(VARIABLES)}")


def _walk(node: nodes.Node, loops: int, conditions: int) -> Iterator[tuple[nodes.Node, int, int]]:
    loops, conditions = loops + isinstance(node, nodes.For), conditions + isinstance(node, nodes.If | nodes.CondExpr)
    yield node, loops, conditions
    for child in node.iter_child_nodes():
        yield from _walk(child, loops, conditions)


def _wrong(node: nodes.Node) -> str | None:
    match node:
        case nodes.Getattr(attr=str(name)) if name.startswith("_"):
            return f"{name} is no member of data"
        case nodes.Getitem(arg=argument) if not isinstance(argument, nodes.Const) or not isinstance(argument.value, str | int):
            return "a member is named by a text or a number"
        case nodes.Getitem(arg=nodes.Const(value=str(name))) if name.startswith("_"):
            return f"{name} is no member of data"
        case nodes.Filter():
            return _wrong_filter(node)
        case nodes.Test(name=name) if name not in _TESTS or node.args:
            return f"there is no test {name}"
        case nodes.For():
            if node.recursive or not isinstance(node.iter, _Path) or not isinstance(node.target, nodes.Name):
                return "a loop goes over one list of the record, with one name"
            return f"{node.target.name} is taken" if node.target.name in (*VARIABLES, "loop") else None
        case _:
            return None


def _wrong_filter(node: nodes.Filter) -> str | None:
    if node.name not in FILTERS:
        return f"there is no filter {node.name}; there are {', '.join(FILTERS)}"
    given = [*node.args, *(each.value for each in node.kwargs)]
    if node.dyn_args is not None or node.dyn_kwargs is not None or not all(_plain_argument(each) for each in given):
        return f"what {node.name} is told must be written out, or a member of the record"
    return None


def _plain_argument(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const | nodes.Name | nodes.Getattr)


def _refused(node: nodes.Node, why: str) -> TemplateSyntaxError:
    # What stands around a block has no line of its own.
    return TemplateSyntaxError(why, next((each.lineno for each in (node, *node.find_all(nodes.Node)) if each.lineno), 1))


def _word(node: nodes.Node) -> str:
    return {"Call": "a call", "Assign": "an assignment", "Mod": "the operator %"}.get(
        type(node).__name__, type(node).__name__.lower()
    )
