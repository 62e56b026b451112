"""Roles that a tenant makes itself: what they permit and to whom, who is affected, and that nobody locks himself out."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import AlreadyExists, Busy, Denied, ForbiddenMove, Invalid, NotFound, Stale
from chassis.policy import Policy
from chassis.testing import caller
from services.auth.app import POLICY
from services.auth.domain.role import OF_TEAMS, beyond, giveable, locks_out, part, scopes
from services.auth.domain.roles import ADMINISTERS, CATALOG, KEY_ROLES, PEOPLE_ROLES, ROLES
from services.auth.usecases.roles import Preview, Roles
from tests.unit.auth.test_people import House

DESK = {"name": "network-desk", "permissions": ["incidents.get", "incidents.list", "incidents.resolve"]}


class Again:
    """The use cases as the edge runs them: again where they were busy."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._roles, name)
        return lambda *args, **more: until_done(lambda: method(*args, **more))


async def until_done(work: Any) -> Any:
    for _ in range(5):
        try:
            return await work()
        except Busy:
            continue
    raise AssertionError("busy for ever")


class Desk(House):
    """A house where roles are made. `u-1` administers `main` by the realm."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0
        self.roles: Any = Again(Roles(self.store, self.policies, self.people.administrators, self.clock, self._hear))

    async def _hear(self) -> None:
        self.heard += 1

    def by(self, subject: str = "u-1", *roles: str, tenant: str = "main", **more: Any) -> Any:
        """As somebody with these roles, an administrator where none are named."""
        return ctx.use(self.acting(subject, *roles, tenant=tenant, **more))

    def acting(self, subject: str, *roles: str, tenant: str = "main", **more: Any) -> Any:
        held = frozenset(roles or ("admin",))
        return caller(tenant, subject=subject, roles=held, permissions=self.now.of(tenant).permissions(held), **more)

    @property
    def now(self) -> Policy:
        return self.policies._known

    async def settled(self) -> Policy:
        return await self.policies.current()


@pytest.fixture
async def desk() -> Desk:
    built = Desk()
    await built.mirror.pull()
    return built


async def test_a_role_is_made_granted_changed_and_removed_and_counts_at_each_step(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create(DESK)
        assert (made.creator_id, made.bounds, made.base_role) == ("u-1", "agent", "")
        await desk.people.grant("u-2", "network-desk")
        held = await desk.people.roles("main", "u-2")
        assert "network-desk" in held
        assert "incidents.resolve" in (await desk.settled()).of("main").permissions(frozenset({"network-desk"}))
        await desk.roles.update(made.id, {"permissions": ["incidents.get"]}, etag="1")
        assert (await desk.settled()).of("main").permissions(frozenset({"network-desk"})) == {"incidents.get"}
        with pytest.raises(ForbiddenMove, match="1 people hold the role network-desk"):
            await desk.roles.delete(made.id)
        await desk.people.take("u-2", "network-desk")
        await desk.roles.delete("network-desk")
        assert "network-desk" not in (await desk.settled()).of("main").roles
        with pytest.raises(NotFound):
            await desk.roles.get(made.id)
        again = await desk.roles.create(DESK)
        assert again.id != made.id
    assert desk.heard == 4


async def test_a_role_is_its_tenants_alone(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create(DESK)
    policy = await desk.settled()
    assert "network-desk" not in policy.of("acme").roles
    assert policy.permissions(frozenset({"network-desk"})) == frozenset()
    with desk.by("u-3", tenant="acme"):
        with pytest.raises(NotFound):
            await desk.roles.get(made.id)
        with pytest.raises(NotFound):
            await desk.roles.update(made.id, {"description": "mine"})
        with pytest.raises(Invalid):
            await desk.people.grant("u-1", "network-desk")
        other = await desk.roles.create({"name": "network-desk", "permissions": ["assets.get"]})
        assert other.permissions == ["assets.get"]
    policy = await desk.settled()
    assert policy.of("main").permissions(frozenset({"network-desk"})) == set(DESK["permissions"])
    assert policy.of("acme").permissions(frozenset({"network-desk"})) == {"assets.get"}


async def test_each_change_has_another_revision_and_looking_changes_nothing(desk: Desk) -> None:
    first = await desk.settled()
    assert await desk.settled() is first
    with desk.by():
        await desk.roles.create(DESK)
        second = await desk.settled()
        assert second.revision > first.revision
        await desk.roles.preview("network-desk", {"permissions": ["incidents.get"]})
        assert await desk.settled() is second
        await desk.people.grant("u-2", "network-desk")
        assert await desk.settled() is second, "who holds a role is no part of what it permits"


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": "agent"}, "name", "every tenant has"),
        ({"name": "service:x"}, "name", "lower-case"),
        ({"name": "Desk"}, "name", "lower-case"),
        ({"permissions": ["incidents.resolv"]}, "permissions", "near it are incidents.resolve"),
        ({"permissions": ["texts.read"]}, "permissions", "there is no permission texts.read"),
        ({"permissions": []}, "permissions", "name at least one"),
        ({"base_role": "agnet", "permissions": ["incidents.get"]}, "base_role", "there is no role agnet"),
        ({"base_role": "service:incident"}, "base_role", "there is no role"),
        ({"base_role": "endpoint"}, "base_role", "there is no role"),
        ({"team_ids": ["nowhere"]}, "team_ids", "there is no team nowhere"),
        ({"team_ids": ["g-2"], "permissions": ["kpis.get"]}, "permissions", "and not kpis.get"),
    ],
)
async def test_what_is_wrong_is_named_with_what_would_be_right(
    desk: Desk, fields: dict[str, Any], field: str, said: str
) -> None:
    with desk.by(), pytest.raises(Invalid) as refused:
        await desk.roles.create({**DESK, **fields})
    assert said in refused.value.violations[field]


async def test_a_name_is_taken_once_and_stays(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create(DESK)
        with pytest.raises(AlreadyExists):
            await desk.roles.create(DESK)
        with pytest.raises(Invalid):
            await desk.roles.update(made.id, {"name": "other-desk"})
        with pytest.raises(Stale):
            await desk.roles.update(made.id, {"description": "x"}, etag="7")
        for change in (desk.roles.update("agent", {"description": "x"}), desk.roles.delete("agent")):
            with pytest.raises(ForbiddenMove, match="every tenant has"):
                await change


async def test_a_clone_keeps_permissions_and_bounds_of_what_it_was_made_from(desk: Desk) -> None:
    with desk.by():
        first = await desk.roles.create({"name": "reporter", "base_role": "requester"})
        second = await desk.roles.create({"name": "reporter-two", "base_role": "reporter", "permissions": ["incidents.get"]})
    assert frozenset(first.permissions) == ROLES["requester"]
    assert (second.base_role, second.bounds) == ("reporter", "requester")
    policy = (await desk.settled()).of("main")
    for name in ("reporter", "reporter-two"):
        assert policy.scope(frozenset({name}), "incidents.get", "u-9") == {"requester_id": "u-9"}


async def test_a_role_of_teams_reaches_their_records_and_no_others(desk: Desk) -> None:
    with desk.by():
        await desk.roles.create({"name": "net-closer", "permissions": ["changes.close", "incidents.get"], "team_ids": ["g-2"]})
    policy = (await desk.settled()).of("main")
    assert policy.scope(frozenset({"net-closer"}), "changes.close", "u-2") == {"team_id": {"$in": ["g-2"]}}
    both = frozenset({"net-closer", "viewer"})
    assert policy.scope(both, "incidents.get", "u-2") == {}, "who may read everything reads everything"
    assert policy.scope(both, "changes.close", "u-2") != {}, "and closes no more for that"


async def test_nobody_gives_what_he_does_not_hold_nor_wider_than_he_holds_it(desk: Desk) -> None:
    with desk.by():
        await desk.roles.create({"name": "keeper", "permissions": [*ADMINISTERS, "incidents.get"]})
        await desk.roles.create({"name": "closer", "permissions": ["changes.close"], "team_ids": ["g-2"]})
    await desk.settled()
    with desk.by("u-2", "keeper", "closer"):
        with pytest.raises(Denied, match=r"incidents\.resolve"):
            await desk.roles.create(DESK)
        with pytest.raises(Denied, match=r"changes\.close"):
            await desk.roles.create({"name": "wider", "permissions": ["changes.close"]})
        same = await desk.roles.create({"name": "as-wide", "permissions": ["changes.close"], "team_ids": ["g-2"]})
        with pytest.raises(Denied, match=r"changes\.close"):
            await desk.roles.update(same.id, {"team_ids": []})
        await desk.settled()
        await desk.people.grant("u-1", "as-wide")
        for beyond_him in ("agent", "admin", "operator"):
            with pytest.raises(Denied):
                await desk.people.grant("u-1", beyond_him)
    limited = caller(subject="u-1", roles=frozenset({"admin"}), permissions=frozenset({"roles.create", "incidents.get"}))
    with ctx.use(limited), pytest.raises(Denied):
        await desk.roles.create(DESK)


async def test_nobody_adds_to_a_role_that_he_holds(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create(DESK)
        await desk.people.grant("u-2", "network-desk")
    with desk.by("u-2", "admin", "network-desk"):
        with pytest.raises(Denied, match="yourself"):
            await desk.roles.update(made.id, {"permissions": [*DESK["permissions"], "assets.get"]})
        await desk.roles.update(made.id, {"permissions": ["incidents.get"]})


async def test_a_preview_tells_for_whom_something_changes_and_changes_nothing(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create({**DESK, "permissions": ["incidents.resolve", "roles.inspect"]})
        await desk.people.grant("u-2", "network-desk")
        assert await desk.roles.preview(made.id, {"permissions": ["roles.inspect"]}) == Preview(
            gained=[], lost=["incidents.resolve"], holder_count=1, affected_count=0, affected=[], token_count=0
        ), "u-2 is an agent beside and resolves as before"
        told = await desk.roles.preview(made.id, {"permissions": ["incidents.resolve", "auditEntries.get"]})
        (one,) = told.affected
        assert (one.user["subject"], one.gained, one.lost) == ("u-2", ["auditEntries.get"], ["roles.inspect"])
        assert (await desk.roles.get(made.id))["permissions"] == ["incidents.resolve", "roles.inspect"]
        with pytest.raises(Invalid):
            await desk.roles.preview(made.id, {"permissions": ["nothing.at"]})


async def test_what_somebody_may_do_is_told_with_its_roles(desk: Desk) -> None:
    with desk.by():
        await desk.roles.create({"name": "closer", "permissions": ["changes.close"], "team_ids": ["g-2"]})
        await desk.people.grant("u-2", "closer")
        rights = await desk.roles.rights("u-2")
        assert (rights.roles["agent"].realm, rights.roles["closer"].granted) == (True, True)
        assert rights.permissions["changes.close"] == (["closer"], True)
        assert rights.permissions["incidents.resolve"] == (["agent"], False)
        assert rights.permissions.keys() == ROLES["agent"] | {"changes.close"}
        with pytest.raises(NotFound):
            await desk.roles.rights("u-3")
        desk.realm.disable("u-2")
        await desk.mirror.pull()
        assert (await desk.roles.rights("u-2")).permissions == {}


async def test_an_update_that_would_leave_nobody_who_administers_is_refused(desk: Desk) -> None:
    with desk.by():
        keeper = await desk.roles.create({"name": "keeper", "permissions": [*ADMINISTERS]})
        await desk.people.grant("u-2", "keeper")
    desk.realm.disable("u-1")
    await desk.mirror.pull()
    less = {"permissions": sorted(ADMINISTERS - {"roles.update"})}
    with desk.by("u-2", "keeper"):
        for change in (desk.roles.update, desk.roles.preview):
            with pytest.raises(ForbiddenMove) as told:
                await change(keeper.id, less)
            assert told.value.facts["state"] == "LAST_ADMIN"
    with desk.by("somebody", "admin"), pytest.raises(ForbiddenMove):
        await until_done(lambda: desk.people.take("u-2", "keeper"))
    assert "keeper" in await desk.people.roles("main", "u-2")


async def test_a_role_that_is_granted_at_the_same_moment_is_not_removed(desk: Desk) -> None:
    with desk.by():
        made = await desk.roles.create(DESK)
    acting = desk.acting("u-1")

    async def give() -> None:
        with ctx.use(acting):
            await until_done(lambda: desk.people.grant("u-2", "network-desk"))

    async def remove() -> None:
        with ctx.use(acting):
            await desk.roles.delete(made.id)

    outcomes = await asyncio.gather(give(), remove(), return_exceptions=True)
    held = "network-desk" in await desk.people.roles("main", "u-2")
    there = "network-desk" in (await desk.settled()).of("main").roles
    assert held == there
    assert sum(outcome is None for outcome in outcomes) == 1, outcomes


OWN = st.dictionaries(
    st.sampled_from(["red", "green", "blue"]),
    st.tuples(st.sets(st.sampled_from(sorted(CATALOG)), min_size=1, max_size=8), st.sampled_from(sorted(PEOPLE_ROLES))),
    min_size=1,
)


def with_own(own: dict[str, tuple[set[str], str]]) -> Policy:
    rows = [
        {"name": name, "permissions": permissions, "bounds": bounds, "team_ids": []}
        for name, (permissions, bounds) in own.items()
    ]
    return Policy(POLICY.version, POLICY.roles, POLICY.scopes, 1, {"main": part(rows)}).of("main")


@given(OWN, st.sets(st.sampled_from(sorted(PEOPLE_ROLES)), max_size=2))
def test_what_somebody_may_do_is_the_union_of_his_roles(own: dict[str, tuple[set[str], str]], built_in: set[str]) -> None:
    policy = with_own(own)
    expected = frozenset[str]().union(*(ROLES[role] for role in built_in), *(permissions for permissions, _ in own.values()))
    assert policy.permissions(frozenset(built_in | own.keys())) == expected


@given(OWN, st.sets(st.sampled_from(sorted(PEOPLE_ROLES)), min_size=1, max_size=2))
def test_what_somebody_gives_he_reaches_himself(own: dict[str, tuple[set[str], str]], built_in: set[str]) -> None:
    policy, roles = with_own(own), frozenset(built_in)
    held = policy.permissions(roles)
    for name in giveable(policy, roles, held) & own.keys():
        for permission in policy.roles[name]:
            mine = policy.scope(roles, permission, "$subject")
            theirs = policy.scope(frozenset({name}), permission, "$subject")
            parts = mine.get("$or", [mine])
            assert permission in held
            assert mine == {} or theirs in parts


@given(OWN, st.sampled_from(sorted(PEOPLE_ROLES)))
def test_roles_for_machines_are_never_given_to_people(own: dict[str, tuple[set[str], str]], role: str) -> None:
    policy, roles = with_own(own), frozenset({role, "admin", "operator"})
    assert not giveable(policy, roles, policy.permissions(roles)) & (KEY_ROLES | {each for each in ROLES if ":" in each})


def test_a_role_of_the_table_is_not_changed_by_one_of_its_name() -> None:
    rows = [{"name": "viewer", "permissions": ["roles.grant"], "bounds": "requester", "team_ids": []}]
    policy = Policy(1, {"viewer": frozenset({"incidents.get"})}, {}, 1, {"main": part(rows)}).of("main")
    assert policy.permissions(frozenset({"viewer"})) == {"incidents.get"}
    assert policy.scope(frozenset({"viewer"}), "incidents.get", "u") == {}


def test_a_permission_that_is_gone_is_left_out() -> None:
    rows = [{"name": "old", "permissions": ["incidents.get", "faxes.send"], "bounds": "agent", "team_ids": []}]
    assert part(rows).roles["old"] == {"incidents.get"}


def test_teams_bound_beside_what_is_ones_own() -> None:
    found = scopes("requester", ["t"])
    assert found["incidents"] == {"requester_id": "$subject", "team_id": {"$in": ["t"]}}
    assert {resource for resource, rows in found.items() if "team_id" in rows} == OF_TEAMS
    assert beyond(POLICY, {"requester"}, ROLES["requester"], ["incidents.get"], found) == ["incidents.get"]


@pytest.mark.parametrize(
    ("before", "after", "out"),
    [
        ({"a": {"admin"}}, {"a": {"admin"}}, False),
        ({"a": {"admin"}}, {}, True),
        ({"a": {"admin"}, "b": {"admin"}}, {"b": {"admin"}}, False),
        ({"a": {"admin"}, "b": {"red"}}, {"b": {"red"}}, True),
        ({"b": {"red"}}, {}, True),
        ({"b": {"red"}, "a": {"red"}}, {"a": {"red"}}, False),
        ({"b": {"viewer"}}, {}, False),
    ],
)
def test_somebody_stays_who_administers_roles(before: dict[str, set[str]], after: dict[str, set[str]], out: bool) -> None:
    policy = with_own({"red": (set(ADMINISTERS), "agent")})
    held = [{who: frozenset(roles) for who, roles in each.items()} for each in (before, after)]
    assert locks_out(held[0], policy, held[1], policy) is out
