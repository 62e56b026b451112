"""Packages of RPM-based systems: straight from the database where it is SQLite, else by asking `rpm` once.

The layout of a header is that of rpm's `lib/header.c`: two big-endian counts, index entries of 16 bytes
(tag, type, offset, count), then the data.
"""

import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from agent.platforms.base import Package, Unsupported

_NAME, _VERSION, _RELEASE, _EPOCH, _ARCHITECTURE = 1000, 1001, 1002, 1003, 1022
_INT32, _STRING, _STRINGS = 4, 6, 9
_QUERY = "%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n"
_PATIENCE = 60


def packages(database: Path) -> list[Package]:
    """All packages of the database in this folder. Raises `Unsupported` when neither way is open."""
    file = database / "rpmdb.sqlite"
    if file.exists():
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = (package(row[0]) for row in connection.execute("SELECT blob FROM Packages"))
            return sorted((one for one in found if one is not None), key=lambda one: one.name)
    program = shutil.which("rpm")
    if program is None:
        raise Unsupported("the rpm database is of an old kind and there is no `rpm` to read it")
    command = [program, "--dbpath", str(database), "-qa", "--queryformat", _QUERY]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)  # noqa: S603 - our own words
    except (subprocess.SubprocessError, OSError) as error:
        raise Unsupported(f"rpm does not list packages: {error}") from error
    return sorted(listed(told.stdout.splitlines()), key=lambda one: one.name)


def package(header: bytes) -> Package | None:
    """The package that a header tells of; `None` for keys that rpm keeps as packages, and for damaged headers."""
    if len(header) < 8:
        return None
    entries, size = struct.unpack_from(">II", header)
    start = 8 + 16 * entries
    if len(header) < start + size:
        return None
    texts: dict[int, str] = {}
    epoch = 0
    for at in range(8, start, 16):
        tag, kind, offset, _ = struct.unpack_from(">IIII", header, at)
        where = start + offset
        if tag in (_NAME, _VERSION, _RELEASE, _ARCHITECTURE) and kind in (_STRING, _STRINGS) and where < len(header):
            end = header.find(b"\0", where)
            texts[tag] = header[where : end if end >= 0 else len(header)].decode("utf-8", "replace")
        elif tag == _EPOCH and kind == _INT32 and where + 4 <= len(header):
            epoch = struct.unpack_from(">I", header, where)[0]
    return _made(texts.get(_NAME, ""), epoch, texts.get(_VERSION, ""), texts.get(_RELEASE, ""), texts.get(_ARCHITECTURE, ""))


def listed(lines: Iterable[str]) -> Iterator[Package]:
    """What the query above prints; lines of another form are passed over."""
    for line in lines:
        fields = line.split("\t")
        if len(fields) != 5:
            continue
        name, epoch, version, release, architecture = fields
        made = _made(name, int(epoch) if epoch.isdigit() else 0, version, release, architecture)
        if made is not None:
            yield made


def _made(name: str, epoch: int, version: str, release: str, architecture: str) -> Package | None:
    if not name or not version or name == "gpg-pubkey":
        return None
    full = f"{version}-{release}" if release else version
    return Package(name, f"{epoch}:{full}" if epoch else full, "" if architecture == "(none)" else architecture, "rpm")
