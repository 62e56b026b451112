"""Indexes and numbered data migrations: made by a job beside an upgrade, or at start where the settings say so.

A migration is idempotent, because two processes may run it at once and a killed one runs it again. What consumes and what falls
due waits for it in each process; readers accept the shape before it for two minor releases. Fails with `Unavailable` in `check`
while a needed index or migration has not been recorded.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis.errors import Unavailable
from chassis.store.backend import Backend, Index, Update

MIGRATIONS = "migrations"
MIGRATING = "migrations"  # the lease of who is at it
_INDEXES = "indexes"  # the record that lists every index ever made: an older process needs no more than a newer one made

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the data, known by its number for ever."""

    number: int
    name: str
    run: Callable[[Backend], Awaitable[None]]


async def migrate(backend: Backend, indexes: Sequence[Index], migrations: Sequence[Migration] = ()) -> None:
    """Brings a database up to date: indexes first, then each migration that has not been recorded, in order."""
    await backend.ensure_indexes(indexes)
    done = {row["_id"]: row for row in await backend.find(MIGRATIONS, {})}
    made = {"$addToSet": {"made": {"$each": _names(indexes)}}}  # beside what another process, of another version, adds
    await backend.write([Update(MIGRATIONS, {"_id": _INDEXES}, made, strict=False, upsert=True)])
    for migration in sorted(migrations, key=lambda each: each.number):
        if migration.number in done:
            continue
        await migration.run(backend)
        record = Update(MIGRATIONS, {"_id": migration.number}, {"$set": {"name": migration.name}}, strict=False, upsert=True)
        await backend.write([record])
        _log.info("Migration done.", extra={"number": migration.number, "migration": migration.name})


async def check(backend: Backend, indexes: Sequence[Index], migrations: Sequence[Migration] = ()) -> None:
    """For readiness: raises `Unavailable` when the database is older than this code needs."""
    done = {row["_id"]: row for row in await backend.find(MIGRATIONS, {})}
    if lacking := set(_names(indexes)) - set(done.get(_INDEXES, {}).get("made", ())):
        raise Unavailable(f"the database waits for {len(lacking)} indexes: {min(lacking)}, …", reason="NOT_MIGRATED")
    if missing := [migration.name for migration in migrations if migration.number not in done]:
        raise Unavailable(f"the database waits for migrations: {', '.join(missing)}", reason="NOT_MIGRATED")


def _names(indexes: Sequence[Index]) -> list[str]:
    return sorted({f"{index.collection}.{index.name}" for index in indexes})
