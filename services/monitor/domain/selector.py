"""Which series are meant: `cpu_seconds_total{mode!="idle", instance=~"db-.*"}`, as Prometheus writes it.

Matchers are those of silences, with the same bounds on patterns; a pattern matches the whole value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.errors import Invalid
from services.monitor.domain.pattern import wrong_pattern
from services.monitor.domain.series import NAME
from services.monitor.domain.silence import Matcher, Operator

LONGEST = 1000

_NAME = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:.]*)?\s*(\{)?")
_MATCHER = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_][a-zA-Z0-9_.]*))\s*(?:(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)")?\s*')
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"'}
_OPERATORS = {
    "=": Operator.EQUAL,
    "!=": Operator.NOT_EQUAL,
    "=~": Operator.MATCHES,
    "!~": Operator.NOT_MATCHES,
}


@dataclass(frozen=True, slots=True)
class Selector:
    """All its matchers must fit."""

    matchers: tuple[Matcher, ...]

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels is meant."""
        return all(matcher.fits(labels) for matcher in self.matchers)

    @property
    def exact(self) -> list[tuple[str, str]]:
        """The pairs that each of its series has, for an index."""
        return [(each.label, each.value) for each in self.matchers if each.operator is Operator.EQUAL and each.value]


def parse(text: str, field: str = "match") -> Selector:
    """Raises `Invalid`, which names `field`."""
    if len(text) > LONGEST:
        raise Invalid({field: f"at most {LONGEST} characters"})
    matchers: list[Matcher] = []
    begin = _NAME.match(text)
    place = begin.end() if begin is not None else 0
    if begin is not None and begin[1]:
        matchers.append(Matcher(label=NAME, value=begin[1]))
    if begin is not None and begin[2]:
        place = _braces(text, place, matchers, field)
    if text[place:].strip():
        raise _unclear(place, field)
    return of(matchers, field)


def of(matchers: list[Matcher], field: str = "match") -> Selector:
    """A selector of these matchers, checked. Raises `Invalid`, which names `field`."""
    for matcher in matchers:
        if matcher.operator in (Operator.MATCHES, Operator.NOT_MATCHES) and (wrong := wrong_pattern(matcher.value)):
            raise Invalid({field: f"the pattern of {matcher.label} {wrong}"})
    if all(matcher.fits({}) for matcher in matchers):
        raise Invalid({field: "at least one matcher that an absent label does not meet"})
    return Selector(tuple(matchers))


def _braces(text: str, place: int, matchers: list[Matcher], field: str) -> int:
    """Reads up to behind the closing brace."""
    while not text[place:].lstrip().startswith("}"):
        found = _MATCHER.match(text, place)
        if found is None:
            raise _unclear(place, field)
        quoted, bare, operator, value = found.groups()
        name = bare if quoted is None else _unescaped(quoted, field)
        if operator is not None:
            matchers.append(Matcher(label=name, operator=_OPERATORS[operator], value=_unescaped(value, field)))
        elif quoted is not None:
            matchers.append(Matcher(label=NAME, value=name))
        else:
            raise Invalid({field: f"the label {bare} is compared with nothing"})
        place = found.end()
        if text[place : place + 1] == ",":
            place += 1
        elif text[place : place + 1] != "}":
            raise _unclear(place, field)
    return text.index("}", place) + 1


def _unescaped(text: str, field: str) -> str:
    def one(found: "re.Match[str]") -> str:
        if found[1] not in _ESCAPES:
            raise Invalid({field: f"\\{found[1]} is no escape here"})
        return _ESCAPES[found[1]]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)


def _unclear(place: int, field: str) -> Invalid:
    return Invalid({field: f'a selector such as up{{job="node"}}; not understood from character {place + 1} on'})
