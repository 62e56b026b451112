"""What the realm must hold, as plain data: scope, mappers, clients, roles, the organization and the demonstration users.

An installation's own part (addresses, secrets, users) comes from a file of wishes; `Wishes.read` fails with `ValueError`
naming the field when that file is not as described there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SecretStr

API = "itsm-api"
CONSOLE = "itsm-console"
CLI = "itsm-cli"
MOBILE = "itsm-mobile"
SCOPE = "itsm"
ROLES_SCOPE = "itsm-roles"
SERVICES = ("asset", "incident", "monitor", "auth", "analytics", "gateway")

ROLES: Mapping[str, str] = {
    "viewer": "Sees everything of the tenant that is not personal",
    "requester": "Reports and follows own requests and incidents",
    "agent": "Works on incidents, requests and problems",
    "incident-manager": "Leads major incidents, sets service levels and calendars",
    "change-manager": "Plans and approves changes",
    "asset-manager": "Keeps assets, licenses and contracts",
    "monitor-manager": "Keeps checks, alert rules, schedules and integrations",
    "analyst": "Builds dashboards, reports and forecasts",
    "auditor": "Reads the audit log and governance records",
    "admin": "Administers the tenant",
    "operator": "Operates the installation",
}
"""The client roles of `itsm-api`, with what each is for."""

ADMIN_CLIENT = "realm-management"
ADMIN_ROLES = ("manage-users", "view-clients", "view-events", "manage-organizations")
"""What the auth service's own account may do in the realm, and no more."""

PERSON_SCOPES = ("basic", "acr", "profile", "email", SCOPE, ROLES_SCOPE)
OPTIONAL_SCOPES = ("organization",)
MOBILE_OPTIONAL_SCOPES = (*OPTIONAL_SCOPES, "offline_access")
MACHINE_SCOPES = ("basic", "acr", "service_account", SCOPE)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientWish(_Part):
    """A service account of this installation."""

    secret: SecretStr


class ConsoleWish(_Part):
    """Where the console is reached; addresses are compared exactly by Keycloak, wildcards are refused here."""

    client_id: str = CONSOLE
    secret: SecretStr
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_url: str = ""


class UserWish(_Part):
    """A demonstration user."""

    password: SecretStr
    roles: tuple[str, ...]
    tenants: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""
    groups: tuple[str, ...] = ()
    """Paths: `/<tenant>/<team>` for a team, `/<tenant>/roles/<role>` for a role in that tenant alone."""


class Wishes(_Part):
    """What an installation adds to the realm. Users and organizations beyond these are left alone."""

    tenant: str = "main"
    clients: Mapping[str, ClientWish] = {}
    console: ConsoleWish | None = None
    users: Mapping[str, UserWish] = {}
    step_up: Literal["password", "otp", "own"] = "password"
    """What the second level of assurance asks for beside the password; `own`: the installation has a flow of its own."""
    mobile_redirect_uris: tuple[str, ...] = ()
    """Where the mobile client is called back, claimed links or schemes of its own; without any there is no such client."""

    @classmethod
    def read(cls, path: Path | None, secrets: Path | None = None) -> "Wishes":
        """Reads the file; without one, secrets are made by Keycloak and the console is left out.

        `secrets` is a folder with what the file itself leaves out: `client.<id>` a client's secret, `user.<name>` a password.
        Raises `OSError` where one of them is missing there too.
        """
        given = json.loads(path.read_text()) if path else {}
        if secrets:
            console = given.get("console")
            for name, client in [*given.get("clients", {}).items(), *([(console["client_id"], console)] if console else [])]:
                client.setdefault("secret", _secret(secrets / f"client.{name}"))
            for name, user in given.get("users", {}).items():
                user.setdefault("password", _secret(secrets / f"user.{name}"))
        wishes = cls.model_validate(given)
        console_uris = wishes.console.redirect_uris if wishes.console else ()
        for address in (*console_uris, *wishes.mobile_redirect_uris):
            if "*" in address or "#" in address:
                raise ValueError(f"redirect_uris: {address} must be one exact address")
        unknown = sorted({role for user in wishes.users.values() for role in user.roles} - set(ROLES))
        if unknown:
            raise ValueError(f"users: there is no role {', '.join(unknown)}")
        return wishes


def _secret(file: Path) -> str:
    return file.read_text().strip()


SCOPES: tuple[Mapping[str, Any], ...] = (
    {
        "name": SCOPE,
        "description": "Audience and roles of the platform",
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "true"},
    },
    {
        "name": ROLES_SCOPE,
        "description": "Lets the roles of the platform through",
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "false"},
    },
)
"""Two, because Keycloak leaves a scope with role mappings out of the tokens of whoever holds none of these roles: service
accounts and people without a role would lose the audience with it."""

MAPPERS: Mapping[str, Mapping[str, Any]] = {
    "audience": {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": API, "access.token.claim": "true", "id.token.claim": "false"},
    },
    "roles": {
        "name": "roles",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-client-role-mapper",
        "config": {
            "usermodel.clientRoleMapping.clientId": API,
            "claim.name": "resource_access.${client_id}.roles",
            "multivalued": "true",
            "jsonType.label": "String",
            "access.token.claim": "true",
            "id.token.claim": "false",
        },
    },
}

_CLOSED: Mapping[str, Any] = {
    "enabled": True,
    "protocol": "openid-connect",
    "publicClient": False,
    "bearerOnly": False,
    "standardFlowEnabled": False,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "serviceAccountsEnabled": False,
    "fullScopeAllowed": False,
}


def clients(wishes: Wishes) -> list[dict[str, Any]]:
    """Every client, with the scopes that it takes. A secret is there only where the wishes give one."""
    wanted = [_api(), _cli()]
    if wishes.console is not None:
        wanted.append(_console(wishes.console))
    if wishes.mobile_redirect_uris:
        wanted.append(_mobile(wishes.mobile_redirect_uris))
    names = {*(f"itsm-{service}" for service in SERVICES), *wishes.clients}
    wanted += [_service(name, wishes.clients.get(name)) for name in sorted(names)]
    return wanted


def _api() -> dict[str, Any]:
    return {**_CLOSED, "clientId": API, "name": "ITSM API", "bearerOnly": True}


def _cli() -> dict[str, Any]:
    return {
        **_CLOSED,
        "clientId": CLI,
        "name": "ITSM command line",
        "publicClient": True,
        "attributes": {"oauth2.device.authorization.grant.enabled": "true", "pkce.code.challenge.method": "S256"},
        "defaultClientScopes": list(PERSON_SCOPES),
        "optionalClientScopes": list(OPTIONAL_SCOPES),
    }


def _console(wish: ConsoleWish) -> dict[str, Any]:
    attributes = {
        "pkce.code.challenge.method": "S256",
        "post.logout.redirect.uris": "##".join(wish.post_logout_redirect_uris),
    }
    if wish.backchannel_logout_url:  # without an address Keycloak resets the other two
        attributes |= {
            "backchannel.logout.url": wish.backchannel_logout_url,
            "backchannel.logout.session.required": "true",
            "backchannel.logout.revoke.offline.tokens": "true",
        }
    return {
        **_CLOSED,
        "clientId": wish.client_id,
        "name": "ITSM console",
        "standardFlowEnabled": True,
        "secret": wish.secret.get_secret_value(),
        "redirectUris": list(wish.redirect_uris),
        "attributes": attributes,
        "defaultClientScopes": list(PERSON_SCOPES),
        "optionalClientScopes": list(OPTIONAL_SCOPES),
    }


def _mobile(redirect_uris: tuple[str, ...]) -> dict[str, Any]:
    return {
        **_CLOSED,
        "clientId": MOBILE,
        "name": "ITSM mobile",
        "publicClient": True,
        "standardFlowEnabled": True,
        "redirectUris": list(redirect_uris),
        "attributes": {"pkce.code.challenge.method": "S256"},
        "defaultClientScopes": list(PERSON_SCOPES),
        "optionalClientScopes": list(MOBILE_OPTIONAL_SCOPES),
    }


def _service(name: str, wish: ClientWish | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        **_CLOSED,
        "clientId": name,
        "name": f"ITSM service account {name}",
        "serviceAccountsEnabled": True,
        "defaultClientScopes": list(MACHINE_SCOPES),
        "optionalClientScopes": [],
    }
    if wish is not None:
        wanted["secret"] = wish.secret.get_secret_value()
    return wanted


def user(name: str, wish: UserWish) -> dict[str, Any]:
    """A demonstration user as Keycloak takes it; without name and mail the first sign-in would stop at a form."""
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@demo.example",
        "emailVerified": True,
        "firstName": wish.first_name or name.replace("-", " ").title(),
        "lastName": wish.last_name or "Demo",
        "credentials": [{"type": "password", "value": wish.password.get_secret_value(), "temporary": False}],
    }
