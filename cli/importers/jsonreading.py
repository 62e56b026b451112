"""JSON of any size, record by record: an array, a member that holds the records, or one record after another.

Only one record is held at a time. One that is too long, too deep or malformed is refused by itself as long as its brackets
match; where they do not, the rest of the file cannot be told apart and is refused as a whole. Numbers stay texts, so that
`00123`, `1e309` and ids of twenty digits are what they were.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from cli.importers.records import Place, Raw, Refusal
from cli.importers.textreading import MAX_RECORD, chunks, foreign, lines

DEEPEST = 64
_SPACE = re.compile(r"[\s\ufeff]*")
_STOP = re.compile(r'["\\]')
_PLAIN = re.compile(r'[^\s,:\[\]{}"]+')
_BRACKETS = {"{": 1, "[": 1, "}": -1, "]": -1}
_LONGEST_PLAIN = 4_096
_OVERLONG = "\x00"
"""Stands for a text that is not held; no sign of JSON."""


def read_lines(file: BinaryIO, name: str, table: str, encoding: str) -> Iterator[Raw | Refusal]:
    """JSON Lines: each line is a record."""
    for number, line in enumerate(lines(file, encoding), start=1):
        if line is None:
            yield Refusal(Place(name, number), f"is longer than {MAX_RECORD} characters")
        elif line.strip().removeprefix("\ufeff"):
            yield _record(line.removeprefix("\ufeff"), Place(name, number), table)


def read(file: BinaryIO, name: str, table: str, encoding: str, members: Mapping[str, int]) -> Iterator[Raw | Refusal]:
    """The records of a document. `members` are those of the outermost object that hold records, and how deep in them.

    1 are the elements of an array or the values of an object; 2 the values of objects in an object, whose name they have as
    their table.
    """
    yield from _Document(_Tokens(chunks(file, encoding)), name, table, members).read()


class _Tokens:
    """Brackets, commas, colons, texts and plain words, with the line that the last one began in."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._text, self._at = "", 0
        self._line = 1
        self.line = 1

    def next(self) -> str:
        """The next sign; empty at the end."""
        while True:
            self._go(_SPACE.match(self._text, self._at).end())  # type: ignore[union-attr] # it matches nothing, too
            if self._at < len(self._text):
                break
            if not self._more():
                return ""
        self.line = self._line
        sign = self._text[self._at]
        if sign == '"':
            return self._quoted()
        if sign in "{}[],:":
            self._go(self._at + 1)
            return sign
        return self._plain()

    def _go(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        chunk = next(self._source, "")
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)

    def _quoted(self) -> str:
        overlong, look = False, 1
        while True:
            found = _STOP.search(self._text, self._at + look)
            if found is None or (found[0] == "\\" and found.end() == len(self._text)):
                reached = found.start() if found else len(self._text)
                if overlong or reached - self._at > MAX_RECORD:
                    overlong = True
                    self._go(reached)
                look = reached - self._at
                if not self._more():
                    self._go(len(self._text))
                    return _OVERLONG
            elif found[0] == "\\":
                look = found.end() + 1 - self._at
            else:
                sign = _OVERLONG if overlong else self._text[self._at : found.end()]
                self._go(found.end())
                return sign

    def _plain(self) -> str:
        overlong = False
        while True:
            found = _PLAIN.match(self._text, self._at)
            end = found.end() if found else self._at
            if end < len(self._text):
                sign = _OVERLONG if overlong or end - self._at > _LONGEST_PLAIN else self._text[self._at : end]
                self._go(end)
                return sign
            if overlong or end - self._at > _LONGEST_PLAIN:
                overlong = True
                self._go(end)
            if not self._more():
                sign = _OVERLONG if overlong else self._text[self._at :]
                self._go(len(self._text))
                return sign


class _Document:
    def __init__(self, tokens: _Tokens, name: str, table: str, members: Mapping[str, int]) -> None:
        self._tokens = tokens
        self._name = name
        self._table = table
        self._members = {json.dumps(member): depth for member, depth in members.items()}

    def read(self) -> Iterator[Raw | Refusal]:
        """Each record. What cannot be told apart any more is one refusal, and the end."""
        while sign := self._tokens.next():
            if sign == "[":
                yield from self._array(self._table)
            elif sign == "{":
                yield from self._outermost()
            else:
                yield self._refused("is no object and no array; nothing after it is read")
                return

    def _array(self, table: str) -> Iterator[Raw | Refusal]:
        while (sign := self._tokens.next()) != "]":
            if not sign:
                yield self._cut()
                return
            if sign != ",":
                yield from self._element(sign, table)

    def _object(self, table: str, depth: int) -> Iterator[Raw | Refusal]:
        while (key := self._tokens.next()) != "}":
            if key == ",":
                continue
            colon, value = self._tokens.next(), self._tokens.next()
            if colon != ":" or not value:
                yield self._cut()
                return
            if depth > 1 and value in "{[":
                inner = key.strip('"')
                yield from self._object(inner, depth - 1) if value == "{" else self._array(inner)
            else:
                yield from self._element(value, table)

    def _outermost(self) -> Iterator[Raw | Refusal]:
        """An object that holds the records in a member, or is one."""
        parts, size, depth, found = ["{"], 1, 1, False
        line = self._tokens.line
        while depth:
            sign = self._tokens.next()
            if not sign:
                yield self._cut()
                return
            if depth == 1 and sign in "[{" and parts[-1:] == [":"] and parts[-2] in self._members:
                found = True
                inner = self._members[parts[-2]]
                yield from self._array(self._table) if sign == "[" else self._object(self._table, inner)
                parts = ["{"]
                continue
            depth += _BRACKETS.get(sign, 0)
            size += len(sign)
            if found or size > MAX_RECORD or depth > DEEPEST:
                parts = parts[-2:]  # enough to recognize a member
            parts.append(sign)
        if not found:
            yield self._whole(parts, size, line, self._table)

    def _element(self, first: str, table: str) -> Iterator[Raw | Refusal]:
        line, parts, size = self._tokens.line, [first], len(first)
        depth = _BRACKETS.get(first, 0)
        deepest = depth
        while depth > 0:
            sign = self._tokens.next()
            if not sign:
                yield self._cut()
                return
            depth += _BRACKETS.get(sign, 0)
            deepest = max(deepest, depth)
            size += len(sign)
            if size <= MAX_RECORD and deepest <= DEEPEST:
                parts.append(sign)
        if deepest > DEEPEST:
            yield Refusal(Place(self._name, line), f"is nested more than {DEEPEST} deep")
        else:
            yield self._whole(parts, size, line, table)

    def _whole(self, parts: list[str], size: int, line: int, table: str) -> Raw | Refusal:
        place = Place(self._name, line)
        if size > MAX_RECORD or _OVERLONG in parts:
            return Refusal(place, f"is longer than {MAX_RECORD} characters")
        return _record(" ".join(parts), place, table)

    def _cut(self) -> Refusal:
        return self._refused("the file ends in the middle of a record, or its brackets do not match: the rest is not read")

    def _refused(self, reason: str) -> Refusal:
        return Refusal(Place(self._name, self._tokens.line), reason)


def _record(text: str, place: Place, table: str) -> Raw | Refusal:
    try:
        value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return Refusal(place, f"is no JSON: {error}")
    if not isinstance(value, dict):
        return Refusal(place, "is no object")
    if foreign(text) or ("\\u" in text and foreign(json.dumps(value, ensure_ascii=False))):
        return Refusal(place, "holds what is no character")
    return Raw(place, table, _plain(value))


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Without what is null: it says as much as a field that is not there."""
    return {name: each for name, each in value.items() if each is not None}
