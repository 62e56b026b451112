"""What the realm as code promises, read from the file and the wishes themselves: the same for the local stack and the chart."""

import json

import pytest
from pydantic import SecretStr

from services.auth.domain.credential import SESSION_IDLE, SESSION_LIFE
from services.auth.realm import flow, wanted
from services.auth.realm.apply import REALM_FILE
from services.auth.realm.wanted import ConsoleWish, Wishes

REALM = json.loads(REALM_FILE.read_text())
CONSOLE = ConsoleWish(secret=SecretStr("s"), redirect_uris=("https://itsm.example/auth/callback",))
WISHES = Wishes(console=CONSOLE, mobile_redirect_uris=("com.example.itsm:/callback",))
CLIENTS = {client["clientId"]: client for client in wanted.clients(WISHES)}


@pytest.mark.parametrize("name", CLIENTS)
def test_no_client_has_a_password_or_implicit_grant_full_scope_or_an_address_with_a_wildcard(name: str) -> None:
    client = CLIENTS[name]
    assert not (client["implicitFlowEnabled"] or client["directAccessGrantsEnabled"] or client["fullScopeAllowed"])
    assert not [address for address in client.get("redirectUris", []) if "*" in address or "#" in address]
    if client["standardFlowEnabled"] or client["publicClient"]:
        assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    if client["publicClient"]:
        assert not client["serviceAccountsEnabled"]
        assert "secret" not in client


def test_only_the_mobile_client_may_stay_signed_in_for_ever_and_only_where_it_is_wanted() -> None:
    offline = {name for name, client in CLIENTS.items() if "offline_access" in client.get("optionalClientScopes", ())}
    assert offline == {wanted.MOBILE}
    assert wanted.MOBILE not in {client["clientId"] for client in wanted.clients(Wishes(console=CONSOLE))}


@pytest.mark.parametrize("address", ["https://itsm.example/*", "com.example.itsm:/callback#x"])
def test_an_address_that_is_not_exact_is_refused(tmp_path, address: str) -> None:
    for wishes in (
        {"mobile_redirect_uris": [address]},
        {"console": {"secret": "s", "redirect_uris": [address]}},
    ):
        (tmp_path / "wishes.json").write_text(json.dumps(wishes))
        with pytest.raises(ValueError, match="exact"):
            Wishes.read(tmp_path / "wishes.json")


def test_guessing_passwords_is_slowed_down_and_locks_nobody_out_for_ever() -> None:
    assert (REALM["bruteForceProtected"], REALM["permanentLockout"], REALM["failureFactor"]) == (True, False, 5)
    assert (REALM["waitIncrementSeconds"], REALM["maxFailureWaitSeconds"], REALM["maxDeltaTimeSeconds"]) == (60, 900, 12 * 3600)


def test_sign_ins_and_changes_are_recorded_for_thirty_days() -> None:
    assert REALM["eventsEnabled"]
    assert REALM["adminEventsEnabled"]
    assert REALM["eventsExpiration"] == 30 * 24 * 3600


def test_sessions_of_the_realm_and_ours_last_equally_long_and_renewals_are_used_once() -> None:
    assert REALM["ssoSessionIdleTimeout"] == SESSION_IDLE.total_seconds()
    assert REALM["ssoSessionMaxLifespan"] == SESSION_LIFE.total_seconds()
    assert (REALM["revokeRefreshToken"], REALM["refreshTokenMaxReuse"], REALM["accessTokenLifespan"]) == (True, 0, 300)


def test_nobody_comes_with_the_file() -> None:
    assert not {"users", "groups", "clients", "defaultGroups", "identityProviders"} & REALM.keys()
    assert not (REALM["registrationAllowed"] or REALM["resetPasswordAllowed"])


@pytest.mark.parametrize(("proof", "step"), [("password", "allow-access-authenticator"), ("otp", "auth-otp-form")])
def test_the_second_level_is_never_kept_by_a_session(proof: str, step: str) -> None:
    first, second = flow.levels(proof)
    assert (first.number, second.number, second.age, second.proof) == (1, 2, "0", step)
    named = json.loads(REALM["attributes"]["acr.loa.map"])
    assert named == {"urn:itsm:loa:1": first.number, "urn:itsm:loa:2": second.number}
