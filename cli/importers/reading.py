"""Files of any of the known forms as records: CSV, JSON, JSON Lines, XML, by their names or else by how they begin."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from cli.importers import csvreading, jsonreading, xmlreading
from cli.importers.records import Place, Raw, Refusal, Unreadable
from cli.importers.textreading import encoding_of

_FORMS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xml": "xml"}
_PAGE = re.compile(r"[-_. ]?(?:page|part)?[-_. ]?\d*$", re.IGNORECASE)


def read(
    path: Path, members: Mapping[str, int], *, encoding: str = "", at: Callable[[int], None] = lambda _: None
) -> Iterator[Raw | Refusal]:
    """The records of a file, and what of it cannot be read. `members` as in `jsonreading.read`.

    `at` hears after each record how many bytes have been read. Fails: `OSError`.
    """
    name, table = path.name, _PAGE.sub("", path.stem)
    with path.open("rb") as file:
        try:
            for each in _records(file, path, table, members, encoding):
                yield each
                at(file.tell())
        except Unreadable as error:
            yield Refusal(Place(name, 1), str(error), kind="file")


def _records(file: BinaryIO, path: Path, table: str, members: Mapping[str, int], encoding: str) -> Iterator[Raw | Refusal]:
    form = _FORMS.get(path.suffix.lower()) or _seen(file)
    if form == "xml":
        yield from xmlreading.read(file, path.name)
        return
    found = encoding_of(file, encoding)
    if form == "json":
        yield from jsonreading.read(file, path.name, table, found, members)
    elif form == "jsonl":
        yield from jsonreading.read_lines(file, path.name, table, found)
    else:
        yield from csvreading.read(file, path.name, table, found)


def _seen(file: BinaryIO) -> str:
    start = file.read(1024).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")
    file.seek(0)
    return "xml" if start.startswith(b"<") else "json" if start[:1] in (b"{", b"[") else "csv"
