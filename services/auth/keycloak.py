"""People, groups, organizations and events of the realm, read through python-keycloak with the service's own account.

Fails with `Unavailable` when Keycloak does not answer or refuses; what was read before stays as it is.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError

from chassis.errors import Unavailable
from chassis.trust import bundle
from services.auth.domain.person import Group, Organization, Person, Snapshot
from services.auth.domain.realm_event import RealmEvent
from services.auth.domain.roles import PEOPLE_ROLES
from services.auth.ports import Refused

_PAGE = 200
_API = "itsm-api"
_ACCOUNT = {"first_name": "firstName", "last_name": "lastName", "email": "email"}

Fetch = Callable[[dict[str, int]], Awaitable[list[dict[str, Any]]]]


def connect(issuer: str, client_id: str, secret: str, authorities: Path | None = None) -> KeycloakAdmin:
    """The service's own account in the realm that `issuer` names; it signs in at the first call."""
    base, _, realm = issuer.rpartition("/realms/")
    connection = KeycloakOpenIDConnection(
        server_url=base,
        realm_name=realm,
        user_realm_name=realm,
        client_id=client_id,
        client_secret_key=secret,
        timeout=20,
        verify=bundle(authorities) or True,
    )
    return KeycloakAdmin(connection=connection)


class KeycloakDirectory:
    """The realm as a directory."""

    def __init__(self, admin: KeycloakAdmin) -> None:
        self._admin = admin

    async def snapshot(self) -> Snapshot:
        """See `ports.Directory`."""
        try:
            groups = await self._groups()
            roles = await self._roles(groups)
            people = [_person(user, roles[user["id"]]) for user in await _all(self._admin.a_get_users)]
            return Snapshot(people=tuple(people), groups=tuple(groups), organizations=tuple(await self._organizations()))
        except (KeycloakError, httpx.HTTPError) as problem:
            raise Unavailable("the realm cannot be read", reason="DIRECTORY") from problem

    async def _groups(self) -> list[Group]:
        found, waiting = [], list(await self._admin.a_get_groups(full_hierarchy=True))
        while waiting:
            group = waiting.pop()
            waiting += group.get("subGroups", [])
            members = await self._group_members(group["id"])
            found.append(Group(id=group["id"], path=group["path"], member_ids=members))
        return sorted(found, key=lambda group: group.path)

    async def _group_members(self, group_id: str) -> tuple[str, ...]:
        async def fetch(query: dict[str, int]) -> list[dict[str, Any]]:
            members: list[dict[str, Any]] = await self._admin.a_get_group_members(group_id, query)
            return members

        return tuple(member["id"] for member in await _all(fetch))

    async def _roles(self, groups: list[Group]) -> dict[str, set[str]]:
        """The client roles of each person, given directly or through a group."""
        clients = {client["clientId"]: client["id"] for client in await self._admin.a_get_clients()}
        members = {group.id: group.member_ids for group in groups}
        held: dict[str, set[str]] = defaultdict(set)
        for role in sorted(PEOPLE_ROLES):

            async def fetch(query: dict[str, int], role: str = role) -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = await self._admin.a_get_client_role_members(clients[_API], role, **query)
                return found

            for user in await _all(fetch):
                held[user["id"]].add(role)
            for group in await self._admin.a_get_client_role_groups(clients[_API], role):
                for member in members.get(group["id"], ()):
                    held[member].add(role)
        return held

    async def _organizations(self) -> list[Organization]:
        found = []
        for organization in await _all(self._admin.a_get_organizations):

            async def fetch(query: dict[str, int], id: str = organization["id"]) -> list[dict[str, Any]]:  # noqa: A002
                members: list[dict[str, Any]] = await self._admin.a_get_organization_members(id, query)
                return members

            members = tuple(member["id"] for member in await _all(fetch))
            found.append(
                Organization(
                    alias=organization["alias"],
                    name=organization["name"],
                    enabled=organization.get("enabled", True),
                    member_ids=members,
                )
            )
        return found


class KeycloakLog:
    """What the realm keeps of its own events."""

    def __init__(self, admin: KeycloakAdmin) -> None:
        self._admin = admin

    async def pages(self, kind: str, since: datetime) -> AsyncIterator[Sequence[RealmEvent]]:
        """See `ports.RealmLog`. The newest come first: what happens meanwhile moves others to the next page, never past it."""
        fetch = self._admin.a_get_admin_events if kind == "admin" else self._admin.a_get_events
        first = 0
        while True:
            query = {"dateFrom": str(int(since.timestamp() * 1000)), "first": first, "max": _PAGE}
            try:
                page = await fetch(query)
            except (KeycloakError, httpx.HTTPError) as problem:
                raise Unavailable("the realm's events cannot be read", reason="REALM_EVENTS") from problem
            yield [RealmEvent.of(kind, each) for each in page]
            first += len(page)
            if len(page) < _PAGE:
                return


class KeycloakPeople:
    """Accounts of the realm. See `ports.RealmPeople`."""

    def __init__(self, admin: KeycloakAdmin) -> None:
        self._admin = admin
        self._organizations: dict[str, str] = {}
        self._teams: dict[tuple[str, str], str] = {}

    async def create(self, tenant: str, username: str, fields: Mapping[str, str]) -> str:
        """See `ports.RealmPeople`."""
        account = {"username": username, "enabled": True, **_account(fields)}
        with _asking():
            subject = str(await self._admin.a_create_user(account))
        await self.admit(tenant, subject)
        return subject

    async def admit(self, tenant: str, subject: str) -> None:
        """See `ports.RealmPeople`."""
        with _asking(known=409):
            await self._admin.a_organization_user_add(subject, await self._organization(tenant))

    async def change(self, subject: str, fields: Mapping[str, str], *, enabled: bool | None = None) -> None:
        """See `ports.RealmPeople`."""
        with _asking():
            # The realm takes what is left out of an account's profile for empty.
            known = await self._admin.a_get_user(subject)
            update = known | _account(fields) | ({} if enabled is None else {"enabled": enabled})
            await self._admin.a_update_user(subject, update)
            if enabled is False:
                await self._admin.a_user_logout(subject)

    async def join(self, tenant: str, subject: str, team: str) -> None:
        """See `ports.RealmPeople`."""
        try:
            with _asking():
                await self._admin.a_group_user_add(subject, await self._made(tenant, team))
        except Refused:
            self._teams.pop((tenant, team), None)  # it may have been deleted since
            raise

    async def leave(self, tenant: str, subject: str, team: str) -> None:
        """See `ports.RealmPeople`."""
        with _asking(known=404):
            _, found = await self._found(tenant, team)
            if found:
                await self._admin.a_group_user_remove(subject, found)

    async def _organization(self, tenant: str) -> str:
        if tenant not in self._organizations:
            found = await _all(self._admin.a_get_organizations)
            self._organizations = {each["alias"]: each["id"] for each in found}
        if tenant not in self._organizations:
            raise Refused(f"the realm has no organization {tenant}")
        return self._organizations[tenant]

    async def _made(self, tenant: str, team: str) -> str:
        """The group of a team, which is made where there is none."""
        if (tenant, team) not in self._teams:
            parent, found = await self._found(tenant, team)
            parent = parent or str(await self._admin.a_create_group({"name": tenant}))
            self._teams[tenant, team] = found or str(await self._admin.a_create_group({"name": team}, parent=parent))
        return self._teams[tenant, team]

    async def _found(self, tenant: str, team: str) -> tuple[str, str]:
        """The tenant's group and that of the team below it; empty where there is none."""
        parent = _named(await self._admin.a_get_groups(), tenant)
        below = await _all(partial(self._admin.a_get_group_children, parent)) if parent else []
        return parent, _named(below, team)


def _named(groups: Sequence[dict[str, Any]], name: str) -> str:
    return next((str(group["id"]) for group in groups if group["name"] == name), "")


@contextmanager
def _asking(known: int = 0) -> Iterator[None]:
    """What the realm says no to is a refusal, except for the `known` status, which says that it is so already."""
    try:
        yield
    except (KeycloakError, httpx.HTTPError) as problem:
        status = getattr(problem, "response_code", None) or 0
        if status and status == known:
            return
        if status in (400, 404, 409):
            raise Refused(_told(problem)) from problem
        raise Unavailable("the realm does not do what it is asked", reason="DIRECTORY") from problem


def _told(problem: Exception) -> str:
    """What the realm says, without its wrapping."""
    body = getattr(problem, "response_body", b"") or b""
    try:
        said = json.loads(body)
    except ValueError:
        return "the realm refuses it"
    said = said if isinstance(said, dict) else {}
    return f"the realm refuses it: {said.get('errorMessage') or said.get('error') or 'without a reason'}"


def _account(fields: Mapping[str, str]) -> dict[str, Any]:
    """Another address is nobody's proven one, whatever was proven of the one before."""
    unproven = {"emailVerified": False} if "email" in fields else {}
    return {_ACCOUNT[name]: value for name, value in fields.items()} | unproven


async def _all(fetch: Fetch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await fetch({"first": len(found), "max": _PAGE})
        found += page
        if len(page) < _PAGE:
            return found


def _person(user: dict[str, Any], roles: set[str]) -> Person:
    name = " ".join(part for part in (user.get("firstName", ""), user.get("lastName", "")) if part)
    return Person(
        id=user["id"],
        username=user["username"],
        display_name=name or user["username"],
        email=user.get("email", ""),
        enabled=user.get("enabled", False),
        roles=tuple(sorted(roles)),
        email_verified=user.get("emailVerified", False),
    )
