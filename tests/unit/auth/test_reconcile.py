"""What a directory says against what it gave: the plan, and what no plan ever does."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.auth.domain.directory import Directory, DirectoryGroup, Kind, Outcome
from services.auth.domain.entries import Answer, Raw, entries, same_dn
from services.auth.domain.person import Group, Organization, Person, Snapshot
from services.auth.domain.reconcile import Entry, Giving, Link, Plan, plan
from services.auth.domain.roles import PEOPLE_ROLES

AT = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Giving(PEOPLE_ROLES)


def directory(**given: Any) -> Directory:
    fields = {"name": "Corp", "kind": Kind.OPENLDAP, "url": "ldaps://corp.example", "base_dn": "dc=corp"} | given
    return Directory.made(id="dir_1", at=AT, by="u-1", password_set=False, **fields)


def person(name: str, **more: Any) -> Person:
    return Person(**{"id": name, "username": name, "display_name": name, "email": f"{name}@x.example", "enabled": True} | more)


def realm(*people: Person, main: tuple[str, ...] = (), acme: tuple[str, ...] = (), team: tuple[str, ...] = ()) -> Snapshot:
    organizations = (("main", main), ("acme", acme))
    return Snapshot(
        people=people,
        groups=(Group(id="g-1", path="/main/network", member_ids=team),),
        organizations=tuple(Organization(alias=a, name=a, enabled=True, member_ids=who) for a, who in organizations),
    )


def ann(**more: Any) -> Entry:
    return Entry(**{"key": "k-1", "username": "ann", "first_name": "Ann", "email": "ann@x.example"} | more)


def known(**more: Any) -> Link:
    return Link(**{"key": "k-1", "subject": "ann", "username": "ann", "made": True, "fields": ann().fields} | more)


def planned(
    entries: list[Entry], links: list[Link], snapshot: Snapshot, giving: Giving = ALL, *, complete: bool = True
) -> Plan:
    by_key = {link.key: link for link in links}
    return plan(directory(), "main", entries, by_key, snapshot, giving, complete=complete)


def test_somebody_new_is_made_with_what_the_groups_give() -> None:
    (step,) = planned([ann(teams=frozenset({"network"}), roles=frozenset({"agent"}))], [], realm()).steps
    assert (step.outcome, step.create, step.join, step.give) == (Outcome.CREATED, True, {"network"}, {"agent"})


def test_somebody_of_the_tenant_is_taken_for_the_same_and_keeps_what_is_his() -> None:
    entry = ann(first_name="Other", teams=frozenset({"network"}), roles=frozenset({"agent"}))
    there = realm(person("ann"), main=("ann",), team=("ann",))
    (step,) = planned([entry], [], there).steps
    assert (step.outcome, step.link.made, step.fields, step.join, step.give) == (Outcome.ADOPTED, False, {}, set(), {"agent"})
    assert step.link.teams == set(), "he was in the team before: it is not the directory's to take away"
    gone = [replace(step.link, absences=1)]
    (end,) = planned([], gone, there).steps
    assert (end.outcome, end.enable, end.leave, end.take) == (Outcome.RELEASED, None, set(), {"agent"})


@pytest.mark.parametrize(
    ("entry", "there", "said"),
    [
        (ann(), realm(person("ann"), acme=("ann",)), "no member"),
        (ann(), realm(person("ann")), "no member"),
        (ann(), realm(person("bob", email="ANN@x.example"), main=("bob",)), "nobody has verified"),
        (ann(), realm(person("bob", email="ann@x.example", email_verified=True), acme=("bob",)), "no member"),
        (ann(wrong="it is wrong"), realm(), "it is wrong"),
    ],
)
def test_nobody_is_taken_over_who_is_not_of_the_tenant(entry: Entry, there: Snapshot, said: str) -> None:
    found = planned([entry], [], there)
    assert not found.steps
    assert said in found.refused[0].reason


def test_a_verified_address_makes_somebody_known_under_another_name() -> None:
    there = realm(person("a.smith", email="ann@x.example", email_verified=True), main=("a.smith",))
    (step,) = planned([ann()], [], there).steps
    assert (step.outcome, step.link.subject) == (Outcome.ADOPTED, "a.smith")


def test_what_a_sign_in_wrote_stays_until_the_directory_itself_says_something_else() -> None:
    there = realm(person("ann", display_name="Ann-from-SSO", email="sso@x.example"), main=("ann",))
    assert not planned([ann()], [known()], there).steps
    (step,) = planned([ann(last_name="Smith")], [known()], there).steps
    assert (step.outcome, step.fields) == (Outcome.UPDATED, {"last_name": "Smith"})


def test_who_is_missing_once_is_noted_and_twice_in_a_row_disabled() -> None:
    there = realm(person("ann"), main=("ann",))
    (first,) = planned([], [known(roles=frozenset({"agent"}))], there).steps
    assert (first.outcome, first.enable, first.take) == (Outcome.ABSENT, None, set())
    (second,) = planned([], [first.link], there).steps
    assert (second.outcome, second.enable, second.take) == (Outcome.DISABLED, False, {"agent"})
    assert not planned([], [second.link], there).steps, "once"
    (back,) = planned([ann(roles=frozenset({"agent"}))], [second.link], there).steps
    assert (back.outcome, back.enable, back.give) == (Outcome.ENABLED, True, {"agent"})


def test_who_is_seen_in_between_begins_again_and_an_incomplete_run_counts_for_nobody() -> None:
    there, missed = realm(person("ann"), main=("ann",)), known(absences=1)
    assert not planned([], [missed], there, complete=False).steps
    found = planned([ann()], [missed], there)
    assert (found.unchanged, found.steps[0].outcome, found.steps[0].link.absences) == (1, None, 0)


def test_an_account_of_two_tenants_is_released_and_not_disabled() -> None:
    there = realm(person("ann"), main=("ann",), acme=("ann",))
    (step,) = planned([], [known(absences=1, teams=frozenset({"network"}))], there).steps
    assert (step.outcome, step.enable, step.leave) == (Outcome.RELEASED, None, {"network"})


def test_what_another_tenant_sees_too_is_not_written_and_told() -> None:
    there = realm(person("ann"), main=("ann",), acme=("ann",))
    found = planned([ann(email="mallory@evil.example")], [known()], there)
    assert not found.steps
    assert (found.refused[0].name, found.refused[0].reason.partition(" ")[0]) == ("ann", "email")
    (step,) = planned([ann(email="mallory@evil.example", teams=frozenset({"network"}))], [known()], there).steps
    assert (step.fields, step.link.fields, step.join) == ({}, ann().fields, {"network"})
    (later,) = planned([ann(email="new@x.example")], [step.link], realm(person("ann"), main=("ann",))).steps
    assert later.fields == {"email": "new@x.example"}, "here alone again, he is written to"


@pytest.mark.parametrize(
    ("giving", "said"),
    [(Giving(PEOPLE_ROLES, frozenset({"ann"})), "nobody gives himself"), (Giving(frozenset({"viewer"})), "may not give it")],
    ids=["to himself", "not his to give"],
)
def test_nobody_gets_a_role_by_a_directory_that_he_would_not_get_by_hand(giving: Giving, said: str) -> None:
    there, wanted = realm(person("ann"), main=("ann",)), ann(roles=frozenset({"auditor"}))
    for links in ([], [known()]):
        found = planned([wanted], links, there, giving)
        assert not any(step.give or step.link.roles for step in found.steps)
        assert said in found.refused[0].reason
    kept = planned([wanted], [known(roles=frozenset({"auditor"}))], there, giving)
    assert (kept.steps, kept.refused, kept.unchanged) == ([], [], 1), "what was given before stays while the directory says so"


def test_an_account_that_the_directory_disabled_ends_at_once() -> None:
    (step,) = planned([ann(active=False)], [known()], realm(person("ann"), main=("ann",))).steps
    assert (step.outcome, step.enable) == (Outcome.DISABLED, False)
    assert not planned([ann(active=False)], [], realm()).steps


def test_a_death_between_making_and_noting_is_made_good() -> None:
    begun = known(subject="")
    for there in (realm(person("ann")), realm(person("ann"), main=("ann",))):
        (step,) = planned([ann()], [begun], there).steps
        assert (step.outcome, step.link.subject, step.link.made) == (Outcome.CREATED, "ann", True)
    assert planned([ann()], [begun], realm(person("ann"), acme=("ann",))).refused


def test_doubles_in_the_directory_are_refused() -> None:
    found = planned([ann(), ann(username="bob"), ann(key="k-2", username="ANN")], [], realm())
    assert (len(found.steps), len(found.refused)) == (1, 2)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 100))
def test_more_than_the_bound_stops_until_somebody_allows_it(people: int, gone: int, percent: int) -> None:
    gone = min(people, gone)
    links = [known(key=f"k-{n}", subject=f"s-{n}", username=f"n{n}", absences=1) for n in range(people)]
    entries = [ann(key=f"k-{n}", username=f"n{n}") for n in range(gone, people)]
    there = realm(*(person(f"s-{n}") for n in range(people)), main=tuple(f"s-{n}" for n in range(people)))
    source, by_key = directory(disable_percent=percent), {link.key: link for link in links}
    bound = max(5, people * (percent or 10) // 100)
    found = plan(source, "main", entries, by_key, there, ALL, complete=True)
    assert bool(found.held) == (gone > bound)
    assert not plan(source, "main", entries, by_key, there, ALL, complete=True, allow=True).held


NAMES = st.dictionaries(st.sampled_from(["k-1", "k-2", "k-3"]), st.frozensets(st.sampled_from(["agent", "viewer"])))


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=8), st.sampled_from(["", "main", "acme"]))
def test_whatever_comes_the_directory_takes_only_what_it_gave(runs: list[tuple[dict[str, Any], bool]], before: str) -> None:
    people = {"k-1": person("k-1")} if before else {}
    members = {"main": {"k-1"} if before == "main" else set(), "acme": {"k-1"} if before == "acme" else set()}
    links: dict[str, Link] = {}
    roles: dict[str, set[str]] = {}
    for said, complete in runs:
        there = realm(*people.values(), main=tuple(members["main"]), acme=tuple(members["acme"]))
        listed = [Entry(key=key, username=key, roles=held) for key, held in said.items()]
        found = plan(directory(), "main", listed, links, there, ALL, complete=complete)
        assert not found.held, "so few are always allowed"
        for step in found.steps:
            link = replace(step.link, subject=step.link.subject or step.link.username)
            if step.create:
                assert link.subject not in people
                people[link.subject] = person(link.subject)
                members["main"].add(link.subject)
            if step.fields or step.enable is not None:
                assert link.made, "somebody else's account is not written to"
            assert step.take <= roles.get(link.subject, set())
            roles[link.subject] = roles.get(link.subject, set()) - step.take | step.give
            links[link.key] = link
            assert roles[link.subject] == link.roles
        for key, held in said.items():
            if not (key == "k-1" and before == "acme"):
                assert roles[key] == held
    assert ("k-1" in members["main"]) == (before == "main" or (not before and any("k-1" in said for said, _ in runs)))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CN=Ann, OU=People,DC=x", "cn=ann,ou=people,dc=x", True),
        ("cn=a\\, b,dc=x", "cn=A\\2C b,dc=x", True),
        ("cn=a\\, b,dc=x", "cn=a,cn=b,dc=x", False),
        ("cn=Zo\\C3\\AB,dc=x", "cn=zoë,dc=x", True),
        ("cn=a+sn=b,dc=x", "cn=a,sn=b,dc=y", False),
    ],
)
def test_names_of_entries_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert (same_dn(one) == same_dn(other)) is same


@given(st.text(max_size=40))
def test_any_text_is_compared_as_a_name_without_failing(text: str) -> None:
    assert same_dn(text) == same_dn(text)


def test_active_directory_is_read_by_its_own_attributes() -> None:
    source = directory(kind=Kind.ACTIVE_DIRECTORY, groups=[DirectoryGroup(group="Admins", role="admin")])
    guid = bytes(range(16))
    ann, bob = (
        Raw(f"CN={name},DC=x", {"samaccountname": [name.encode()], "objectguid": [key], "useraccountcontrol": [control]})
        for name, key, control in (("Ann", guid, b"512"), ("Bob", guid[::-1], b"514"))
    )
    group = Raw("CN=Admins,DC=x", {"cn": [b"admins"], "member": [b"cn=ann,dc=x"]})
    first, second = entries(source, Answer([ann, bob], [group]))
    assert (first.key, first.username, first.roles, first.active) == (
        "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "ann",
        {"admin"},
        True,
    )
    assert (second.roles, second.active) == (set(), False)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"uid": [b"ann"]}, "no entryUUID"),
        ({"entryuuid": [b"k"]}, "no uid"),
        ({"entryuuid": [b"k"], "uid": [b"a\x00b"]}, "letters that cannot be seen"),
        ({"entryuuid": [b"k"], "uid": [b"\xff\xfe"]}, "no uid"),
        ({"entryuuid": [b"k"], "uid": [b"ann"], "mail": [b"none"]}, "mail address"),
        ({"entryuuid": [b"k"], "uid": [b"ann"], "sn": [b"x" * 300]}, "too long"),
    ],
)
def test_an_entry_that_cannot_be_taken_over_says_why(values: dict[str, list[bytes]], said: str) -> None:
    (entry,) = entries(directory(), Answer([Raw("cn=x", values)]))
    assert said in entry.wrong


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"groups": [DirectoryGroup(group="a", team="roles")]}, "groups"),
        ({"groups": [DirectoryGroup(group="a", team="roles/operator")]}, "groups"),
        ({"groups": [DirectoryGroup(group="a")]}, "groups"),
        ({"user_filter": "(uid=*)(cn=*)"}, "user_filter"),
        ({"user_filter": "uid=*"}, "user_filter"),
        ({"bind_dn": "cn=reader"}, "password"),
        ({"disable_percent": 101}, "disable_percent"),
    ],
)
def test_a_directory_that_makes_no_sense_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid, match=field):
        directory(**given)


def test_another_address_needs_the_password_again() -> None:
    source = Directory.made(
        id="dir_1", at=AT, by="u-1", password_set=True, name="x", kind=Kind.OPENLDAP, url="ldaps://a.example", base_dn="dc=x"
    )
    source.take_recorded()
    with pytest.raises(Invalid, match="password"):
        source.edit(AT, by="u-2", password=None, url="ldaps://evil.example")
    source.edit(AT, by="u-2", password=True, url="ldaps://b.example")
    assert (source.url, source.owner_id) == ("ldaps://b.example", "u-2")
