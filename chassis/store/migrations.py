"""Indexes and numbered data migrations: made by a job before an upgrade, or at start where the settings say so.

A migration is idempotent, because two processes may run it at once and a killed one runs it again. Readers accept the shape
before it for two minor releases. Fails with `Unavailable` in `check` while a needed migration has not been recorded.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis.errors import Unavailable
from chassis.store.backend import Backend, Index, Update

MIGRATIONS = "migrations"

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
    done = {row["_id"] for row in await backend.find(MIGRATIONS, {})}
    for migration in sorted(migrations, key=lambda each: each.number):
        if migration.number in done:
            continue
        await migration.run(backend)
        record = Update(MIGRATIONS, {"_id": migration.number}, {"$set": {"name": migration.name}}, strict=False, upsert=True)
        await backend.write([record])
        _log.info("Migration done.", extra={"number": migration.number, "migration": migration.name})


async def check(backend: Backend, migrations: Sequence[Migration]) -> None:
    """For readiness: raises `Unavailable` when the database is older than this code needs."""
    done = {row["_id"] for row in await backend.find(MIGRATIONS, {}, projection={"_id": 1})}
    if missing := [migration.name for migration in migrations if migration.number not in done]:
        raise Unavailable(f"the database waits for migrations: {', '.join(missing)}", reason="NOT_MIGRATED")
