"""Brings a live realm to what `wanted` says, or tells how it differs. Creates and updates, never deletes.

Fails with `KeycloakError` of python-keycloak when the server refuses or does not answer; running it again carries on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError, KeycloakPostError

from services.auth.realm import wanted
from services.auth.realm.flow import FLOW, SignInFlow
from services.auth.realm.wanted import Wishes

REALM_FILE = Path(__file__).parent / "realm.json"
_CONFLICT = 409
_NOT_FOUND = 404
_SECRETS = ("secret", "credentials")


@dataclass(slots=True)
class Provisioner:
    """One pass over a realm. `differences` lists what was (or, in a dry run, would be) created or changed, without secrets."""

    admin: KeycloakAdmin
    wishes: Wishes
    dry_run: bool = False
    realm: str = "itsm"
    differences: list[str] = field(default_factory=list)
    _clients: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def run(self) -> list[str]:
        """Does all of it, in the order in which one thing needs the other."""
        if not await self._realm():
            return self.differences
        await self._sign_in()
        scope_ids = {want["name"]: await self._scope(want) for want in wanted.SCOPES}
        if scope_ids[wanted.SCOPE]:
            await self._mappers(scope_ids[wanted.SCOPE])
        await self._all_clients()
        await self._roles(scope_ids[wanted.ROLES_SCOPE])
        await self._service_account_rights()
        await self._organizations_and_users()
        return self.differences

    async def _realm(self) -> bool:
        want = json.loads(REALM_FILE.read_text()) | {"realm": self.realm}
        try:
            have = await self.admin.a_get_realm(self.realm)
        except KeycloakError as problem:
            if problem.response_code != _NOT_FOUND:
                raise
            self._differs(f"realm {self.realm}: missing")
            if not self.dry_run:
                await self.admin.a_create_realm(want)
            return not self.dry_run
        change = _change(have, want)
        if change:
            self._tell(f"realm {self.realm}", have, change)
            if not self.dry_run:
                await self.admin.a_update_realm(self.realm, _merged(have, want))
        return True

    async def _sign_in(self) -> None:
        """After the realm: a flow is made inside of one. `own` leaves it to the installation what leads to the levels."""
        if self.wishes.step_up == "own":
            return
        await SignInFlow(self.admin, self.wishes.step_up, self._differs, self.dry_run).run()
        have = await self.admin.a_get_realm(self.realm)
        if have.get("browserFlow") != FLOW:
            self._differs(f"realm {self.realm}: browserFlow is {have.get('browserFlow')!r}, should be {FLOW!r}")
            if not self.dry_run:
                await self.admin.a_update_realm(self.realm, {**have, "browserFlow": FLOW})

    async def _scope(self, want: Mapping[str, Any]) -> str:
        have = await self.admin.a_get_client_scope_by_name(want["name"])
        if have is None:
            self._differs(f"scope {want['name']}: missing")
            return "" if self.dry_run else str(await self.admin.a_create_client_scope(dict(want), skip_exists=True))
        if change := _change(have, want):
            self._tell(f"scope {want['name']}", have, change)
            if not self.dry_run:
                await self.admin.a_update_client_scope(have["id"], _merged(have, want))
        return str(have["id"])

    async def _mappers(self, scope_id: str) -> None:
        mappers = {mapper["name"]: mapper for mapper in await self.admin.a_get_mappers_from_client_scope(scope_id)}
        for name, want in wanted.MAPPERS.items():
            await self._mapper(scope_id, mappers.get(name), want)

    async def _mapper(self, scope_id: str, have: Mapping[str, Any] | None, want: Mapping[str, Any]) -> None:
        if have is None:
            self._differs(f"mapper {want['name']}: missing")
            if not self.dry_run:
                await self.admin.a_add_mapper_to_client_scope(scope_id, dict(want))
        elif change := _change(have, want):
            self._tell(f"mapper {want['name']}", have, change)
            if not self.dry_run:
                await self.admin.a_update_mapper_in_client_scope(scope_id, have["id"], _merged(have, want))

    async def _all_clients(self) -> None:
        self._clients = {client["clientId"]: client for client in await self.admin.a_get_clients()}
        scopes = {scope["name"]: scope["id"] for scope in await self.admin.a_get_client_scopes()}
        for want in wanted.clients(self.wishes):
            await self._client(want, scopes)

    async def _client(self, want: dict[str, Any], scopes: Mapping[str, str]) -> None:
        name = want["clientId"]
        have = self._clients.get(name)
        if have is None:
            self._differs(f"client {name}: missing")
            if not self.dry_run:
                self._clients[name] = {**want, "id": await self.admin.a_create_client(want, skip_exists=True)}
            return
        plain = {key: value for key, value in want.items() if not key.endswith("ClientScopes")}
        if change := _change(have, plain):
            self._tell(f"client {name}", have, change)
            if not self.dry_run:
                await self.admin.a_update_client(have["id"], _merged(have, plain))
        for kind, add in (
            ("defaultClientScopes", self.admin.a_add_client_default_client_scope),
            ("optionalClientScopes", self.admin.a_add_client_optional_client_scope),
        ):
            for missing in sorted(set(want.get(kind, ())) - set(have.get(kind, ()))):
                self._differs(f"client {name}: {kind} lacks {missing}")
                if not self.dry_run:
                    payload = {"realm": self.realm, "client": have["id"], "clientScopeId": scopes[missing]}
                    await add(have["id"], scopes[missing], payload)

    async def _roles(self, scope_id: str) -> None:
        api = self._clients.get(wanted.API)
        if api is None:
            return
        have = {role["name"]: role for role in await self.admin.a_get_client_roles(api["id"])}
        for name, description in wanted.ROLES.items():
            if name not in have:
                self._differs(f"role {name}: missing")
                if not self.dry_run:
                    payload = {"name": name, "description": description}
                    await self.admin.a_create_client_role(api["id"], payload, skip_exists=True)
        if not scope_id:
            return
        mapped = {role["name"] for role in await self.admin.a_get_client_specific_roles_of_client_scope(scope_id, api["id"])}
        missing = set(wanted.ROLES) - mapped
        if missing:
            self._differs(f"scope {wanted.ROLES_SCOPE}: lets the roles {', '.join(sorted(missing))} not through")
            if not self.dry_run:
                roles = [role for role in await self.admin.a_get_client_roles(api["id"]) if role["name"] in missing]
                await self.admin.a_add_client_specific_roles_to_client_scope(scope_id, api["id"], roles)

    async def _service_account_rights(self) -> None:
        """The auth service mirrors users and ends sessions: a role counts only when account and client both hold it."""
        account, management = self._clients.get("itsm-auth"), self._clients.get(wanted.ADMIN_CLIENT)
        if account is None or management is None:
            return
        roles = [role for role in await self.admin.a_get_client_roles(management["id"]) if role["name"] in wanted.ADMIN_ROLES]
        person = await self.admin.a_get_client_service_account_user(account["id"])
        held = {role["name"] for role in await self.admin.a_get_client_roles_of_user(person["id"], management["id"])}
        if lacking := [role for role in roles if role["name"] not in held]:
            self._differs(f"client itsm-auth: its account lacks {_names(lacking)}")
            if not self.dry_run:
                await self.admin.a_assign_client_role(person["id"], management["id"], lacking)
        known = await self.admin.a_get_client_roles_of_client_scope(account["id"], management["id"])
        mapped = {role["name"] for role in known}
        if lacking := [role for role in roles if role["name"] not in mapped]:
            self._differs(f"client itsm-auth: its scope lacks {_names(lacking)}")
            if not self.dry_run:
                await self.admin.a_assign_client_roles_to_client_scope(account["id"], management["id"], lacking)

    async def _organizations_and_users(self) -> None:
        named = {self.wishes.tenant, *(tenant for user in self.wishes.users.values() for tenant in user.tenants)}
        tenants = {name: await self._organization(name) for name in sorted(named)}
        for name, wish in self.wishes.users.items():
            user_id = await self._user(name, wish)
            if user_id:
                await self._user_roles(name, user_id, wish)
                for tenant in wish.tenants or (self.wishes.tenant,):
                    await self._member(name, user_id, tenant, tenants[tenant])
                await self._user_groups(name, user_id, wish)

    async def _organization(self, alias: str) -> str:
        try:
            for have in await self.admin.a_get_organizations({"search": alias}):
                if have.get("alias") == alias:
                    return str(have["id"])
        except KeycloakError as problem:
            # A realm that knows no organizations yet says so; when it is only looked at, it is still as it was.
            if not (self.dry_run and problem.response_code == _NOT_FOUND):
                raise
        self._differs(f"organization {alias}: missing")
        if self.dry_run:
            return ""
        created = await self.admin.a_create_organization({"name": alias, "alias": alias, "enabled": True})
        return str(created)

    async def _user(self, name: str, wish: wanted.UserWish) -> str:
        """The user's id. A password is given at creation only: later it is the user's own."""
        want = wanted.user(name, wish)
        user_id = await self.admin.a_get_user_id(name)
        if user_id is None:
            self._differs(f"user {name}: missing")
            return "" if self.dry_run else str(await self.admin.a_create_user(want, exist_ok=True))
        return str(user_id)

    async def _user_roles(self, name: str, user_id: str, wish: wanted.UserWish) -> None:
        api = self._clients.get(wanted.API)
        if api is None:  # only looked at: what the role belongs to is told as missing already
            return
        held = {role["name"] for role in await self.admin.a_get_client_roles_of_user(user_id, api["id"])}
        missing = set(wish.roles) - held
        if missing:
            self._differs(f"user {name}: lacks {', '.join(sorted(missing))}")
            if not self.dry_run:
                roles = [role for role in await self.admin.a_get_client_roles(api["id"]) if role["name"] in missing]
                await self.admin.a_assign_client_role(user_id, api["id"], roles)

    async def _member(self, name: str, user_id: str, alias: str, organization_id: str) -> None:
        if not organization_id:
            return
        if any(have["alias"] == alias for have in await self.admin.a_get_user_organizations(user_id)):
            return
        self._differs(f"user {name}: no member of {alias}")
        if self.dry_run:
            return
        try:
            await self.admin.a_organization_user_add(user_id, organization_id)
        except KeycloakPostError as problem:
            if problem.response_code != _CONFLICT:
                raise

    async def _user_groups(self, name: str, user_id: str, wish: wanted.UserWish) -> None:
        held = {group["path"] for group in await self.admin.a_get_user_groups(user_id)} if wish.groups else set()
        for path in wish.groups:
            if path in held:
                continue
            self._differs(f"user {name}: not in {path}")
            if not self.dry_run:
                await self.admin.a_group_user_add(user_id, await self._group(path))

    async def _group(self, path: str) -> str:
        """The group's id; what is missing of its path is made."""
        parent: str | None = None
        walked = ""
        for part in path.strip("/").split("/"):
            walked += f"/{part}"
            try:
                parent = (await self.admin.a_get_group_by_path(walked))["id"]
            except KeycloakError as problem:
                if problem.response_code != _NOT_FOUND:
                    raise
                parent = await self.admin.a_create_group({"name": part}, parent=parent)
        return str(parent)

    def _differs(self, what: str) -> None:
        self.differences.append(what)

    def _tell(self, what: str, have: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        for name, value in change.items():
            if name in _SECRETS:
                self._differs(f"{what}: {name} differs")
            elif isinstance(value, Mapping):
                self._tell(f"{what}: {name}", have.get(name) or {}, value)
            else:
                self._differs(f"{what}: {name} is {have.get(name)!r}, should be {value!r}")


def _change(have: Mapping[str, Any], want: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted fields that the realm holds otherwise. In nested objects only what is wanted is looked at."""
    change: dict[str, Any] = {}
    for name, value in want.items():
        current = have.get(name)
        if isinstance(value, Mapping):
            if inner := _change(current or {}, value):
                change[name] = inner
        elif isinstance(value, list):
            if sorted(current or []) != sorted(value):
                change[name] = value
        elif current != value and not (current is None and value in ("", False)):
            change[name] = value
    return change


def _merged(have: Mapping[str, Any], want: Mapping[str, Any]) -> dict[str, Any]:
    """The whole object for an update: Keycloak takes what is absent as gone."""
    merged = dict(have)
    for name, value in want.items():
        merged[name] = {**have.get(name, {}), **value} if isinstance(value, Mapping) else value
    return merged


def _names(roles: list[dict[str, Any]]) -> str:
    return ", ".join(sorted(role["name"] for role in roles))
