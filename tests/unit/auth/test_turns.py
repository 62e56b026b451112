"""Readings of directories: one of a tenant at a time, whoever asks for them, and all of them within the memory there is."""

import asyncio
from contextlib import suppress

import pytest

from chassis import context as ctx
from chassis.errors import Exhausted
from chassis.testing import caller
from services.auth import ldap
from services.auth.domain.directory import Directory
from services.auth.domain.entries import Answer
from services.auth.ldap import Bounds
from services.auth.usecases.turns import Turns
from tests.unit.auth.test_syncing import BOSS, House

MEMORY = 512 << 20
"""The limit that the chart gives the service."""


async def test_a_directory_that_never_answers_takes_one_place_of_its_tenant_however_often_it_is_tried() -> None:
    house, begun, answers, asked = House(), asyncio.Event(), asyncio.Event(), list[str]()
    made = await house.made()

    async def slow(directory: Directory, password: str) -> Answer:
        asked.append(directory.id)
        begun.set()
        await answers.wait()
        return Answer(complete=True)

    house.read = slow  # type: ignore[method-assign] # a server that keeps everybody waiting
    with ctx.use(BOSS):
        first = asyncio.create_task(house.directories.test(made))
        await begun.wait()
        with pytest.raises(Exhausted):
            await house.directories.test(made)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        with pytest.raises(Exhausted):
            await house.directories.test(made)
    trial = caller(subject="boss", roles=BOSS.roles, permissions=BOSS.permissions, dry_run=True)
    with ctx.use(trial), pytest.raises(Exhausted):
        await house.directories.sync(made, allow=False)
    run = asyncio.create_task(house.synced(made))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(asked) == 1, "the run waits for its turn and takes no thread of anybody's"
    answers.set()
    assert ((await run).state, len(asked)) == ("SUCCEEDED", 2)
    with ctx.use(BOSS):
        assert (await house.directories.test(made)).complete


async def test_another_tenant_does_not_wait_and_what_fails_leaves_its_place() -> None:
    turns, ends = Turns[int](), asyncio.Event()

    async def long() -> int:
        await ends.wait()
        return 1

    async def short() -> int:
        return 2

    async def broken() -> int:
        raise OSError("gone")

    first = asyncio.create_task(turns.now("acme", long))
    await asyncio.sleep(0)
    assert await turns.now("main", short) == 2
    with pytest.raises(OSError, match="gone"):
        await turns.now("main", broken)
    assert await turns.now("main", short) == 2
    ends.set()
    assert await first == 1


def test_all_readings_at_once_fit_into_the_memory_of_the_service() -> None:
    # What is read stands about four times as large in memory, and the service needs a third of it for itself.
    assert ldap._AT_ONCE * Bounds().octets * 4 < MEMORY * 2 / 3
