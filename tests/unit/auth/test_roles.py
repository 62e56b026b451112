"""The table of roles: complete, explicit, and never wider than meant."""

import hashlib
import json

import pytest

from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid
from chassis.policy import grouped
from services.auth.app import POLICY
from services.auth.domain import grant as grants
from services.auth.domain.role import check, giveable
from services.auth.domain.roles import MAY_GRANT, PEOPLE_ROLES, ROLES, SCOPES, VERSION, grantable
from services.auth.realm.wanted import ROLES as REALM_ROLES
from tests.unit.auth.test_credential import NOON

DIGESTS = {
    3: "5d0a180effc9cdec",
    4: "b9ca2c3177b7bb63",
    5: "34799abae0d9fba7",
    6: "7cc9f70a4673eb87",
    7: "92cd78f8a89c77b2",
    8: "a8dd18ec0508fdf7",
    9: "a1e3913d9f25d48a",
    10: "0bc410199d8822d7",
}
"""Digest of the table by version. Services keep the highest version that they heard: a change needs a new one."""


def digest() -> str:
    roles = {role: sorted(permissions) for role, permissions in ROLES.items()}
    return hashlib.sha256(json.dumps([roles, SCOPES], sort_keys=True).encode()).hexdigest()[:16]


def test_a_changed_table_has_a_new_version() -> None:
    assert DIGESTS.get(VERSION) == digest(), f"raise VERSION in services/auth/domain/roles.py and note {digest()} here"


def test_the_realm_and_the_table_know_the_same_roles() -> None:
    assert set(REALM_ROLES) == PEOPLE_ROLES


def test_permissions_are_said_by_name() -> None:
    for role, permissions in ROLES.items():
        for permission in permissions:
            resource, _, verb = permission.partition(".")
            assert resource.isalnum(), (role, permission)
            assert verb.isalnum(), (role, permission)


def test_auditors_and_administrators_read_the_audit_log() -> None:
    assert {role for role in ROLES if "auditEntries.list" in ROLES[role]} == {"auditor", "admin"}


def test_only_administrators_change_roles() -> None:
    assert {role for role in ROLES if "roles.grant" in ROLES[role]} == set(MAY_GRANT) == {"admin", "operator"}


def test_a_requester_reaches_own_incidents_only() -> None:
    assert POLICY.scope(frozenset({"requester"}), "incidents.get", "u-1") == {"requester_id": "u-1"}
    assert POLICY.scope(frozenset({"requester", "agent"}), "incidents.get", "u-1") == {}
    assert POLICY.scope(frozenset({"requester"}), "assets.list", "u-1") == {"owner_id": "u-1"}
    assert POLICY.scope(frozenset({"requester"}), "statusUpdates.get", "u-1") == {"audience": "PUBLIC"}


@pytest.mark.parametrize("role", sorted(REALM_ROLES))
def test_tokens_are_seen_by_their_makers_and_by_administrators(role: str) -> None:
    scope = POLICY.scope(frozenset({role}), "tokens.list", "u-1")
    assert scope == ({} if role in ("admin", "operator") else {"creator_id": "u-1"})


def test_an_administrator_of_a_tenant_makes_no_operator() -> None:
    assert "operator" not in grantable(frozenset({"admin"}))
    assert "operator" in grantable(frozenset({"operator"}))
    assert grantable(frozenset(REALM_ROLES) - {"admin", "operator"}) == frozenset()


@pytest.mark.parametrize(
    ("role", "subject", "roles", "error"),
    [
        ("agent", "u-2", {"admin"}, None),
        ("operator", "u-2", {"admin"}, Denied),
        ("agent", "u-1", {"admin"}, Denied),
        ("agent", "u-2", {"agent"}, Denied),
        ("root", "u-2", {"admin"}, Invalid),
        ("service:incident", "u-2", {"operator"}, Invalid),
    ],
)
def test_who_may_give_what_to_whom(role: str, subject: str, roles: set[str], error: type[Exception] | None) -> None:
    held = frozenset(roles)
    may = giveable(POLICY, held, POLICY.permissions(held))
    if error is None:
        check(role, policy=POLICY, subject=subject, by="u-1", may=may, permission="roles.grant")
        return
    with pytest.raises(error):
        check(role, policy=POLICY, subject=subject, by="u-1", may=may, permission="roles.grant")


def test_a_grant_is_given_taken_and_given_again() -> None:
    grant = grants.Grant.give(id="grt_1", subject="u-2", role="agent", by="u-1", at=NOON)
    grant.take_recorded()
    with pytest.raises(AlreadyExists):
        grant.give_again(by="u-1", at=NOON)
    grant.take(at=NOON)
    assert not grant.holds
    grant.take_recorded()
    with pytest.raises(ForbiddenMove):
        grant.take(at=NOON)
    grant.give_again(by="u-3", at=NOON)
    assert (grant.holds, grant.granter_id) == (True, "u-3")


def test_all_that_a_role_may_fits_into_the_metadata_of_a_call() -> None:
    for role, permissions in ROLES.items():
        size = len(json.dumps(grouped(permissions))) * 4 / 3
        assert size < 6_000, f"a token limited to what {role} may would have {size:.0f} bytes of permissions alone"
