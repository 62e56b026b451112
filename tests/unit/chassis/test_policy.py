"""What roles permit, and which rows they reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Denied
from chassis.policy import Part, Policy, grouped, ungrouped, unlisted

POLICY = Policy(
    version=3,
    roles={
        "viewer": frozenset({"incidents.get", "incidents.list"}),
        "requester": frozenset({"incidents.get", "incidents.create", "incidents.reopen", "assets.get"}),
        "reporter": frozenset({"incidents.get"}),
    },
    scopes={
        "requester": {"incidents": {"requester_id": "$subject"}},
        "reporter": {"incidents": {"watchers": {"$in": "$subject"}}},
    },
)


def roles(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_roles_permit_together_what_each_permits() -> None:
    assert POLICY.permissions(roles("viewer", "reporter")) == {"incidents.get", "incidents.list"}
    assert POLICY.permissions(roles()) == frozenset()


def test_an_unknown_role_permits_nothing() -> None:
    assert POLICY.permissions(roles("root", "*")) == frozenset()


def test_limits_narrow_and_never_add() -> None:
    assert POLICY.allowed(roles("viewer"), frozenset({"incidents.get", "users.delete"})) == {"incidents.get"}
    assert POLICY.allowed(roles("viewer"), frozenset()) == frozenset()


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(Denied) as caught:
        POLICY.require("incidents.close", roles("viewer"), caveat="roles do not count here")
    assert caught.value.facts == {"permission": "incidents.close"}
    assert "roles do not count here" in caught.value.message


@pytest.mark.parametrize("word", ["signed-in", "anonymous"])
def test_words_that_are_no_permission_need_no_role(word: str) -> None:
    POLICY.require(word, roles())


def test_a_role_with_a_row_scope_reaches_its_own_rows() -> None:
    assert POLICY.scope(roles("requester"), "incidents.get", "usr_1") == {"requester_id": "usr_1"}


def test_scopes_of_several_roles_add_up() -> None:
    scope = POLICY.scope(roles("requester", "reporter"), "incidents.get", "usr_1")
    assert scope == {"$or": [{"watchers": {"$in": "usr_1"}}, {"requester_id": "usr_1"}]}


def test_a_role_without_a_scope_reaches_every_row() -> None:
    assert POLICY.scope(roles("requester", "viewer"), "incidents.get", "usr_1") == {}
    assert POLICY.scope(roles("requester"), "assets.get", "usr_1") == {}


def test_a_role_that_only_reads_does_not_widen_what_another_may_change() -> None:
    assert POLICY.scope(roles("requester", "viewer"), "incidents.reopen", "usr_1") == {"requester_id": "usr_1"}


def test_without_the_permission_no_row_is_reached() -> None:
    assert POLICY.scope(roles("viewer"), "incidents.reopen", "usr_1") == {"_id": {"$in": []}}


def test_permissions_that_no_role_grants_are_found() -> None:
    assert unlisted(POLICY, ["incidents.get", "signed-in", "anonymous", "incidents.close"]) == ["incidents.close"]


@given(st.sets(st.from_regex(r"[a-z]{1,4}\.[a-z]{1,4}", fullmatch=True), max_size=12))
def test_permissions_are_grouped_in_a_token_and_read_as_they_were(permissions: set[str]) -> None:
    named = grouped(permissions)
    assert ungrouped(named) == permissions
    assert len({each.partition(".")[0] for each in named}) == len(named)


def test_a_tenants_own_roles_are_known_in_that_tenant_alone() -> None:
    part = Part({"desk": frozenset({"incidents.list"}), "viewer": frozenset({"all"})}, {"viewer": {"incidents": {"x": 1}}})
    policy = Policy(3, POLICY.roles, POLICY.scopes, 1, {"main": part})
    assert policy.of("acme") is policy
    assert policy.of("main") is policy.of("main")
    assert policy.permissions(roles("desk")) == frozenset()
    assert policy.of("main").permissions(roles("desk")) == {"incidents.list"}
    assert policy.of("main").permissions(roles("viewer")) == POLICY.permissions(roles("viewer"))
    assert policy.of("main").scope(roles("viewer"), "incidents.get", "u") == {}, "not bounded by one of its name"
