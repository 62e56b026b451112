"""What is looked for, who may find what, and where it was found: pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.errors import Invalid

LONGEST_QUERY = 200
MOST_WORDS = 12
LONGEST_WORD = 40
EXCERPT = 240
_BEFORE = 40
MOST_PLACES = 200
"""Places beyond these are not looked for: what is shown has room for fewer."""
NOTES = "notes"
KINDS = ("articles", "assets", "changes", "incidents", "majors", "notes", "problems", "releases", "requests", "tasks")
"""Every kind that may be asked for; what a service does not have is not found."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A record in words. `facts` are `name=value`, of the record that it is about where it is a part of one."""

    tenant: str
    subject: str
    about: str = ""
    number: str = ""
    title: str = ""
    body: str = ""
    state: str = ""
    language: str = ""
    update_time: datetime | None = None
    facts: Sequence[str] = ()
    internal: bool = False

    @property
    def key(self) -> str:
        """No other record has it."""
        return key_of(self.tenant, self.subject)

    @property
    def kind(self) -> str:
        """The plural of its kind."""
        return self.subject.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: words in the order of the query, and its text as a number might be written."""

    words: tuple[str, ...]
    number: str
    language: str = ""

    @classmethod
    def of(cls, query: str, language: str = "") -> "Wanted":
        """Raises `Invalid` for a query that is too long or has no word."""
        if len(query) > LONGEST_QUERY:
            raise Invalid({"query": f"may have {LONGEST_QUERY} characters, not {len(query)}"})
        words = tuple(dict.fromkeys(word for _, _, word in words_of(query) if len(word) <= LONGEST_WORD))
        if not words:
            raise Invalid({"query": "has no word to look for"})
        return cls(words[:MOST_WORDS], query.strip().upper(), language.partition("-")[0].strip().lower())


@dataclass(frozen=True, slots=True)
class Reach:
    """Records of one kind that a caller may find: `bounds` are filters over facts, all of which must hold.

    `about` bounds parts to those of records of a kind; `public` leaves out what is internal.
    """

    kind: str
    bounds: tuple[Mapping[str, Any], ...] = ()
    about: str = ""
    public: bool = False


def key_of(tenant: str, subject: str) -> str:
    """What an index knows a record by."""
    return f"{tenant}|{subject}"


def words_of(text: str) -> Iterable[tuple[int, int, str]]:
    """The words of a text with their places, without marks and cases, as the index has them."""
    for found in _WORD.finditer(text):
        yield found.start(), found.end(), plain(found.group())


def plain(word: str) -> str:
    """A word without cases and marks."""
    folded = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def slips(word: str) -> int:
    """How many slips of the fingers are forgiven in a word of this length."""
    return 0 if len(word) < 4 or word.isdigit() else 1 if len(word) < 8 else 2


def matches(text: str, wanted: Wanted) -> list[tuple[int, int]]:
    """Where words that are looked for stand in a text, in their order: place and length, in characters."""
    found: list[tuple[int, int]] = []
    known: dict[str, bool] = {}
    for start, end, word in words_of(text):
        if word not in known:
            known[word] = any(_meant(word, asked, last=asked is wanted.words[-1]) for asked in wanted.words)
        if known[word]:
            found.append((start, end - start))
            if len(found) == MOST_PLACES:
                break
    return found


def excerpt(text: str, wanted: Wanted) -> tuple[str, list[tuple[int, int]]]:
    """The part of a text in which most of what is looked for stands close together, and where it stands there."""
    flat = " ".join(text.split())
    places = matches(flat, wanted)
    if not places:
        return flat[:EXCERPT], []
    best, most, end = places[0][0], 0, 0
    for begun, (place, _) in enumerate(places):
        while end < len(places) and places[end][0] < place + EXCERPT - _BEFORE:
            end += 1
        if end - begun > most:
            best, most = place, end - begun
    start = max(0, best - _BEFORE)
    if start:
        start = flat.find(" ", start, best) + 1 or start
    part = flat[start : start + EXCERPT]
    return part, [(at - start, length) for at, length in places if at >= start and at + length <= start + len(part)]


def _meant(word: str, asked: str, *, last: bool) -> bool:
    if word == asked or (last and word.startswith(asked)):
        return True
    allowed = slips(asked)
    if not allowed:
        return False
    if last and len(word) > len(asked):
        return any(_near(word[:length], asked, allowed) for length in range(len(asked) - allowed, len(asked) + allowed + 1))
    return _near(word, asked, allowed)


def _near(one: str, other: str, allowed: int) -> bool:
    """Whether so few letters are missing, too many, other, or have changed places with their neighbor."""
    if abs(len(one) - len(other)) > allowed:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        following = [i]
        for j, its in enumerate(other, 1):
            cost = min(row[j] + 1, following[-1] + 1, row[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            following.append(cost)
        if min(following) > allowed:
            return False
        before, row = row, following
    return row[-1] <= allowed


def asked_kinds(text: str) -> Collection[str]:
    """The kinds that a caller names by comma; all when he names none. Raises `Invalid` for one that there is not."""
    kinds = {each.strip() for each in text.split(",") if each.strip()}
    if unknown := kinds - set(KINDS):
        raise Invalid({"kinds": f"there is no {', '.join(sorted(unknown))[:100]}: expected some of {', '.join(KINDS)}"})
    return kinds or KINDS
