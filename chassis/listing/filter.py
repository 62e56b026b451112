"""The filter language: a subset of AIP-160, the same for lists, saved views, routing rules and streams.

    state IN (NEW, ASSIGNED) AND (priority = P1 OR title:"disk full") AND NOT assigneeId:*
    createTime >= startOfDay("Europe/Berlin") AND updateTime < ago("1h30m")

- `= != < <= > >=` compare; `:` finds part of a text, or an element of a repeated field; `field:*` means "has a value".
- A missing field is null: `= null` holds, `!=` holds, every other comparison does not.
- AND and OR are never mixed without parentheses. AIP-160 lets OR bind tighter, most languages let AND; a rule that
  wakes people up must not depend on which one its author had in mind, so the mixture is refused.

How it can fail: `Invalid` with the position (counted from 1) and what would be right; nothing else, for any text.
"""

import re
from dataclasses import dataclass

from chassis.errors import Invalid
from chassis.listing.fields import Field, Fields, Kind
from chassis.listing.literals import literal, moment, shown, suggestion
from chassis.listing.tree import And, Compare, Contains, Moment, Node, Not, OneOf, Operator, Or, Present, Value

MAX_BYTES = 4096
MAX_DEPTH = 20
MAX_TERMS = 100
MAX_LIST = 200
MAX_PART = 256
"""Characters of a text to find: mongod compiles it to a pattern, whose size it limits."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | '(?P<single>(?:[^'\\]|\\.)*)'
      | (?P<time>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d[\d:.]*(?:[Zz]|[+-]\d\d:\d\d)?)
      | (?P<word>-?\w[\w.@/+\-]*)
      | (?P<sign><=|>=|!=|[=<>:(),*])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_RESERVED = frozenset({"AND", "OR", "NOT", "IN"})
_OPERATORS = frozenset(Operator)
_KEY = re.compile(r"[\w\-/@+]+")


class _Wrong(Exception):
    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else shown(self.text)


def parse(text: str, fields: Fields) -> Node:
    """The tree of a filter over these fields; an empty text is true. Raises `Invalid` on the field `filter`."""
    try:
        tokens = _tokens(text)
        return _Parser(tokens, fields).whole()
    except _Wrong as wrong:
        raise Invalid({"filter": f"{wrong} (at position {wrong.at + 1})"}) from None


def _tokens(text: str) -> list[_Token]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise _Wrong("expected valid Unicode", error.start) from None
    if size > MAX_BYTES:
        raise _Wrong(f"the filter is {size} bytes long, the most is {MAX_BYTES}", 0)
    if "\0" in text:
        raise _Wrong("a filter cannot hold the character U+0000", text.index("\0"))
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            fault = "the quoted text has no end" if text[at] in "\"'" else f"unexpected {shown(text[at])}"
            raise _Wrong(fault, at)
        kind = str(match.lastgroup)
        if kind in ("double", "single"):
            tokens.append(_Token("string", _unescaped(match[kind], at + 1), at))
        elif kind != "space":
            tokens.append(_Token("word" if kind == "time" else kind, match[0], at))
        at = match.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


def _unescaped(text: str, at: int) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        letter = chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code)
        if letter is None or letter == "\0" or "\ud800" <= letter <= "\udfff":
            raise _Wrong(f"unknown escape {shown(match[0])}; there are \\\" \\' \\\\ \\n \\r \\t \\u00e4", at + match.start())
        return letter

    return _ESCAPE.sub(one, text) if "\\" in text else text


class _Parser:
    """Recursive descent; the depth is checked before each descent, so no text can exhaust the stack."""

    def __init__(self, tokens: list[_Token], fields: Fields) -> None:
        self._tokens = tokens
        self._fields = fields
        self._next = 0
        self._terms = 0

    def whole(self) -> Node:
        if self._here.kind == "end":
            return And(())
        node = self._expression(1)
        if self._here.kind != "end":
            hint = self._here.text.upper()
            right = hint if hint in ("AND", "OR") else "AND, OR or the end"
            raise _Wrong(f"expected {right}, not {self._here}", self._here.at)
        return node

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        if token.kind != "end":
            self._next += 1
        return token

    def _is(self, kind: str, *texts: str) -> bool:
        return self._here.kind == kind and self._here.text in texts

    def _expect(self, sign: str) -> None:
        if not self._is("sign", sign):
            raise _Wrong(f"expected '{sign}', not {self._here}", self._here.at)
        self._next += 1

    def _expression(self, depth: int) -> Node:
        terms = [self._term(depth)]
        joined = ""
        while self._is("word", "AND", "OR"):
            token = self._take()
            if joined and token.text != joined:
                raise _Wrong("AND and OR are mixed: put parentheses around one of them", token.at)
            joined = token.text
            terms.append(self._term(depth))
        if not joined:
            return terms[0]
        return And(tuple(terms)) if joined == "AND" else Or(tuple(terms))

    def _term(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _Wrong(f"nested deeper than {MAX_DEPTH}", self._here.at)
        if self._is("word", "NOT"):
            self._next += 1
            return Not(self._term(depth + 1))
        if self._is("sign", "("):
            self._next += 1
            node = self._expression(depth + 1)
            self._expect(")")
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        name = self._take()
        if name.kind != "word" or name.text in _RESERVED:
            raise _Wrong(f"expected a field name, not {name}", name.at)
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise _Wrong(f"more than {MAX_TERMS} comparisons", name.at)
        field = self._field(name)
        operator = self._take()
        if operator.kind == "word" and operator.text == "IN":
            return OneOf(field, self._list(field))
        if operator.kind == "sign" and operator.text == ":":
            return self._has(field)
        if operator.kind == "sign" and operator.text in _OPERATORS:
            return self._compared(field, Operator(operator.text), operator)
        raise _Wrong(f"expected =, !=, <, <=, >, >=, : or IN after '{name.text[:40]}', not {operator}", operator.at)

    def _field(self, name: _Token) -> Field:
        field = self._fields.get(name.text)
        if field and not field.keyed:
            return field
        if field:
            raise _Wrong(f"'{name.text}' needs a key, such as {name.text}.team", name.at)
        start, _, key = name.text.partition(".")
        field = self._fields.get(start)
        if field and field.keyed and _KEY.fullmatch(key):
            return Field(path=f"{field.path}.{key}", kind=field.kind, values=field.values)
        raise _Wrong(f"unknown field {shown(name.text)}{suggestion(name.text, list(self._fields))}", name.at)

    def _has(self, field: Field) -> Node:
        if self._is("sign", "*"):
            self._next += 1
            return Present(field)
        at = self._here.at
        value = self._value(field)
        if value is None:
            raise _Wrong("write '= null' for a missing value and ':*' for any value", at)
        if field.kind is not Kind.TEXT:
            return Compare(field, Operator.EQ, value)
        part = str(value)
        if not 0 < len(part) <= MAX_PART:
            raise _Wrong(f"the text to find has 1 to {MAX_PART} characters", at)
        return Contains(field, part)

    def _compared(self, field: Field, operator: Operator, token: _Token) -> Node:
        if operator not in (Operator.EQ, Operator.NE) and field.kind in (Kind.ENUM, Kind.BOOL, Kind.DURATION):
            right = "= or !=" if field.kind is Kind.BOOL else "=, != or IN (...)"
            raise _Wrong(f"'{operator}' has no meaning here; use {right}", token.at)
        value = self._value(field)
        if value is not None:
            return Compare(field, operator, value)
        if operator is Operator.NE:
            return Present(field)
        if operator is Operator.EQ:
            return Not(Present(field))
        raise _Wrong("null is compared with = or != only", token.at)

    def _list(self, field: Field) -> tuple[Value, ...]:
        self._expect("(")
        values: list[Value] = []
        while True:
            at = self._here.at
            value = self._value(field)
            if value is None:
                raise _Wrong("null cannot be in a list; write 'OR field = null'", at)
            values.append(value)
            if len(values) > MAX_LIST:
                raise _Wrong(f"more than {MAX_LIST} values in a list", at)
            if self._is("sign", ")"):
                self._next += 1
                return tuple(values)
            self._expect(",")

    def _value(self, field: Field) -> Value | None:
        token = self._take()
        try:
            if token.kind == "string":
                return literal(field, token.text, quoted=True)
            if token.kind != "word":
                raise ValueError(f"expected a value, not {token}")
            if token.text in _RESERVED:
                raise ValueError(f'expected a value, not {token}; write "{token.text}" if the text is meant')
            if self._is("sign", "("):
                return self._call(field, token)
            return None if token.text == "null" else literal(field, token.text, quoted=False)
        except ValueError as error:
            raise _Wrong(str(error), token.at) from None

    def _call(self, field: Field, name: _Token) -> Moment:
        self._next += 1
        argument = self._take().text if self._here.kind == "string" else None
        self._expect(")")
        relative = moment(name.text, argument)
        if field.kind is not Kind.TIMESTAMP:
            raise ValueError(f"{name.text}() is a time, and this field is none")
        return relative
