"""Directories that are removed while something of them goes on, and rights that do not come by one."""

from datetime import timedelta

import pytest

from chassis import context as ctx
from chassis.errors import Unavailable
from services.auth.domain.directory import Directory, DirectoryGroup
from services.auth.domain.entries import Answer
from services.auth.usecases.syncing import LINKS, SCHEDULES
from tests.unit.auth.test_syncing import BOSS, House


@pytest.fixture
def house() -> House:
    return House()


async def test_a_directory_that_is_removed_while_it_is_read_gives_nothing_any_more(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    house.in_desk = ["ann"]
    await house.synced(directory)
    house.person("bob")
    house.in_desk = ["ann", "bob"]
    with ctx.use(BOSS):
        asked = await house.directories.sync(directory, allow=False)
    read = house.read

    async def removed_meanwhile(source: Directory, password: str) -> Answer:
        answer = await read(source, password)
        with ctx.use(BOSS):
            await house.directories.delete(directory)
        return answer

    house.read = removed_meanwhile  # type: ignore[method-assign] # the moment that this is about
    await house.turn(directory)
    await house.turn(directory)
    assert (house.held("ann"), house.held("bob"), list(house.realm.people)) == (set(), set(), ["ann"])
    run = house.backend.collections["directory_runs"][asked.id]
    assert (run["state"], run["problem"]) == ("FAILED", "the directory is gone")
    assert not house.backend.collections[LINKS] and not house.backend.collections[SCHEDULES]


async def test_a_removal_that_dies_goes_on_at_its_next_turn(house: House) -> None:
    directory = await house.made()
    for name in ("ann", "bob"):
        house.person(name)
    house.in_desk = ["ann", "bob"]
    await house.synced(directory)
    take, died = house.people.take_for, []

    async def once(directory_id: str, subject: str, role: str) -> None:
        if subject == "bob" and not died:
            died.append(subject)
            raise Unavailable("the database")
        await take(directory_id, subject, role)

    house.people.take_for = once  # type: ignore[method-assign] # as a database that is away
    with ctx.use(BOSS):
        await house.directories.delete(directory)
    with pytest.raises(Unavailable):
        await house.turn(directory)
    assert len(house.backend.collections[LINKS]) == 2, "it still knows whom it gave something"
    house.open()
    await house.turn(directory)
    assert (house.held("ann"), house.held("bob"), died) == (set(), set(), ["bob"])
    assert not house.backend.collections[LINKS] and not house.backend.collections[SCHEDULES]


async def test_whoever_became_the_last_administrator_by_a_directory_that_is_gone_stays_one(house: House) -> None:
    directory = await house.made(groups=[DirectoryGroup(group="desk", role="admin")])
    house.person("ann")
    house.in_desk = ["ann"]
    await house.synced(directory)
    with ctx.use(BOSS):
        await house.directories.delete(directory)
    house.administrator("boss")
    await house.turn(directory)
    assert house.held("ann") == {"admin"}
    house.administrator("boss", "admin")
    house.clock.advance(hours=1)
    await house.turn(directory)
    assert (house.held("ann"), house.backend.collections[SCHEDULES]) == (set(), {})


async def test_an_administrator_gives_himself_no_role_by_a_directory(house: House) -> None:
    directory = await house.made(groups=[DirectoryGroup(group="desk", role="auditor")])
    house.realm.people["boss"] = {"enabled": True, "realm_roles": ["admin"]}
    await house.realm.admit("main", "boss")
    house.person("boss")
    house.person("ann")
    house.in_desk = ["boss", "ann"]
    run = await house.synced(directory)
    assert (house.held("boss"), house.held("ann"), run.refused_count) == (set(), {"auditor"}, 1)
    assert "nobody gives himself one" in run.samples[0].reason


async def test_whoever_lost_his_rights_gives_nothing_by_his_directory(house: House) -> None:
    directory = await house.made(interval=timedelta(hours=1))
    house.person("ann")
    house.in_desk = ["ann"]
    house.administrator("boss", "viewer")
    house.clock.advance(hours=1)
    await house.turn(directory)
    assert (house.held("ann"), "ann" in house.realm.people) == (set(), True)
