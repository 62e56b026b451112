"""The mirror of the realm, and the roles that people hold, over the database in memory."""

import asyncio
from dataclasses import replace

import pytest

from chassis import context as ctx
from chassis.errors import Busy, Denied, ForbiddenMove, NotFound
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.auth.app import POLICY
from services.auth.domain.person import Group, Organization, Person, Snapshot
from services.auth.store import KINDS
from services.auth.usecases.mirror import Mirror
from services.auth.usecases.people import People
from services.auth.usecases.policies import Policies
from tests.unit.auth.test_credential import NOON


class Realm:
    """A directory that a test fills."""

    def __init__(self) -> None:
        people = [("u-1", ("admin",)), ("u-2", ("agent",)), ("u-3", ())]
        self.now = Snapshot(
            people=tuple(
                Person(id=who, username=who, display_name=who, email=f"{who}@demo.example", enabled=True, roles=roles)
                for who, roles in people
            ),
            groups=(
                Group(id="g-1", path="/main", member_ids=()),
                Group(id="g-2", path="/main/network", member_ids=("u-2", "u-3")),
                Group(id="g-3", path="/acme/roles", member_ids=("u-3",)),
                Group(id="g-4", path="/acme/roles/admin", member_ids=("u-2", "u-3")),
                Group(id="g-5", path="/acme/roles/root", member_ids=("u-3",)),
            ),
            organizations=(
                Organization(alias="main", name="Main", enabled=True, member_ids=("u-1", "u-2")),
                Organization(alias="acme", name="Acme", enabled=True, member_ids=("u-1", "u-3")),
            ),
        )

    async def snapshot(self) -> Snapshot:
        return self.now

    def disable(self, subject: str) -> None:
        people = tuple(replace(person, enabled=person.enabled and person.id != subject) for person in self.now.people)
        self.now = replace(self.now, people=people)

    def leave(self, tenant: str, subject: str) -> None:
        organizations = tuple(
            replace(each, member_ids=tuple(who for who in each.member_ids if (each.alias, who) != (tenant, subject)))
            for each in self.now.organizations
        )
        self.now = replace(self.now, organizations=organizations)


class House:
    def __init__(self) -> None:
        self.realm, self.clock = Realm(), FakeClock(NOON)
        self.backend = MemoryBackend()
        self.store = Store(self.backend, self.clock, KINDS)
        self.mirror = Mirror(self.realm, self.store, self.clock)
        self.policies = Policies(self.backend, POLICY)
        self.people = People(self.store, self.policies, self.clock)

    async def take(self, by: str, subject: str, role: str) -> None:
        """As the edge runs it: again when it was busy."""
        with ctx.use(caller(subject=by, roles=frozenset({"admin"}))):
            while True:
                try:
                    await self.people.take(subject, role)
                except Busy:
                    continue
                return

    async def give(self, by: str, subject: str, role: str, tenant: str = "main") -> None:
        with ctx.use(caller(tenant, subject=by, roles=frozenset({"admin"}))):
            await self.people.grant(subject, role)


@pytest.fixture
async def house() -> House:
    built = House()
    await built.mirror.pull()
    return built


async def test_realm_roles_count_in_the_home_tenant_and_group_roles_in_theirs(house: House) -> None:
    assert await house.people.roles("main", "u-1") == {"admin"}
    assert await house.people.roles("acme", "u-1") == frozenset()
    assert await house.people.roles("acme", "u-3") == {"admin"}
    assert await house.people.roles("acme", "u-2") == frozenset()


async def test_teams_hold_members_of_their_tenant_only(house: House) -> None:
    (team,) = house.backend.collections["teams"].values()
    assert (team["tenant"], team["name"], team["member_ids"]) == ("main", "network", ["u-2"])


async def test_a_second_pull_of_the_same_changes_nothing(house: House) -> None:
    assert await house.mirror.pull() == 0


async def test_who_is_disabled_or_leaves_keeps_no_role(house: House) -> None:
    await house.give("u-1", "u-2", "analyst")
    house.realm.disable("u-2")
    await house.mirror.pull()
    assert await house.people.roles("main", "u-2") == frozenset()
    house.realm.leave("acme", "u-3")
    assert await house.mirror.pull() > 0
    assert await house.people.roles("acme", "u-3") == frozenset()
    assert await house.mirror.pull() == 0


async def test_a_grant_holds_in_its_tenant_until_it_is_taken(house: House) -> None:
    await house.give("u-3", "u-1", "agent", tenant="acme")
    assert await house.people.roles("acme", "u-1") == {"agent"}
    assert await house.people.roles("main", "u-1") == {"admin"}
    await house.give("u-1", "u-2", "auditor")
    await house.take("u-1", "u-2", "auditor")
    assert await house.people.roles("main", "u-2") == {"agent"}
    await house.give("u-1", "u-2", "auditor")
    assert await house.people.roles("main", "u-2") == {"agent", "auditor"}


async def test_nobody_of_another_tenant_is_given_a_role(house: House) -> None:
    with pytest.raises(NotFound):
        await house.give("u-1", "u-3", "agent")


async def test_the_last_administrator_stays(house: House) -> None:
    await house.give("u-1", "u-2", "admin")
    house.realm.disable("u-1")
    await house.mirror.pull()
    with pytest.raises(ForbiddenMove):
        await house.take("u-1", "u-2", "admin")
    assert "admin" in await house.people.roles("main", "u-2")


async def test_two_administrators_cannot_remove_each_other_at_once(house: House) -> None:
    people = tuple(replace(person, roles=()) for person in house.realm.now.people)
    await house.give("u-1", "u-2", "admin")
    await house.give("u-2", "u-1", "admin")
    house.realm.now = replace(house.realm.now, people=people)
    await house.mirror.pull()
    outcomes = await asyncio.gather(
        house.take("u-1", "u-2", "admin"), house.take("u-2", "u-1", "admin"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ForbiddenMove", "NoneType"]


async def test_ones_own_role_is_not_taken_either(house: House) -> None:
    with pytest.raises(Denied):
        await house.take("u-1", "u-1", "admin")
