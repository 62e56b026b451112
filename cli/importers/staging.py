"""Pieces on disk, in a file of their own that goes away with the run: files come in any order and are larger than memory.

A piece that comes a second time is passed over where it says the same, and refused where it says something else.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from cli.importers.records import Asset, Change, Label, Part, Person, Piece, Place, Refusal, Relation, Remark, Team, Ticket

P = TypeVar("P", bound=Piece)

KINDS: dict[type[Piece], str] = {
    Ticket: "incident",
    Asset: "asset",
    Relation: "relation",
    Person: "person",
    Team: "team",
    Label: "label",
    Change: "change",
    Remark: "note",
    Part: "part",
}
_MERGED = (Person, Team, Label)
"""Said wherever somebody is named, each time with a little less or more."""
_SCHEMA = """
CREATE TABLE pieces (kind TEXT, key TEXT, id TEXT, file TEXT, line INTEGER, data BLOB, PRIMARY KEY (kind, key, id));
CREATE TABLE words (word TEXT, key TEXT, PRIMARY KEY (word, key)) WITHOUT ROWID;
CREATE TABLE ours (kind TEXT, word TEXT, id TEXT, mail TEXT, PRIMARY KEY (kind, word, id)) WITHOUT ROWID;
CREATE TABLE made (key TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID;
"""


class Staging:
    """All pieces of one run; used by one thread. A context manager: its file ends with the block."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="itsm-import-")
        self._base = sqlite3.connect(Path(self._folder.name) / "pieces.db", isolation_level=None)
        # It is made anew by every run: nothing of it needs to outlive a power cut.
        self._base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + _SCHEMA)

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._base.close()
        self._folder.cleanup()

    def put(self, piece: Piece, place: Place) -> Refusal | None:
        """Keeps a piece. Says why not where another one with this key says something else."""
        kind, data = KINDS[type(piece)], msgspec.json.encode(piece)
        row = (kind, piece.key, _id(piece), place.file, place.line, data)
        if self._base.execute("INSERT OR IGNORE INTO pieces VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
            self._call(piece)
            return None
        if isinstance(piece, _MERGED):
            self._merge(piece)
            return None
        file, line, there = self._base.execute(
            "SELECT file, line, data FROM pieces WHERE kind = ? AND key = ? AND id = ?", row[:3]
        ).fetchone()
        if there == data:
            return None
        number = piece.number if isinstance(piece, Ticket) else piece.key
        return Refusal(place, f"is said otherwise in {file}:{line}, which is taken", number=number, kind=kind)

    def _call(self, piece: Piece) -> None:
        if isinstance(piece, Person):
            words = {word.casefold() for word in (piece.login, piece.mail, piece.name) if word}
            self._base.executemany("INSERT OR IGNORE INTO words VALUES (?, ?)", [(word, piece.key) for word in words])

    def _merge(self, piece: Piece) -> None:
        """Adds what is said of somebody to what is known; a name that is only what they sign in with gives way."""
        known = self.one(Person, piece.key) if isinstance(piece, Person) else None
        if known is None or not isinstance(piece, Person):
            return
        mere = known.name in ("", known.login, known.mail, known.key)
        name = (piece.name or known.name) if mere else known.name
        whole = replace(known, name=name, login=known.login or piece.login, mail=known.mail or piece.mail)
        if whole != known:
            self._base.execute(
                "UPDATE pieces SET data = ? WHERE kind = 'person' AND key = ? AND id = ''",
                (msgspec.json.encode(whole), whole.key),
            )
            self._call(whole)

    def count(self, kind: type[Piece]) -> int:
        """How many there are."""
        return int(self._base.execute("SELECT count(*) FROM pieces WHERE kind = ?", (KINDS[kind],)).fetchone()[0])

    def each(self, kind: type[P]) -> Iterator[tuple[Place, P]]:
        """All of a kind, in the order in which they came."""
        last = 0
        query = "SELECT rowid, file, line, data FROM pieces WHERE kind = ? AND rowid > ? ORDER BY rowid LIMIT 500"
        while rows := self._base.execute(query, (KINDS[kind], last)).fetchall():
            for last, file, line, data in rows:  # noqa: B007 - where the next page begins
                yield Place(file, line), msgspec.json.decode(data, type=kind)

    def of(self, kind: type[P], key: str) -> list[P]:
        """All of a kind with this key."""
        query = "SELECT data FROM pieces WHERE kind = ? AND key = ? ORDER BY rowid"
        return [msgspec.json.decode(data, type=kind) for (data,) in self._base.execute(query, (KINDS[kind], key))]

    def one(self, kind: type[P], key: str) -> P | None:
        """The one with this key."""
        return next(iter(self.of(kind, key)), None)

    def person(self, word: str) -> Person | None:
        """Somebody by key, else by login, address or name where only one is called so."""
        if (known := self.one(Person, word)) is not None:
            return known
        keys = self._base.execute("SELECT key FROM words WHERE word = ? LIMIT 2", (word.casefold(),)).fetchall()
        return self.one(Person, keys[0][0]) if len(keys) == 1 else None

    def orphans(self) -> Iterator[tuple[Place, str, str]]:
        """Notes, changes and parts of tickets that are in no file: where the first of each stands, its key, how many."""
        query = """SELECT file, line, key, count(*) FROM pieces p WHERE kind IN ('note', 'change', 'part') AND NOT EXISTS
                   (SELECT 1 FROM pieces t WHERE t.kind = 'incident' AND t.key = p.key AND t.id = '')
                   GROUP BY key ORDER BY min(rowid)"""
        for file, line, key, times in self._base.execute(query).fetchall():
            yield Place(file, line), key, str(times)

    def know(self, kind: str, word: str, id: str, mail: str = "") -> None:  # noqa: A002 - the field's name everywhere
        """A user or a team that is here, by a word that may mean it."""
        if word:
            self._base.execute("INSERT OR IGNORE INTO ours VALUES (?, ?, ?, ?)", (kind, word.casefold(), id, mail.casefold()))

    def ours(self, kind: str, word: str) -> list[tuple[str, str]]:
        """Ids here that a word means, with the address of each."""
        query = "SELECT id, mail FROM ours WHERE kind = ? AND word = ? LIMIT 2"
        return self._base.execute(query, (kind, word.casefold())).fetchall()

    def made(self, key: str, id: str) -> None:  # noqa: A002 - as above
        """An asset there is this one here."""
        self._base.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", (key, id))

    def id_of(self, key: str) -> str:
        """The id here of an asset there; empty when it is not here."""
        row = self._base.execute("SELECT id FROM made WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""


def _id(piece: Any) -> str:
    if isinstance(piece, Relation):
        return f"{piece.consumer}\x00{piece.kind}"
    return str(getattr(piece, "id", ""))
