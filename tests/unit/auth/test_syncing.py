"""Runs of directories over the database in memory: done once whatever dies in between, refused one by one, by a schedule."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Busy, Denied, ForbiddenMove, Invalid, NotFound, Unavailable
from chassis.outbound import Policy
from chassis.races import again
from chassis.sealing import Sealing
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend, caller
from services.auth.app import POLICY
from services.auth.domain.directory import Directory, DirectoryGroup, DirectoryRun, Kind
from services.auth.domain.entries import Answer, Raw
from services.auth.domain.person import Organization, Person, Snapshot
from services.auth.domain.roles import ROLES
from services.auth.ports import Refused
from services.auth.store import INDEXES, KINDS, listings
from services.auth.usecases.administrators import GRANTS
from services.auth.usecases.directories import Directories
from services.auth.usecases.mirror import USERS
from services.auth.usecases.people import People
from services.auth.usecases.policies import Policies
from services.auth.usecases.syncing import LINKS, SCHEDULES, SECRETS, Syncing
from tests.unit.auth.test_credential import NOON

GROUP = DirectoryGroup(group="desk", team="network", role="agent")
BOSS = caller(subject="boss", roles=frozenset({"admin"}), permissions=ROLES["admin"])
SYSTEM = caller(subject="itsm-auth")


class Realm:
    """Accounts of one tenant. `dies` names what a process does last, before it is noted anywhere."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.members: set[str] = set()
        self.teams: dict[str, set[str]] = {}
        self.dies = ""
        self.refuses: set[str] = set()

    async def snapshot(self) -> Snapshot:
        people = tuple(
            Person(id=id_, username=id_, display_name=id_, email=each.get("email", ""), enabled=each["enabled"])
            for id_, each in self.people.items()
        )
        main = Organization(alias="main", name="Main", enabled=True, member_ids=tuple(self.members))
        return Snapshot(people=people, groups=(), organizations=(main,))

    async def create(self, tenant: str, username: str, fields: Mapping[str, str]) -> str:
        if username in self.refuses or username in self.people:
            raise Refused("the realm refuses it: the name is taken")
        self.people[username] = {**fields, "enabled": True}
        self._maybe_die("create")
        await self.admit(tenant, username)
        self._maybe_die("admit")
        return username

    async def admit(self, tenant: str, subject: str) -> None:
        self.members.add(subject)

    async def change(self, subject: str, fields: Mapping[str, str], *, enabled: bool | None = None) -> None:
        if subject in self.refuses:
            raise Refused("the realm refuses it: the address is taken")
        self.people[subject] |= dict(fields) | ({} if enabled is None else {"enabled": enabled})

    async def join(self, tenant: str, subject: str, team: str) -> None:
        self.teams.setdefault(team, set()).add(subject)
        self._maybe_die("join")

    async def leave(self, tenant: str, subject: str, team: str) -> None:
        self.teams.get(team, set()).discard(subject)

    def _maybe_die(self, where: str) -> None:
        if self.dies == where:
            self.dies = ""
            raise Unavailable(where)


class House:
    """A directory that a test fills, and the processes that read it. `says` are its people by key."""

    def __init__(self) -> None:
        self.clock, self.backend, self.realm = FakeClock(NOON), MemoryBackend(), Realm()
        self.store = Store(self.backend, self.clock, KINDS, INDEXES)
        self.says: dict[str, dict[str, str]] = {}
        self.in_desk: list[str] = []
        self.complete, self.failed, self.passwords = True, "", list[str]()
        self.people = People(self.store, Policies(self.backend, POLICY), self.clock)
        self.sealing = Sealing(b"a secret", "directories")
        self.administrator("boss", "admin")
        self.open()

    def open(self) -> None:
        """Processes that have just begun."""
        realm: Any = self.realm
        self.syncing = Syncing(self.store, self, self.sealing, realm, realm, self.people, self.mirrored)
        lists = listings(b"k" * 32, self.clock)
        self.directories = Directories(self.store, self, self.sealing, self.syncing, self.people, lists)

    def check(self, directory: Directory) -> None:
        """See `ports.Ldap`."""
        Policy.of(ports="636").check(directory.url.replace("ldaps", "https") + ":636")

    async def read(self, directory: Directory, password: str) -> Answer:
        """See `ports.Ldap`."""
        self.passwords.append(password)
        people = [
            Raw(
                f"uid={key},dc=x",
                {"entryuuid": [key.encode()], **{name.lower(): [text.encode()] for name, text in said.items()}},
            )
            for key, said in self.says.items()
        ]
        members = [f"uid={key},dc=x".encode() for key in self.in_desk]
        desk = Raw("cn=desk,dc=x", {"cn": [b"desk"], "member": members})
        return Answer(people, [desk], self.complete, failed=self.failed)

    async def mirrored(self) -> None:
        """People of the realm as the mirror shows them."""
        for id_, each in self.realm.people.items():
            row = {"tenant": "main", "subject": id_, "enabled": each["enabled"], "realm_roles": each.get("realm_roles", [])}
            self.backend.collections.setdefault(USERS, {})[f"main|{id_}"] = {"_id": f"main|{id_}", **row}

    def administrator(self, subject: str, *roles: str) -> None:
        """Somebody of the realm who has roles there."""
        row = {"_id": f"main|{subject}", "tenant": "main", "subject": subject, "enabled": True, "realm_roles": list(roles)}
        self.backend.collections.setdefault(USERS, {})[row["_id"]] = row

    def person(self, key: str, **said: str) -> None:
        self.says[key] = {"uid": key, "mail": f"{key}@x.example", **said}

    async def made(self, **more: Any) -> str:
        fields = {"name": "Corp", "kind": Kind.OPENLDAP, "url": "ldaps://corp.example", "base_dn": "dc=x", "bind_dn": "cn=r"}
        with ctx.use(BOSS):
            return (await self.directories.create({**fields, "groups": [GROUP], **more}, "secret-1")).id

    async def turn(self, id: str) -> None:  # noqa: A002 - as its field
        with ctx.use(SYSTEM):
            await self.syncing.handle("main", id)

    async def synced(self, id: str, *, allow: bool = False) -> DirectoryRun:  # noqa: A002 - as its field
        with ctx.use(BOSS):
            asked = await self.directories.sync(id, allow=allow)
        await self.turn(id)
        with ctx.use(BOSS):
            return await self.store.get(DirectoryRun, asked.id)

    def everything(self) -> str:
        """All that is kept."""
        return repr({name: rows for name, rows in self.backend.collections.items() if rows})

    def held(self, subject: str) -> set[str]:
        rows = self.backend.collections.get(GRANTS, {}).values()
        return {row["role"] for row in rows if row["subject"] == subject and row["revoke_time"] is None}


@pytest.fixture
def house() -> House:
    return House()


async def test_a_run_makes_people_with_what_their_groups_give_and_reports(house: House) -> None:
    directory = await house.made()
    house.person("ann", givenName="Ann")
    house.in_desk = ["ann"]
    run = await house.synced(directory)
    assert (run.state, run.seen_count, run.created_count, run.complete) == ("SUCCEEDED", 1, 1, True)
    assert (house.realm.people["ann"]["first_name"], house.realm.members) == ("Ann", {"ann"})
    assert (house.realm.teams["network"], house.held("ann")) == ({"ann"}, {"agent"})
    again = await house.synced(directory)
    assert (again.created_count, again.unchanged_count) == (0, 1)
    assert house.passwords == ["secret-1", "secret-1"]


@pytest.mark.parametrize("where", ["create", "admit", "join"])
async def test_a_death_anywhere_makes_nobody_twice_and_leaves_nobody_half(house: House, where: str) -> None:
    directory = await house.made()
    house.person("ann")
    house.in_desk = ["ann"]
    house.realm.dies = where
    with pytest.raises(Unavailable):
        await house.synced(directory)
    house.open()
    await house.turn(directory)
    assert (house.realm.members, house.realm.teams["network"], house.held("ann")) == ({"ann"}, {"ann"}, {"agent"})
    (link,) = house.backend.collections[LINKS].values()
    assert (link["subject"], link["made"]) == ("ann", True), "it knows that it made the account"
    (run,) = house.backend.collections["directory_runs"].values()
    assert run["state"] == "SUCCEEDED"


async def test_two_that_met_over_the_count_of_administrators_make_one_account(house: House) -> None:
    directory = await house.made(groups=[DirectoryGroup(group="desk", role="admin")])
    house.person("ann")
    house.in_desk = ["ann"]
    give, met = house.people.give_for, []

    async def busy_once(*arguments: str) -> None:
        if not met:
            met.append(arguments)
            raise Busy("two writers met")
        await give(*arguments)

    house.people.give_for = busy_once  # type: ignore[method-assign] # the race itself is that of the store's tests
    run = await house.synced(directory)
    assert (run.created_count, run.refused_count, house.held("ann")) == (1, 0, {"admin"})


async def test_what_the_realm_refuses_spoils_no_other(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    house.person("bob")
    house.realm.refuses = {"ann"}
    run = await house.synced(directory)
    assert (run.created_count, run.refused_count, run.samples[0].name) == (1, 1, "ann")
    house.realm.refuses = set()
    assert (await house.synced(directory)).created_count == 1


async def test_the_last_administrator_stays_whatever_the_directory_says(house: House) -> None:
    directory = await house.made(groups=[DirectoryGroup(group="desk", role="admin")])
    house.person("ann")
    house.in_desk = ["ann"]
    await house.synced(directory)
    assert house.held("ann") == {"admin"}
    house.administrator("boss")
    del house.says["ann"]
    await house.synced(directory)
    run = await house.synced(directory)
    assert (run.disabled_count, run.refused_count) == (0, 1)
    assert (house.realm.people["ann"]["enabled"], house.held("ann")) == (True, {"admin"})
    with ctx.use(BOSS), pytest.raises(ForbiddenMove):
        await again(lambda: house.directories.delete(directory))


async def test_what_a_person_gave_and_what_a_directory_gave_are_two_things(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    house.in_desk = ["ann"]
    await house.synced(directory)
    with ctx.use(BOSS):
        await house.people.grant("ann", "agent")
    house.in_desk = []
    await house.synced(directory)
    assert house.held("ann") == {"agent"}, "the one that a person gave"
    with ctx.use(BOSS):
        await house.people.take("ann", "agent")
    assert house.held("ann") == set()


async def test_a_reading_that_failed_or_is_not_whole_takes_nothing(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    await house.synced(directory)
    del house.says["ann"]
    house.complete = False
    for _ in range(3):
        run = await house.synced(directory)
        assert (run.state, run.absent_count, run.disabled_count) == ("SUCCEEDED", 0, 0)
    house.failed = "nobody answers there"
    run = await house.synced(directory)
    assert (run.state, run.problem) == ("FAILED", "nobody answers there")
    assert house.realm.people["ann"]["enabled"]


async def test_a_trial_says_what_would_be_and_changes_nothing(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    before = house.everything()
    with ctx.use(caller(subject="boss", roles=frozenset({"admin"}), permissions=ROLES["admin"], dry_run=True)):
        run = await house.directories.sync(directory, allow=False)
    assert (run.state, run.created_count, run.samples[0].name) == ("SUCCEEDED", 1, "ann")
    assert (house.everything(), house.realm.people) == (before, {})


async def test_it_goes_by_its_interval_and_stops_when_it_has_none(house: House) -> None:
    directory = await house.made(interval=timedelta(hours=1))
    await house.turn(directory)
    assert "directory_runs" not in house.backend.collections, "not yet"
    house.clock.advance(hours=1)
    await house.turn(directory)
    await house.turn(directory)
    (run,) = house.backend.collections["directory_runs"].values()
    assert (run["requester_id"], house.backend.collections[SCHEDULES][directory]["next_due_time"]) == (
        "",
        house.clock() + timedelta(hours=1),
    )
    with ctx.use(BOSS):
        await house.directories.update(directory, {"interval": None}, None)
    house.clock.advance(days=1)
    await house.turn(directory)
    assert len(house.backend.collections["directory_runs"]) == 1


async def test_one_that_is_asked_for_twice_waits_once(house: House) -> None:
    directory = await house.made()
    with ctx.use(BOSS):
        first, second = [await house.directories.sync(directory, allow=False) for _ in range(2)]
        other = await house.directories.sync(directory, allow=True)
    assert first.id == second.id != other.id
    await house.turn(directory)
    await house.turn(directory)
    assert {row["state"] for row in house.backend.collections["directory_runs"].values()} == {"SUCCEEDED"}


async def test_a_directory_that_is_gone_leaves_no_password_no_role_and_nothing_that_waits(house: House) -> None:
    directory = await house.made()
    house.person("ann")
    house.in_desk = ["ann"]
    await house.synced(directory)
    with ctx.use(BOSS):
        await house.directories.sync(directory, allow=False)
        await house.directories.delete(directory)
        with pytest.raises(NotFound):
            await house.directories.get(directory)
    await house.turn(directory)
    assert not house.backend.collections[SECRETS] and not house.backend.collections[SCHEDULES]
    assert (house.held("ann"), house.realm.people["ann"]["enabled"]) == (set(), True)
    assert {row["state"] for row in house.backend.collections["directory_runs"].values()} == {"SUCCEEDED", "FAILED"}


async def test_the_password_is_nowhere_in_plain_text_and_lost_with_its_key(house: House) -> None:
    directory = await house.made()
    assert "secret-1" not in repr(house.backend.collections)
    house.sealing = Sealing(b"another secret", "directories")
    house.open()
    run = await house.synced(directory)
    assert (run.state, "give it again" in run.problem, house.passwords) == ("FAILED", True, [])


@pytest.mark.parametrize(
    ("role", "roles", "error"),
    [("operator", {"admin"}, Denied), ("agent", {"agent"}, Denied), ("root", {"admin"}, Invalid), ("viewer", {"admin"}, None)],
)
async def test_nobody_lets_a_directory_give_what_he_may_not_give(
    house: House, role: str, roles: set[str], error: type[Exception] | None
) -> None:
    fields = {"name": "Corp", "kind": Kind.OPENLDAP, "url": "ldaps://corp.example", "base_dn": "dc=x"}
    with ctx.use(caller(subject="somebody", roles=frozenset(roles))):
        made = house.directories.create({**fields, "groups": [DirectoryGroup(group="g", role=role)]}, "")
        if error is None:
            assert (await made).owner_id == "somebody"
            return
        with pytest.raises(error):
            await made
