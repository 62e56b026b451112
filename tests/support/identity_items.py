"""Which test shows what is promised of signing in, tokens, tenants and the realm, item by item."""

from tests.support.attack_cases import Case

_SIGN_IN = "e2e/test_sign_in.py::test_"
_IDENTITY = "e2e/test_identity.py::test_"
_MATRIX = "e2e/test_matrix.py::test_"
_REALM = "integration/auth/test_realm.py"

ITEMS: dict[str, Case] = {
    "92": Case(
        "tokens of others, for others or of no time are refused by the gateway and by each service",
        (f"{_MATRIX}nobody_and_liars_are_not_let_in", "unit/chassis/test_auth.py"),
    ),
    "93": Case(
        "keys of the realm may change; unknown ones cost one look each 30 s",
        (f"{_IDENTITY}keys_that_change_lock_nobody_out_and_strange_ones_cost_one_look", "unit/chassis/test_auth.py"),
    ),
    "94": Case(
        "what is valid works while the realm is away",
        (f"{_SIGN_IN}a_session_lives_on_while_keycloak_is_away", "unit/chassis/test_auth.py"),
    ),
    "95": Case("the realm as code changes nothing twice and deletes nothing", (_REALM,)),
    "96": Case("each operation for each role", (f"{_MATRIX}only_what_the_table_allows_is_let_in",)),
    "97": Case(
        "tenants are strangers to each other",
        (f"{_MATRIX}a_record_of_another_tenant_is_like_none", "integration/auth/test_service.py"),
    ),
    "98": Case(
        "a sign-out elsewhere ends the session, or all of a person",
        (
            f"{_IDENTITY}of_two_sessions_the_one_that_ended_elsewhere_is_over_and_without_its_name_all_are",
            f"{_SIGN_IN}a_sign_out_at_keycloak_ends_the_session_here",
        ),
    ),
    "99": Case(
        "what is sensitive asks for a fresh proof",
        (f"{_SIGN_IN}a_sensitive_operation_asks_for_a_fresh_sign_in_and_takes_it",),
    ),
    "100": Case("no client has a grant that it does not need", (_REALM, "unit/auth/test_realm_file.py")),
    "101": Case(
        "what happens in the realm is told once, over a restart too",
        (f"{_IDENTITY}what_happens_in_the_realm_is_told_once_over_a_restart_of_auth", "unit/auth/test_realm_events.py", _REALM),
    ),
    "102": Case(
        "the realm at another address than its issuer's, below a path",
        (f"{_IDENTITY}the_realm_may_be_reached_at_another_address_than_its_issuers",),
    ),
    "103": Case(
        "a provider that is not Keycloak",
        why="people, teams and tenants come from Keycloak's own interface for administrators, and roles are read where it "
        "writes them; such a provider stands behind the realm as an identity provider instead",
    ),
    "104": Case(
        "accounts by SCIM",
        why="Keycloak's SCIM interface is a preview feature, which is off; people come from directories and by the realm's own "
        "administration",
    ),
    "105": Case("what a hand-made realm lacks, with the fix", ("unit/auth/test_realm_fixes.py", "unit/cli/test_realm.py")),
}
