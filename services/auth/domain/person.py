"""People, teams and tenants as the realm knows them. They are mirrored, not kept: the realm is where they change."""

from dataclasses import dataclass

_ROLES = "roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in. `roles` are the realm's client roles, from groups too: they count in the home tenant."""

    id: str
    username: str
    display_name: str
    email: str
    enabled: bool
    roles: tuple[str, ...] = ()
    email_verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of the realm by its path, `/main/service-desk`, and who is in it."""

    id: str
    path: str
    member_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A tenant: its alias, and who belongs to it."""

    alias: str
    name: str
    enabled: bool
    member_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of it at one moment."""

    people: tuple[Person, ...]
    groups: tuple[Group, ...]
    organizations: tuple[Organization, ...]


def teams_of(tenant: str, groups: tuple[Group, ...]) -> list[tuple[str, Group]]:
    """The tenant's teams by name: groups right below the group that bears the tenant's name."""
    found = []
    for group in groups:
        match group.path.split("/"):
            case ["", owner, name] if owner == tenant and name != _ROLES:
                found.append((name, group))
    return found


def roles_by_group(tenant: str, person_id: str, groups: tuple[Group, ...]) -> frozenset[str]:
    """Roles in one tenant alone, by membership of `/<tenant>/roles/<role>`: how the first administrator of a tenant is made."""
    found = set()
    for group in groups:
        match group.path.split("/"):
            case ["", owner, "roles", role] if owner == tenant and person_id in group.member_ids:
                found.add(role)
    return frozenset(found)
