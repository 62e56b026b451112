"""Data on stdout, talk on stderr. A table on a terminal, JSON Lines in a pipe, unless `-o` says otherwise.

What people typed reaches a terminal without its control characters, so that a title cannot move the cursor or hide text.
In CSV a cell that a spreadsheet would run as a formula is led by an apostrophe; the other forms are exact.
"""

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FREE = frozenset({"title", "text", "description", "reason", "detail", "hint"})
_NUMBERS = frozenset({"value", "median", "p90"})
_HEADINGS = {"priority": "PRIO", "definitionVersion": "VERSION"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d")

STYLES = {
    "P1": "bold red",
    "P2": "red",
    "P3": "yellow",
    "P4": "default",
    "P5": "dim",
    "NEW": "bold cyan",
    "ASSIGNED": "cyan",
    "IN_PROGRESS": "blue",
    "ON_HOLD": "magenta",
    "RESOLVED": "green",
    "CLOSED": "dim",
    "CANCELLED": "dim",
}


class Output:
    """Where everything is written. `form` is None to let the terminal decide."""

    def __init__(self, form: Format | None) -> None:
        self.form = form or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)
        self.console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)
        self.talk = Console(file=sys.stderr, stderr=True, highlight=False, emoji=False, markup=False)

    def say(self, text: str, style: str = "") -> None:
        """A line for the person, on stderr."""
        self.talk.print(Text(clean(text), style), soft_wrap=True)

    @staticmethod
    def silence() -> None:
        """Nobody reads any more: what is still buffered goes nowhere, so that the last flush does not complain."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def records(self, records: Iterable[Record], columns: Sequence[str], *, empty: str = "nothing found") -> int:
        """Writes the records, as they come where the form allows it; says how many."""
        if self.form is Format.JSONL:
            return self._each(records, lambda record: print(dumps(record), flush=True))
        if self.form is Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            return self._each(records, lambda record: writer.writerow([_cell(record.get(name)) for name in columns]))
        found = list(records)
        if self.form is Format.JSON:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        elif found:
            self.console.print(_table(found, columns))
        else:
            self.say(empty, "dim")
        return len(found)

    def record(self, record: Record, shown: Callable[[], RenderableType], columns: Sequence[str] | None = None) -> None:
        """Writes one record; `shown` is how it looks on a terminal."""
        if self.form is Format.TABLE:
            self.console.print(shown())
        elif self.form is Format.JSON:
            print(json.dumps(record, ensure_ascii=False, indent=2))
        else:
            self.records([record], columns or list(record))

    @staticmethod
    def _each(records: Iterable[Record], write: Callable[[Record], object]) -> int:
        count = 0
        for count, record in enumerate(records, start=1):  # noqa: B007 - the number of the last is the answer
            write(record)
        return count


def clean(text: str) -> str:
    """The text with control characters, and marks that turn the direction of text, made visible."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def dumps(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> str:
    """A value as a person reads it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else dumps(value)


def span(seconds: float) -> str:
    """A duration in its two largest units: `3 d 4 h`, `1 h 30 min`, `42 s`."""
    if seconds < 0:
        return "-" + span(-seconds)
    if seconds < 60:
        return f"{seconds:.3g} s"
    parts: list[str] = []
    left = round(seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def styled(value: Any) -> Text:
    """A value for a terminal: harmless, and colored where it is a state or a priority.

    `ON_HOLD · VENDOR` reads `On hold · vendor`, in the color of `ON_HOLD`.
    """
    text = clean(plain(value)).replace("\n", " ")
    style = STYLES.get(text.partition(" · ")[0])
    if style is None:
        return Text(_moment(text))
    return Text(text.replace("_", " ").capitalize(), style)


def _moment(text: str) -> str:
    """A time without its fraction and zone: the platform tells UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z", text)
    return f"{found[1]} {found[2]}" if found else text


def _table(records: Sequence[Record], columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    for name in columns:
        numeric = name in _NUMBERS or any(isinstance(record.get(name), int | float) for record in records)
        # Free text gives way to the others where the terminal is narrow, and is cut rather than wrapped.
        table.add_column(
            heading(name),
            justify="right" if numeric else "left",
            no_wrap=name not in _FREE,
            max_width=None if name in _FREE else 24,
            overflow="ellipsis",
        )
    for record in records:
        cells = [styled(record.get(name)) for name in columns]
        for cell in cells:
            cell.no_wrap, cell.overflow = True, "ellipsis"
        table.add_row(*cells)
    return table


def heading(name: str) -> str:
    """`assigneeId` → `ASSIGNEE`, `updateTime` → `UPDATED`."""
    if name.endswith("eTime"):
        return name.removesuffix("Time").upper() + "D"
    return _HEADINGS.get(name) or re.sub(r"([a-z])([A-Z])", r"\1 \2", name.removesuffix("Id")).upper()


def _cell(value: Any) -> str:
    text = plain(value) if not isinstance(value, bool) else str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + text
    return text
