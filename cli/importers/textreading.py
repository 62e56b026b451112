"""Files as text: which encoding they have, and lines of which none is longer than memory allows.

UTF-8 with or without a mark, UTF-16 with a mark, else Windows-1252, which most desktop programs write. A byte that the
encoding does not know becomes a lone surrogate: the record that holds it is refused, the others are read.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from cli.importers.records import Unreadable

CHUNK = 1 << 16
MAX_RECORD = 8 << 20
"""Characters of one record, cell and line; a real ticket with its whole conversation has a few ten thousand."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ALONE = re.compile("[\ud800-\udfff]")


def encoding_of(file: BinaryIO, given: str = "") -> str:
    """The name of the encoding. Reads the file to its end and returns to its start. Raises `Unreadable` for no known name."""
    if given:
        try:
            return codecs.lookup(given).name
        except LookupError:
            raise Unreadable(f"there is no encoding {given!r}") from None
    start = file.read(4)
    file.seek(0)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        file.seek(0)
    return "utf-8"


def chunks(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The text in pieces of bounded size."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    try:
        while chunk := file.read(CHUNK):
            if text := decoder.decode(chunk):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text
    except UnicodeDecodeError as error:  # UTF-16 has no way to keep a byte that it does not know
        raise Unreadable(f"is no {encoding} text: {error.reason}") from error


def lines(file: BinaryIO, encoding: str) -> Iterator[str | None]:
    """The lines with their ends; None for one that is too long, of which only a part is ever held."""
    parts: list[str] = []
    size = 0
    for text in chunks(file, encoding):
        *ends, rest = text.split("\n")
        for end in ends:
            size += len(end)
            yield None if size > MAX_RECORD else "".join([*parts, end, "\n"])
            parts, size = [], 0
        size += len(rest)
        if size <= MAX_RECORD:
            parts.append(rest)
        else:
            parts.clear()
    if size:
        yield None if size > MAX_RECORD else "".join(parts)


def foreign(text: str) -> bool:
    """Whether a text holds what is no character."""
    return _ALONE.search(text) is not None
