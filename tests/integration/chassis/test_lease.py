"""Leases on a real mongod, whose clock decides."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from chassis.errors import Unavailable
from chassis.lease import Lease, renew
from chassis.settings import MongoDriver
from chassis.store.backend import Document
from chassis.store.mongo import MongoBackend

SHORT = {"ttl": 0.6, "margin": 0.2}


class Silenceable(MongoBackend):
    """A connection that can be cut, before a question arrives or before its answer does. It counts the questions."""

    silent = False
    mute = False
    asked = 0

    async def find_one_and_update(self, *args: Any, **more: Any) -> Document | None:
        self.asked += 1
        if self.silent:
            raise Unavailable("the database does not answer")
        found = await super().find_one_and_update(*args, **more)
        if self.mute:
            raise Unavailable("the answer was lost")
        return found

    async def update_many(self, *args: Any) -> int:
        self.asked += 1
        if self.silent:
            raise Unavailable("the database does not answer")
        return await super().update_many(*args)


@pytest.fixture
async def backend(backing: dict[str, Any]) -> AsyncIterator[Silenceable]:
    uri = backing["mongo"]["root_uri"].replace("/?", "/test_lease?")
    made = Silenceable(uri, MongoDriver.MOTOR)
    yield made
    await made.close()
    async with AsyncMongoClient(uri) as client:
        await client.drop_database("test_lease")


async def test_one_of_many_takes_a_free_lease(backend: Silenceable) -> None:
    leases = [Lease(backend, "role", f"holder-{number}") for number in range(10)]
    taken = await asyncio.gather(*(lease.acquire() for lease in leases))
    assert sum(taken) == 1
    assert [lease.epoch for lease in leases if lease.held] == [1]


async def test_a_holder_renews_without_a_new_epoch(backend: Silenceable) -> None:
    lease = Lease(backend, "role", "a", **SHORT)
    for _ in range(6):
        assert await lease.acquire()
        await asyncio.sleep(0.2)
    assert lease.epoch == 1


async def test_an_ended_lease_goes_to_another_with_the_next_epoch(backend: Silenceable) -> None:
    first, second = (Lease(backend, "role", holder, **SHORT) for holder in "ab")
    assert await first.acquire()
    assert not await second.acquire()
    await asyncio.sleep(0.45)
    assert not first.held  # stops before the database would let another in
    assert not await second.acquire()
    await asyncio.sleep(0.25)
    assert await second.acquire()
    assert second.epoch == 2
    assert not await first.acquire()


async def test_a_lease_whose_taking_was_never_answered_is_not_believed_beyond_its_end(backend: Silenceable) -> None:
    first, second = (Lease(backend, "role", holder, **SHORT) for holder in "ab")
    backend.mute = True
    with pytest.raises(Unavailable):
        await first.acquire()
    backend.mute = False
    await asyncio.sleep(0.4)
    assert await first.acquire()  # it is ours: what was lost is the answer
    await asyncio.sleep(0.3)
    assert not (first.held and await second.acquire())


async def test_many_leases_are_renewed_in_one_step(backend: Silenceable) -> None:
    leases = [Lease(backend, f"role-{number}", "a", **SHORT) for number in range(16)]
    await asyncio.gather(*(lease.acquire() for lease in leases))
    backend.asked = 0
    for _ in range(3):
        await asyncio.sleep(0.25)
        assert await renew(leases)
    assert backend.asked == 3
    assert all(lease.held and lease.epoch == 1 for lease in leases)
    assert not await Lease(backend, "role-7", "b", **SHORT).acquire()


async def test_of_many_leases_those_that_were_lost_are_not_renewed(backend: Silenceable) -> None:
    leases = [Lease(backend, f"role-{number}", "a", **SHORT) for number in range(4)]
    await asyncio.gather(*(lease.acquire() for lease in leases))
    await asyncio.sleep(0.65)
    taken = Lease(backend, "role-2", "b", **SHORT)
    assert await taken.acquire()
    assert not await renew(leases)
    assert [lease.held for lease in leases] == [True, True, False, True]
    assert taken.held
    assert await taken.acquire()


async def test_a_former_process_of_the_same_name_is_another_holder(backend: Silenceable) -> None:
    assert await Lease(backend, "role", "a").acquire()
    assert not await Lease(backend, "role", "a").acquire()


async def test_a_lease_that_was_given_back_is_free_at_once(backend: Silenceable) -> None:
    first, second = (Lease(backend, "role", holder) for holder in "ab")
    assert await first.acquire()
    await first.release()
    assert not first.held
    assert await second.acquire()
    await first.release()
    assert await second.acquire()


async def test_work_ends_when_the_database_is_silent_and_begins_again_when_it_answers(backend: Silenceable) -> None:
    began, ended = [], []

    async def work() -> None:
        began.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def until(marks: list[float], count: int) -> None:
        async with asyncio.timeout(60):
            while len(marks) < count:  # noqa: ASYNC110 - the lease begins and ends it
                await asyncio.sleep(0.02)

    leading = asyncio.create_task(Lease(backend, "role", "a", ttl=3, margin=1).lead(work))
    await until(began, 1)
    cut = asyncio.get_running_loop().time()
    backend.silent = True
    await until(ended, 1)
    assert ended[0] - cut < 3  # the margin is for a machine that stalls
    backend.silent = False
    await until(began, 2)
    leading.cancel()
    await asyncio.wait({leading})


async def test_what_the_work_raises_is_raised_and_frees_the_lease(backend: Silenceable) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Lease(backend, "role", "a").lead(work)
    assert await Lease(backend, "role", "b").acquire()
