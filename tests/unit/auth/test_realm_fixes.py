"""A realm that was made by hand, compared with what is needed: each thing that it lacks is told with the way to it."""

import re
from typing import Any

import pytest
from keycloak.exceptions import KeycloakGetError
from pydantic import SecretStr

from services.auth.realm import wanted
from services.auth.realm.apply import Provisioner
from services.auth.realm.fixes import fix
from services.auth.realm.wanted import ConsoleWish, UserWish, Wishes

CONSOLE = ConsoleWish(secret=SecretStr("s"), redirect_uris=("https://itsm.example/auth/callback",))
ANN = UserWish(password=SecretStr("p"), roles=("agent",), tenants=("acme",), groups=("/acme/network",))
BY_PROVISION = "python -m services.auth provision"


class HandMade:
    """A realm as somebody may have made it; reading is all that it can do, so that a change would be an error."""

    def __init__(self, **clients: dict[str, Any]) -> None:
        self.clients = [{"clientId": name.replace("_", "-"), "id": name, **fields} for name, fields in clients.items()]
        self.scopes: list[dict[str, Any]] = []
        self.users: dict[str, str] = {}

    async def a_get_realm(self, name: str) -> dict[str, Any]:
        return {"realm": name, "enabled": True, "browserFlow": "browser", "attributes": {}}

    async def a_get_authentication_flows(self) -> list[dict[str, Any]]:
        return [{"alias": "browser"}]

    async def a_get_client_scope_by_name(self, name: str) -> dict[str, Any] | None:
        return next((scope for scope in self.scopes if scope["name"] == name), None)

    async def a_get_mappers_from_client_scope(self, _id: str) -> list[dict[str, Any]]:
        return [{"id": "m", "name": "audience", "config": {"included.client.audience": "other"}}]

    async def a_get_clients(self) -> list[dict[str, Any]]:
        return self.clients

    async def a_get_client_scopes(self) -> list[dict[str, Any]]:
        return self.scopes

    async def a_get_client_roles(self, client_id: str) -> list[dict[str, Any]]:
        names = wanted.ADMIN_ROLES if client_id == "realm_management" else ("agent",)
        return [{"name": name} for name in names]

    async def a_get_client_specific_roles_of_client_scope(self, _scope: str, _client: str) -> list[dict[str, Any]]:
        return []

    async def a_get_client_service_account_user(self, _client: str) -> dict[str, Any]:
        return {"id": "account"}

    async def a_get_client_roles_of_user(self, _user: str, _client: str) -> list[dict[str, Any]]:
        return []

    async def a_get_client_roles_of_client_scope(self, _client: str, _of: str) -> list[dict[str, Any]]:
        return []

    async def a_add_client_default_client_scope(self, *given: object) -> None:
        raise AssertionError(f"only looked at, and changed: {given}")

    a_add_client_optional_client_scope = a_add_client_default_client_scope

    async def a_get_organizations(self, _query: dict[str, str]) -> list[dict[str, Any]]:
        raise KeycloakGetError("Organizations not enabled for this realm.", response_code=404)

    async def a_get_user_id(self, name: str) -> str | None:
        return self.users.get(name)

    async def a_get_user_groups(self, _user: str) -> list[dict[str, Any]]:
        return []


async def lacking(realm: HandMade) -> list[str]:
    wishes = Wishes(console=CONSOLE, users={"ann": ANN, "bob": ANN})
    return await Provisioner(admin=realm, wishes=wishes, dry_run=True).run()


def half_made() -> HandMade:
    """With some of our things, each wrong in some way."""
    realm = HandMade(
        itsm_api={"bearerOnly": True, "fullScopeAllowed": True},
        itsm_auth={"serviceAccountsEnabled": True, "defaultClientScopes": ["basic"]},
        itsm_console={"secret": "other", "redirectUris": ["*"]},
        realm_management={},
    )
    realm.scopes = [{"id": name, "name": name} for name in (wanted.SCOPE, wanted.ROLES_SCOPE)]
    realm.users = {"ann": "u-1"}
    return realm


@pytest.mark.parametrize("made", [HandMade, half_made])
async def test_each_thing_that_a_hand_made_realm_lacks_is_told_with_its_fix(made: Any) -> None:
    told = await lacking(made())
    assert len(told) > 25
    unhelped = [line for line in told if fix(line) == BY_PROVISION]
    assert unhelped == []
    assert not [line for line in told if re.search(r"[{}]\d", fix(line))]


async def test_fixes_name_what_they_are_about() -> None:
    bare, half = set(await lacking(HandMade())), set(await lacking(half_made()))
    for line, way in {
        "client itsm-cli: missing": "Clients → create itsm-cli",
        "flow itsm browser: missing": "duplicate `browser`",
        "organization acme: missing": "alias acme",
        "user bob: missing": "Users → create bob",
    }.items():
        assert line in bare
        assert way in fix(line)
    for line, way in {
        "client itsm-auth: defaultClientScopes lacks itsm": "Clients → itsm-auth → Client scopes: add itsm as default",
        "client itsm-console: secret differs": "Clients → itsm-console → Credentials",
        f"client itsm-auth: its account lacks {', '.join(sorted(wanted.ADMIN_ROLES))}": "Service account roles",
        "role viewer: missing": "Roles: create viewer",
        "mapper roles: missing": "Mappers: add roles",
        "user ann: not in /acme/network": "Users → ann → Groups: join /acme/network",
    }.items():
        assert line in half
        assert way in fix(line)


def test_what_no_rule_knows_is_put_right_by_the_program() -> None:
    assert fix("something new: odd") == BY_PROVISION
