"""What waits for delivery, on disk, so that neither the platform's absence nor our own death loses it.

A SQLite file with three shelves: samples and results in order, and of each section of the inventory the newest alone. It is
bounded: when it is full, the oldest samples make room first, then the oldest results; sections stay. What the disk does not
take is told and dropped, and the agent lives on.

Fails: `Misconfigured` when another agent uses the same folder.
"""

import json
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.settings import Misconfigured

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS samples (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS results (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sections (
    name TEXT PRIMARY KEY, time REAL NOT NULL, hash TEXT NOT NULL, waits INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
SAMPLES, RESULTS = "samples", "results"
# Room is made in steps, so that a full buffer does not delete at every write.
_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of a shelf. `size` is what it takes there."""

    id: int
    size: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the inventory as it was at `time` (seconds since 1970)."""

    name: str
    time: float
    hash: str
    body: Any


class Buffer:
    """The file. Belongs to one agent at a time, by a lock that ends with its process."""

    def __init__(self, file: Path, limit: int) -> None:
        self._limit = limit
        self._connection = _opened(file)
        self._sizes = {shelf: self._measured(shelf) for shelf in (SAMPLES, RESULTS)}

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    @property
    def size(self) -> int:
        """Bytes of samples and results that wait."""
        return sum(self._sizes.values())

    def waiting(self, shelf: str) -> int:
        """How many entries of the shelf wait."""
        count: int = self._connection.execute(f"SELECT count(*) FROM {shelf}").fetchone()[0]  # noqa: S608 - our own words
        return count

    def add(self, shelf: str, bodies: Iterable[bytes]) -> None:
        """Put these at the end of a shelf, making room if needed."""
        packed = [zlib.compress(body, 6) for body in bodies]
        try:
            with self._connection:
                self._connection.executemany(f"INSERT INTO {shelf} (body) VALUES (?)", [(body,) for body in packed])  # noqa: S608
            self._sizes[shelf] += sum(map(len, packed))
            if self.size > self._limit:
                self._make_room()
        except sqlite3.OperationalError as error:
            _log.error("the buffer takes no %s: %s", shelf, error)

    def oldest(self, shelf: str, count: int, *, size: int = 1 << 19) -> list[Kept]:
        """The first entries of a shelf: at most so many, and (beyond the first) at most so many bytes."""
        found: list[Kept] = []
        room = size
        rows = self._connection.execute(f"SELECT id, body FROM {shelf} ORDER BY id LIMIT ?", (count,))  # noqa: S608
        for id_, packed in rows:
            body = zlib.decompress(packed)
            room -= len(body)
            if found and room < 0:
                break
            found.append(Kept(id_, len(packed), body))
        return found

    def remove(self, shelf: str, entries: Sequence[Kept]) -> None:
        """Forget what was delivered."""
        before = self._connection.total_changes
        with self._connection:
            self._connection.executemany(f"DELETE FROM {shelf} WHERE id = ?", [(one.id,) for one in entries])  # noqa: S608
        if self._connection.total_changes - before == len(entries):
            self._sizes[shelf] -= sum(one.size for one in entries)
        else:  # some of them had made room meanwhile
            self._sizes[shelf] = self._measured(shelf)

    def put_section(self, section: Section, *, whole: bool) -> bool:
        """Keep the newest state of a section; it waits if it differs from the one before, or if `whole` asks for it.

        Says whether it waits now because of this call.
        """
        known = self._connection.execute("SELECT hash FROM sections WHERE name = ?", (section.name,)).fetchone()
        if known is not None and known[0] == section.hash and not whole:
            return False
        packed = zlib.compress(json.dumps(section.body, separators=(",", ":")).encode(), 6)
        try:
            with self._connection:
                self._connection.execute(
                    "INSERT OR REPLACE INTO sections (name, time, hash, waits, body) VALUES (?, ?, ?, 1, ?)",
                    (section.name, section.time, section.hash, packed),
                )
        except sqlite3.OperationalError as error:
            _log.error("the buffer does not take section %s: %s", section.name, error)
            return False
        return True

    def waiting_sections(self) -> list[Section]:
        """The sections that wait."""
        rows = self._connection.execute("SELECT name, time, hash, body FROM sections WHERE waits = 1 ORDER BY time, name")
        return [Section(name, time, hash_, json.loads(zlib.decompress(packed))) for name, time, hash_, packed in rows]

    def delivered_sections(self, sections: Iterable[Section]) -> None:
        """These no longer wait, unless they have changed since."""
        with self._connection:
            self._connection.executemany(
                "UPDATE sections SET waits = 0 WHERE name = ? AND hash = ? AND time = ?",
                [(one.name, one.hash, one.time) for one in sections],
            )

    def forget_sections(self) -> None:
        """The platform knows nothing of this machine any more: everything is to be told again."""
        try:
            with self._connection:
                self._connection.execute("DELETE FROM sections")
        except sqlite3.OperationalError as error:
            _log.error("the buffer does not forget sections: %s", error)

    def fact(self, name: str) -> Any:
        """Something remembered; `None` if there is nothing."""
        row = self._connection.execute("SELECT body FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def remember(self, **facts: Any) -> None:
        """Remember these over a restart."""
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO facts (name, body) VALUES (?, ?)", rows)
        except sqlite3.OperationalError as error:
            _log.error("the buffer does not remember %s: %s", ", ".join(facts), error)

    def counts(self) -> Mapping[str, int]:
        """What waits, for the log."""
        return {"samples": self.waiting(SAMPLES), "results": self.waiting(RESULTS), "sections": len(self.waiting_sections())}

    def _measured(self, shelf: str) -> int:
        size: int = self._connection.execute(f"SELECT coalesce(sum(length(body)), 0) FROM {shelf}").fetchone()[0]  # noqa: S608
        return size

    def _make_room(self) -> None:
        wanted = self._limit * (1 - _STEP)
        for shelf in (SAMPLES, RESULTS):
            left = self.size
            dropped: list[int] = []
            for id_, size in self._connection.execute(f"SELECT id, length(body) FROM {shelf} ORDER BY id"):  # noqa: S608
                if left <= wanted:
                    break
                dropped.append(id_)
                left -= size
            if not dropped:
                continue
            _log.warning("the buffer is full: the oldest %d %s are dropped", len(dropped), shelf)
            with self._connection:
                self._connection.execute(f"DELETE FROM {shelf} WHERE id <= ?", (dropped[-1],))  # noqa: S608
            self._sizes[shelf] -= self.size - left


def _opened(file: Path) -> sqlite3.Connection:
    try:
        return _connected(file)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Misconfigured(f"another agent uses {file.parent}") from error
        raise Misconfigured(f"{file} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        aside = file.with_suffix(".damaged")
        _log.error("%s is damaged (%s); it is moved to %s", file, error, aside)
        file.replace(aside)
        for companion in ("-wal", "-shm"):
            file.with_name(file.name + companion).unlink(missing_ok=True)
        return _connected(file)


def _connected(file: Path) -> sqlite3.Connection:
    """With the lock of its one user. A commit is safe from our death at once, from a power cut at the next checkpoint."""
    file.touch(mode=0o600)  # what SQLite puts beside it gets the same rights
    connection = sqlite3.connect(file, timeout=2)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        with connection:
            connection.execute("INSERT OR REPLACE INTO facts (name, body) VALUES ('form', '1')")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
