"""XML of any size, record by record: the children of the outermost element, or of each `Row` in it.

A document type is refused before anything of it is looked at, so that there are no entities to expand and nothing outside to
be fetched. Only one record is held at a time. Text of children goes to the field that is named like them; where such a child
says its `display_value`, the field has both.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from cli.importers.records import Place, Raw, Refusal, Unreadable
from cli.importers.textreading import CHUNK, MAX_RECORD

DEEPEST = 64
_WRAPPERS = frozenset({"Row"})


class _Forbidden(Exception):
    """What no export has, and what is not even looked at."""


class _Reader:
    """Builds records of what the parser tells. `done` are those that are complete."""

    def __init__(self, name: str, parser: expat.XMLParserType) -> None:
        self.done: deque[Raw | Refusal] = deque()
        self.heard = 0
        self._name = name
        self._parser = parser
        self._path: list[str] = []
        self._record: dict[str, Any] | None = None
        self._begin, self._line, self._size = 0, 0, 0
        self._text: list[str] = []
        self._shown: str | None = None
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ExternalEntityRefHandler = None

    def _doctype(self, *_: object) -> None:
        raise _Forbidden("declares a document type, which no export has: not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._heard()
        self._path.append(name)
        if len(self._path) > DEEPEST:
            raise _Forbidden(f"is nested more than {DEEPEST} deep: not read")
        if self._record is None:
            if len(self._path) >= 2 and name not in _WRAPPERS:
                self._record = {"id": attributes["id"]} if "id" in attributes else {}
                self._begin, self._line, self._size = len(self._path), self._parser.CurrentLineNumber, 0
        elif len(self._path) == self._begin + 1:
            self._text, self._shown = [], attributes.get("display_value")
            self._grow(self._shown or "")

    def _data(self, data: str) -> None:
        self._heard()
        if self._record is not None and len(self._path) > self._begin:
            self._grow(data)
            if self._size <= MAX_RECORD:
                self._text.append(data)

    def _end(self, name: str) -> None:
        self._heard()
        depth = len(self._path)
        self._path.pop()
        if self._record is None:
            return
        if depth == self._begin + 1:
            text = "".join(self._text).strip()
            shown = {"value": text, "display_value": self._shown}
            self._record[name] = text if self._shown is None else shown
            self._text = []
        elif depth == self._begin:
            place = Place(self._name, self._line)
            overlong = self._size > MAX_RECORD
            refusal = Refusal(place, f"is longer than {MAX_RECORD} characters")
            self.done.append(refusal if overlong else Raw(place, name, self._record))
            self._record = None

    def _grow(self, data: str) -> None:
        self._size += len(data)

    def _heard(self) -> None:
        self.heard = self._parser.CurrentByteIndex


def read(file: BinaryIO, name: str) -> Iterator[Raw | Refusal]:
    """The records. Raises `Unreadable` when the file is no XML from its start."""
    parser = expat.ParserCreate()
    reader = _Reader(name, parser)
    fed = told = 0
    try:
        while chunk := file.read(CHUNK):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - reader.heard > MAX_RECORD:
                raise _Forbidden(f"has a tag or an attribute of more than {MAX_RECORD} bytes: the rest is not read")
            while reader.done:
                told += 1
                yield reader.done.popleft()
        parser.Parse(b"", True)
    except (expat.ExpatError, _Forbidden, UnicodeDecodeError) as error:
        yield from reader.done
        if isinstance(error, expat.ExpatError) and not told:
            raise Unreadable(f"is no XML: {error}") from error
        reason = f"is no XML: {error}; the rest is not read" if isinstance(error, expat.ExpatError) else str(error)
        yield Refusal(Place(name, parser.CurrentLineNumber), reason)
        return
    yield from reader.done
