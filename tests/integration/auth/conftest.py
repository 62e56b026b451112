"""A realm of its own in the real Keycloak, provisioned as an installation would do it and deleted at the end."""

import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from keycloak import KeycloakAdmin
from pydantic import SecretStr

from services.auth.realm.apply import Provisioner
from services.auth.realm.command import ProvisionSettings, connect
from services.auth.realm.wanted import ROLES, SERVICES, ClientWish, ConsoleWish, UserWish, Wishes
from tests.support.signin import Client


@dataclass(frozen=True)
class Realm:
    """A provisioned realm, and what its people know."""

    name: str
    url: str
    admin: KeycloakAdmin
    wishes: Wishes
    first_run: list[str]
    logout_port: int

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{self.name}"

    @property
    def certs(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/certs"

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/token"

    def password(self, user: str) -> str:
        return self.wishes.users[user].password.get_secret_value()

    def secret(self, client: str) -> str:
        return self.wishes.clients[client].secret.get_secret_value()

    def console(self) -> Client:
        wish = self.wishes.console
        assert wish is not None
        return Client(self.issuer, wish.client_id, wish.redirect_uris[0], wish.secret.get_secret_value())


def _wishes(logout_port: int) -> Wishes:
    def secret() -> SecretStr:
        return SecretStr(secrets.token_urlsafe(24))

    users = {role: UserWish(password=secret(), roles=(role,)) for role in ROLES}
    users["both"] = UserWish(password=secret(), roles=("admin",), tenants=("acme", "main"))
    groups = ("/acme/roles/admin", "/acme/service-desk", "/main/network")
    users["acme-admin"] = UserWish(password=secret(), roles=("viewer",), tenants=("acme",), groups=groups)
    return Wishes(
        clients={f"itsm-{service}": ClientWish(secret=secret()) for service in SERVICES},
        console=ConsoleWish(
            secret=secret(),
            redirect_uris=("http://127.0.0.1:20080/auth/callback",),
            post_logout_redirect_uris=("http://127.0.0.1:20080/",),
            backchannel_logout_url=f"http://127.0.0.1:{logout_port}/auth/backchannel-logout",
        ),
        users=users,
    )


def admin_of(backing: dict[str, Any], realm: str) -> KeycloakAdmin:
    given = backing["keycloak"]["provision"]
    return connect(
        ProvisionSettings(
            keycloak_url=given["ITSM_KEYCLOAK_URL"],
            keycloak_realm=realm,
            keycloak_client_id=given["ITSM_KEYCLOAK_CLIENT_ID"],
            keycloak_client_secret=given["ITSM_KEYCLOAK_CLIENT_SECRET"],
        )
    )


@pytest.fixture(scope="session")
async def realm(backing: dict[str, Any]) -> AsyncIterator[Realm]:
    name = f"test-{secrets.token_hex(4)}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        logout_port = taken.getsockname()[1]
    admin, wishes = admin_of(backing, name), _wishes(logout_port)
    first_run = await Provisioner(admin=admin, wishes=wishes, realm=name).run()
    yield Realm(name, backing["keycloak"]["url"], admin, wishes, first_run, logout_port)
    await admin.a_delete_realm(name)
