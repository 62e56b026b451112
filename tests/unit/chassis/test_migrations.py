"""Numbered migrations run once, in order, and are waited for."""

from typing import Any

import pytest

from chassis.errors import Unavailable
from chassis.store import Backend, Index, Insert
from chassis.store.migrations import Migration, check, migrate
from chassis.testing import MemoryBackend


def step(number: int, log: list[int]) -> Migration:
    async def run(backend: Backend) -> None:
        log.append(number)
        await backend.write([Insert("things", {"_id": number, "tenant": "main"})])

    return Migration(number, f"step-{number}", run)


async def test_migrations_run_in_order_and_once() -> None:
    backend, log = MemoryBackend(), list[int]()
    await migrate(backend, [], [step(2, log), step(1, log)])
    await migrate(backend, [], [step(1, log), step(2, log), step(3, log)])
    assert log == [1, 2, 3]


async def test_a_process_is_not_ready_before_its_migrations_ran() -> None:
    backend, log = MemoryBackend(), list[int]()
    await migrate(backend, [], [step(1, log)])
    await check(backend, [], [step(1, log)])
    with pytest.raises(Unavailable, match="step-2"):
        await check(backend, [], [step(1, log), step(2, log)])


async def test_a_migration_that_died_runs_again() -> None:
    backend, log = MemoryBackend(), list[int]()

    async def die(_backend: Backend) -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await migrate(backend, [], [Migration(1, "step-1", die)])
    await migrate(backend, [], [step(1, log)])
    assert log == [1]


async def test_a_process_is_not_ready_before_its_indexes_are_made_and_an_older_one_stays_ready() -> None:
    backend = MemoryBackend()
    older, newer = [Index("things", [("tenant", 1)])], [Index("things", [("tenant", 1), ("name", 1)])]
    with pytest.raises(Unavailable, match=r"things\.tenant_1"):
        await check(backend, older)
    await migrate(backend, older)
    await check(backend, older)
    with pytest.raises(Unavailable, match=r"things\.tenant_1_name_1"):
        await check(backend, newer)
    await migrate(backend, newer)
    await check(backend, older)
    await check(backend, newer)


async def test_an_index_that_another_process_made_meanwhile_stays_on_record() -> None:
    here, there = [Index("things", [("name", 1)])], [Index("things", [("number", 1)])]

    class Overtaken(MemoryBackend):
        """Another process is through with its indexes between what this one reads and what it writes."""

        overtaken = False

        async def find(self, collection: str, *given: Any, **more: Any) -> list[dict[str, Any]]:
            found = await super().find(collection, *given, **more)
            if not self.overtaken:
                self.overtaken = True
                await migrate(self, there)
            return found

    backend = Overtaken()
    await migrate(backend, here)
    await check(backend, [*here, *there])
    await migrate(backend, here)
    assert (await backend.find("migrations", {"_id": "indexes"}))[0]["made"] == ["things.number_1", "things.name_1"]
