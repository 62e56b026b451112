"""Tables: comma, semicolon, tab or bar between cells, cells in quotes with line breaks in them, columns that come twice.

Cells are taken literally: one that a spreadsheet would run as a formula is a text like any other.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from cli.importers.records import Place, Raw, Refusal, Unreadable
from cli.importers.textreading import MAX_RECORD, foreign, lines

MOST_COLUMNS = 2_000
_DELIMITERS = ",;\t|"


class _TooLong(Exception):
    """A line that is not held."""


class _Lines:
    """An iterator that goes on after it has raised, as a generator does not."""

    def __init__(self, source: Iterator[str | None]) -> None:
        self._source = source
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self.number += 1
        if line is None:
            raise _TooLong
        return line


def read(file: BinaryIO, name: str, table: str, encoding: str) -> Iterator[Raw | Refusal]:
    """The rows. Raises `Unreadable` when there is no header."""
    csv.field_size_limit(MAX_RECORD)
    source = _Lines(lines(file, encoding))
    try:
        first = next(source)
    except StopIteration:
        return
    except _TooLong:
        raise Unreadable(f"its header is longer than {MAX_RECORD} characters") from None
    delimiter = max(_DELIMITERS, key=first.count)
    header = _header(first, delimiter)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        place = Place(name, source.number + 1)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            yield Refusal(place, f"is longer than {MAX_RECORD} characters")
        except csv.Error as error:
            reach = f", and with it all up to line {source.number}" if source.number > place.line else ""
            yield Refusal(place, f"is no row of a table: {error}{reach}")
        else:
            if any(cell.strip() for cell in cells):
                yield _row(Raw(place, table, {}), header, cells, encoding)


def _header(line: str, delimiter: str) -> list[str]:
    try:
        header = [cell.strip() for cell in next(csv.reader([line.removeprefix("\ufeff")], delimiter=delimiter))]
    except csv.Error as error:
        raise Unreadable(f"its first line is none of a table: {error}") from error
    if not any(header) or len(header) > MOST_COLUMNS:
        raise Unreadable("its first line names no columns")
    return header


def _row(bare: Raw, header: list[str], cells: list[str], encoding: str) -> Raw | Refusal:
    if len(cells) != len(header):
        return Refusal(bare.place, f"has {len(cells)} cells, the header {len(header)}")
    if wrong := next((head for head, cell in zip(header, cells, strict=True) if foreign(cell)), None):
        return Refusal(bare.place, f"holds bytes that are no {encoding}", field=wrong)
    return replace(bare, fields=_fields(header, cells))


def _fields(header: list[str], cells: list[str]) -> dict[str, Any]:
    """By column; the cells of a column that comes several times are a list of those that say something."""
    found: dict[str, Any] = {}
    for head, cell in zip(header, cells, strict=True):
        if head not in found:
            found[head] = cell
        elif cell.strip():
            before = found[head]
            found[head] = [*before, cell] if isinstance(before, list) else [each for each in (before, cell) if each.strip()]
    return found
