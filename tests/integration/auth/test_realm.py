"""The realm as code against the real Keycloak: applied once, it stays; what was changed by hand is found and put right."""

import secrets
from typing import Any

import pytest
from pydantic import SecretStr

from services.auth.realm import wanted
from services.auth.realm.apply import Provisioner
from services.auth.realm.flow import FLOW
from services.auth.realm.wanted import Wishes
from services.auth.realm.withdraw import withdraw
from tests.integration.auth.conftest import Realm, admin_of


async def differences(realm: Realm, *, dry_run: bool = True) -> list[str]:
    run = Provisioner(admin=realm.admin, wishes=realm.wishes, realm=realm.name, dry_run=dry_run)
    return await run.run()


async def client_of(realm: Realm, name: str) -> dict[str, Any]:
    return next(client for client in await realm.admin.a_get_clients() if client["clientId"] == name)


async def test_a_second_run_changes_nothing(realm: Realm) -> None:
    assert realm.first_run[0] == f"realm {realm.name}: missing"
    assert await differences(realm, dry_run=False) == []


async def test_no_client_of_ours_has_a_password_or_implicit_grant_or_full_scope(realm: Realm) -> None:
    ours = [client for client in await realm.admin.a_get_clients() if client["clientId"].startswith("itsm-")]
    assert len(ours) == 3 + len(wanted.SERVICES)
    for client in ours:
        assert not client["directAccessGrantsEnabled"], client["clientId"]
        assert not client["implicitFlowEnabled"], client["clientId"]
        assert not client["fullScopeAllowed"], client["clientId"]
        assert not any("*" in address for address in client.get("redirectUris", [])), client["clientId"]


async def test_a_dry_run_tells_what_was_changed_by_hand_and_changes_nothing(realm: Realm) -> None:
    console = await client_of(realm, "itsm-console")
    await realm.admin.a_update_client(console["id"], {**console, "directAccessGrantsEnabled": True, "redirectUris": ["*"]})
    realm_settings = await realm.admin.a_get_realm(realm.name)
    await realm.admin.a_update_realm(realm.name, {**realm_settings, "bruteForceProtected": False})
    for _ in range(2):
        found = await differences(realm)
        assert f"realm {realm.name}: bruteForceProtected is False, should be True" in found
        assert "client itsm-console: directAccessGrantsEnabled is True, should be False" in found
        assert any(line.startswith("client itsm-console: redirectUris is ['*']") for line in found)
        assert len(found) == 3
    assert len(await differences(realm, dry_run=False)) == 3
    assert await differences(realm) == []


async def test_a_changed_sign_in_flow_is_found_and_put_right(realm: Realm) -> None:
    details = await realm.admin.a_get_realm(realm.name)
    assert details["browserFlow"] == FLOW
    await realm.admin.a_update_realm(realm.name, {**details, "browserFlow": "browser"})
    steps = await realm.admin.a_get_authentication_flow_executions(FLOW)
    step = next(step for step in steps if step.get("displayName") == f"{FLOW} level 2")
    await realm.admin.a_update_authentication_flow_executions({**step, "requirement": "DISABLED"}, FLOW)
    found = await differences(realm)
    assert found == [
        f"flow {FLOW} level 2: requirement is 'DISABLED', should be 'CONDITIONAL'",
        f"realm {realm.name}: browserFlow is 'browser', should be '{FLOW}'",
    ]
    assert await differences(realm, dry_run=False) == found
    assert await differences(realm) == []


async def test_a_changed_secret_is_found_and_never_printed(realm: Realm) -> None:
    client = await client_of(realm, "itsm-monitor")
    await realm.admin.a_update_client(client["id"], {**client, "secret": "something-else"})
    found = await differences(realm, dry_run=False)
    assert found == ["client itsm-monitor: secret differs"]
    assert await differences(realm) == []


async def test_what_others_put_into_the_realm_stays(realm: Realm) -> None:
    await realm.admin.a_create_client({"clientId": "grafana", "enabled": True})
    await realm.admin.a_create_user({"username": "someone", "enabled": True})
    console = await client_of(realm, "itsm-console")
    attributes = {**console["attributes"], "logo.of.customer": "yes"}
    await realm.admin.a_update_client(console["id"], {**console, "name": "Renamed", "attributes": attributes})
    await differences(realm, dry_run=False)
    assert await client_of(realm, "grafana")
    assert await realm.admin.a_get_user_id("someone")
    assert (await client_of(realm, "itsm-console"))["attributes"]["logo.of.customer"] == "yes"


async def test_a_realm_that_is_not_there_is_told_as_missing(backing: dict[str, Any], realm: Realm) -> None:
    run = Provisioner(admin=admin_of(backing, "nowhere"), wishes=realm.wishes, realm="nowhere", dry_run=True)
    assert await run.run() == ["realm nowhere: missing"]


async def test_the_people_of_a_demonstration_go_again_and_nobody_who_belongs_elsewhere(realm: Realm) -> None:
    users = {
        name: wanted.UserWish(password=SecretStr(secrets.token_urlsafe(24)), roles=(), tenants=tenants)
        for name, tenants in {"shown": ("demo-realm",), "both-shown": ("demo-realm", "main")}.items()
    }
    wishes = Wishes(tenant="demo-realm", clients=realm.wishes.clients, console=realm.wishes.console, users=users)
    await Provisioner(admin=realm.admin, wishes=wishes, realm=realm.name).run()
    assert await realm.admin.a_get_user_id("shown")

    assert await withdraw(realm.admin, wishes) == ["user shown: gone"]

    assert await realm.admin.a_get_user_id("shown") is None
    assert await realm.admin.a_get_user_id("both-shown")
    assert await withdraw(realm.admin, wishes) == []
    with pytest.raises(ValueError, match="no tenant for demonstration"):
        await withdraw(realm.admin, realm.wishes)
