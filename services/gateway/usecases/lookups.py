"""What is asked while somebody types: names that begin or contain it, and what a number stands for. Pure but for its ports."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.errors import Invalid, NotFound

LONGEST = 100
MOST_WORDS = 6
DEFAULT, MOST = 8, 20
KINDS = ("users", "teams", "assets")
_NUMBER = re.compile(r"([A-Za-z]{2,5})-?([0-9]{1,12})")
_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody or something that may have been meant."""

    kind: str
    id: str
    name: str
    detail: str = ""


def asked_kinds(types: str) -> Sequence[str]:
    """The kinds that a text names, with commas between; all when empty. Raises `Invalid`."""
    kinds = [each.strip() for each in types.split(",") if each.strip()]
    if strange := [each for each in kinds if each not in KINDS]:
        raise Invalid({"types": f"{strange[0][:50]!r} is none of {', '.join(KINDS)}"})
    return list(dict.fromkeys(kinds)) or KINDS


def words_of(query: str) -> list[str]:
    """The words of what was typed. Raises `Invalid` for too much."""
    if len(query) > LONGEST:
        raise Invalid({"query": f"may have {LONGEST} characters, not {len(query)}"})
    return "".join(letter if letter.isprintable() else " " for letter in query).split()[:MOST_WORDS]


def filter_of(words: Sequence[str], field: str) -> str:
    """Records in whose field each of the words is, in the filter language."""
    return " AND ".join(f'{field}:"{_quoted(word)}"' for word in words)


def ranked(found: Sequence[Suggestion], words: Sequence[str], most: int) -> list[Suggestion]:
    """Those that begin with what was typed before those of which a word begins so, and these before the others."""
    typed = " ".join(words).casefold()

    def rank(each: Suggestion) -> tuple[int, str]:
        name = each.name.casefold()
        if not typed or name.startswith(typed) or each.detail.casefold() == typed:
            return 0, name
        parts = re.split(r"[\W_]+", name)
        begins = all(any(part.startswith(word.casefold()) for part in parts) for word in words)
        return (1 if begins else 2), name

    return sorted(dict.fromkeys(found), key=rank)[:most]


def place_of(number: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
    """The kind of record that a number names, and the number as it is written. Raises `NotFound`."""
    found = _NUMBER.fullmatch(number.strip())
    kind = prefixes.get(found[1].upper()) if found else None
    if found is None or kind is None:
        raise NotFound("record", number[:50])
    return kind, f"{found[1].upper()}{found[2].lstrip('0').rjust(_DIGITS, '0')}"


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')
