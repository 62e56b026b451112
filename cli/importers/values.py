"""What a field says: texts without markup, instants, yes and no, quantities. What is not clear is refused, not guessed.

Fails: `Unusable` naming the field.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from cli.importers.records import Raw, Unusable

MAX_TITLE, MAX_TEXT, MAX_ID = 300, 65_536, 200

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})$", re.ASCII)
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?", re.ASCII)
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "table", "ul", "ol", "hr"}
)
_SILENT = frozenset({"script", "style", "head", "title"})
_SIZES = {"": 1, "b": 1, "k": 10, "m": 20, "g": 30, "t": 40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)i?b?", re.ASCII | re.IGNORECASE)
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no", ""})


def text(value: Any) -> str:
    """A field as one text, without control characters. What is nested is told as JSON."""
    if isinstance(value, Mapping) and ("value" in value or "display_value" in value):
        value = value.get("value") or value.get("display_value")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def shown(value: Any) -> str:
    """The words that people see where a field has an id and words, else the field."""
    if isinstance(value, Mapping) and value.get("display_value"):
        return text(value["display_value"])
    return text(value)


def several(value: Any) -> list[str]:
    """The texts of a field that may be there several times."""
    each = value if isinstance(value, list) else [value]
    return [found for found in map(text, each) if found]


def title(said: str, otherwise: str) -> tuple[str, str]:
    """One line of at most 300 characters, and the whole where that is more."""
    line = " ".join(said.split())
    if not line:
        return otherwise, ""
    if len(line) <= MAX_TITLE:
        return line, ""
    return line[: MAX_TITLE - 1] + "…", line


def split(said: str) -> list[str]:
    """A long text in pieces that a note can hold."""
    return [said[begin : begin + MAX_TEXT] for begin in range(0, len(said), MAX_TEXT)]


def flag(value: Any, field: str) -> bool:
    """Yes or no."""
    word = text(value).lower()
    if word in _YES | _NO:
        return word in _YES
    raise Unusable(field, f"{text(value)[:60]!r} is neither true nor false")


def count(value: Any, field: str) -> int:
    """A whole number that is not below zero; 0 where nothing is said."""
    said = text(value)
    if not said:
        return 0
    if not (said.isascii() and said.isdigit()) or len(said) > 9:
        raise Unusable(field, f"{said[:60]!r} is no count")
    return int(said)


def size_in_bytes(value: Any, unit: str) -> str:
    """`16384` with the unit `m`, `16 GB` → bytes; empty for what is no size."""
    found = _SIZE.fullmatch(text(value).replace(",", ""))
    if found is None:
        return ""
    return str(int(float(found[1]) * 2 ** _SIZES[(found[2] or unit).lower()]))


def whole(value: Any) -> str:
    """A whole number as it stands; empty for what is none."""
    said = text(value)
    return said if said.isascii() and said.isdigit() and len(said) < 18 else ""


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as the base class
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def unmarked(value: Any, *, escaped: bool = False) -> str:
    """The words of an HTML text. `escaped` is for systems that keep their markup as entities."""
    said = text(value)
    if escaped and "<" not in said:
        said = html.unescape(said)
    if "<" not in said:
        return html.unescape(said)
    reader = _Words()
    reader.feed(said)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def of_document(node: Any, deep: int = 0) -> str:
    """The words of an Atlassian document (`{"type": "doc", "content": […]}`)."""
    if isinstance(node, list):
        return "".join(of_document(each, deep) for each in node)
    if not isinstance(node, Mapping) or deep > 100:
        return ""
    attributes = node.get("attrs")
    about = attributes if isinstance(attributes, Mapping) else {}
    match node.get("type"):
        case "text":
            return text_of(node.get("text"))
        case "hardBreak":
            return "\n"
        case "mention" | "emoji" | "status" | "date":
            return text_of(about.get("text") or about.get("shortName") or about.get("timestamp"))
        case "inlineCard" | "blockCard":
            return text_of(about.get("url"))
        case "listItem":
            return "- " + of_document(node.get("content"), deep + 1).strip() + "\n"
    inner = of_document(node.get("content"), deep + 1)
    return inner + "\n" if node.get("type") in ("paragraph", "heading", "codeBlock", "tableRow", "blockquote") else inner


def text_of(value: Any) -> str:
    """A text that keeps the blanks at its ends: it stands in the middle of others."""
    return _CONTROL.sub("", value) if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Times:
    """How instants are written: `zone` is where a time without a zone is from, `forms` are those beside ISO 8601."""

    zone: ZoneInfo | Any = UTC
    forms: Sequence[str] = ()

    def read(self, value: Any, field: str) -> datetime | None:
        """The instant in UTC; None where nothing is said. A time that comes twice in the fall is its first."""
        said = text(value)
        if not said or said.startswith("0000-00-00"):
            return None
        try:
            found = self._iso(said) or self._other(said)
        except (ValueError, OverflowError) as error:
            raise Unusable(field, f"{said[:60]!r}: {error}") from error
        if found is None:
            raise Unusable(field, f"{said[:60]!r} is no time like 2026-02-28 13:45:00")
        return found

    def needed(self, value: Any, field: str) -> datetime:
        """The instant, which has to be said."""
        found = self.read(value, field)
        if found is None:
            raise Unusable(field, "is empty")
        return found

    def _iso(self, said: str) -> datetime | None:
        found = _ISO.match(said)
        if found is None:
            return None
        year, month, day, hour, minute = (int(found[place]) for place in range(1, 6))
        micro = int((found[7] or "").ljust(6, "0")[:6])
        local = datetime(year, month, day, hour, minute, int(found[6] or 0), micro, tzinfo=UTC)
        rest = said[found.end() :].strip()
        if rest in ("Z", "UTC"):
            return local
        if offset := _OFFSET.fullmatch(rest):
            ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            return local - ahead if offset[1] == "+" else local + ahead
        return None if rest else self._placed(local)

    def _other(self, said: str) -> datetime | None:
        for form in self.forms:
            try:
                found = datetime.strptime(said, form)  # noqa: DTZ007 - placed below
            except ValueError:
                continue
            return found.astimezone(UTC) if found.tzinfo else self._placed(found)
        return None

    def _placed(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)


def first(raw: Raw, *names: str) -> Any:
    """The first of these fields that says something; an empty text when none does."""
    return next((raw.fields[name] for name in names if text(raw.fields.get(name))), "")


def path(parts: Iterable[str]) -> str:
    """`Hardware / Disk`, of what is said, as a category."""
    return " / ".join(part for part in parts if part)[:MAX_ID]
