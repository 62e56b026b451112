"""Turns of jobs: long ones of some tenants keep nobody else's out."""

import asyncio
from collections import Counter
from typing import Any

from google.protobuf.message import Message

from chassis import context as ctx
from services.gateway.domain.job import Kind
from services.gateway.jobs.hands import CALLS_AT_ONCE
from services.gateway.jobs.runner import AT_ONCE
from services.gateway.usecases.jobs import Wish
from tests.unit.gateway.work import Desk, Works, passing, person

WISH = Wish(kind=Kind.EXPORT, resource="incidents")


class Slow(Desk):
    """Answers when it may. `most` is how many calls it had at once."""

    def __init__(self) -> None:
        super().__init__()
        self.may, self.now, self.most = asyncio.Event(), 0, 0

    async def __call__(self, *arguments: Any, **named: Any) -> Message:
        """See the base."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.may.wait()
            await passing(5)
            return await super().__call__(*arguments, **named)
        finally:
            self.now -= 1


def running(works: Works) -> Counter[str]:
    """How many are under way, by tenant."""
    rows = works.backend.collections["jobs"].values()
    return Counter(row["tenant"] for row in rows if row["state"] == "RUNNING")


async def test_tenants_with_many_long_jobs_leave_places_to_others() -> None:
    works = Works()
    works.desk = slow = Slow()
    for tenant in ("a", "b", "c", "d", "e"):
        with ctx.use(person(tenant=tenant)):
            for _ in range(5):
                await works.jobs.create(WISH)
    await works.runner.begin()
    await passing(200)
    assert max(running(works).values()) == 2
    assert running(works).total() == AT_ONCE // 2, "the other half is for who has none"
    with ctx.use(person(tenant="late")):
        await works.jobs.create(WISH)
    await works.runner.begin()
    await passing(200)
    assert running(works)["late"] == 1
    slow.may.set()
    await works.work()
    assert {row["state"] for row in works.backend.collections["jobs"].values()} == {"SUCCEEDED"}


async def test_the_calls_of_all_jobs_take_turns() -> None:
    works = Works()
    works.desk = slow = Slow()
    slow.may.set()
    ids = slow.add(40)
    for tenant in ("a", "b", "c", "d", "e", "f"):
        with ctx.use(person(tenant=tenant)):
            await works.bulk("update", {"title": "x"}, ids)
    await works.work()
    assert slow.most == CALLS_AT_ONCE, "six jobs would have made four each"
    assert {row["state"] for row in works.backend.collections["job_items"].values()} == {"DONE"}
