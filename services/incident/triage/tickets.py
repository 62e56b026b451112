"""Reading sorted tickets from a CSV file, packed by gzip or not."""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_CHARACTERS = 1 << 20
"""Of one cell. A ticket is cut long before by what is looked at; a larger cell is a broken file."""


class UnreadableTickets(ValueError):
    """The file does not hold what it should; says in which line."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What somebody wrote, and how it was sorted; `label` is empty where that is not told."""

    text: str
    label: str


def read(path: Path, text_column: str, label_column: str, *, sorted_: bool) -> Iterator[Ticket]:
    """The tickets of a file, in its order; `sorted_` demands that each has a label. Raises `UnreadableTickets`, `OSError`."""
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        source = gzip.GzipFile(fileobj=raw) if packed else raw
        text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")  # type: ignore[type-var, unused-ignore]
        csv.field_size_limit(MOST_CHARACTERS)
        rows = csv.DictReader(text)
        try:
            for name in (text_column, *((label_column,) if sorted_ else ())):
                if name not in (rows.fieldnames or ()):
                    raise UnreadableTickets(f"{path}: there is no column {name!r}, only {', '.join(rows.fieldnames or ())}")
            for row in rows:
                label = (row.get(label_column) or "").strip()
                if sorted_ and not label:
                    raise UnreadableTickets(f"{path}, line {rows.line_num}: {label_column} is empty")
                yield Ticket(row[text_column] or "", label)
        except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
            raise UnreadableTickets(f"{path}, near line {rows.line_num}: {error}") from None
