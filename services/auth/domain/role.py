"""Roles that a tenant makes itself: what they may permit, the rows that they reach, and who may give what.

They permit by name, as those of the table do (`roles.py`), and what their maker does not hold they do not permit.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Self

from itsm.auth import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Denied, Invalid
from chassis.policy import Part, Policy
from services.auth.domain.roles import ADMINISTERS, CATALOG, KEY_ROLES, PEOPLE_ROLES, ROLES, SCOPES, grantable

MOST = 100
"""How many roles of its own a tenant may have."""
USUAL = "agent"
"""The built-in role whose bounds one has that was made from none: of tokens, jobs and notices one's own, else all."""
OF_TEAMS = frozenset({"incidents", "requests", "tasks", "changes", "assets"})
"""Resources whose records a role can be bound to by team: they name one, and their services mind a bound in all they do."""
_NAME = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
_TEXT, _TEAMS = 1000, 50
_NAMED = 10  # so many of what is wrong are named; the rest is counted

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True, kw_only=True)
class Role(Aggregate):
    """A tenant's own role. `bounds` is the built-in role whose row bounds it keeps."""

    name: str
    display_name: str = ""
    description: str = ""
    permissions: list[str] = field(default_factory=list)
    base_role: str = ""
    bounds: str = USUAL
    team_ids: list[str] = field(default_factory=list)
    creator_id: str
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None = None

    @classmethod
    def made(cls, *, id: str, by: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`, naming the fields."""
        role = cls(id=id, creator_id=by, create_time=at, update_time=at, **given)
        role._settle()
        role.record(pb.RoleCreated())
        return role

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told. Raises `Invalid`."""
        before = (self.display_name, self.description, self.permissions, self.team_ids)
        for name, value in fields.items():
            if name in ("name", "base_role"):
                if value != getattr(self, name):
                    raise Invalid({name: "was chosen once and cannot be changed"})
                continue
            setattr(self, name, value)
        self._settle()
        if (self.display_name, self.description, self.permissions, self.team_ids) != before:
            self.update_time = at
            self.record(pb.RoleUpdated())

    def delete(self, at: datetime) -> None:
        """It is gone."""
        self.delete_time = self.update_time = at
        self.record(pb.RoleDeleted())

    @property
    def scopes(self) -> Rows:
        """The rows that it reaches, as the policy says them."""
        return scopes(self.bounds, self.team_ids)

    def _settle(self) -> None:
        self.permissions, self.team_ids = list(dict.fromkeys(self.permissions)), list(dict.fromkeys(self.team_ids))
        if wrong := {name: text for name, text in self._faults().items() if text}:
            raise Invalid(wrong)

    def _faults(self) -> dict[str, str]:
        shadows = self.name in ROLES
        return {
            "name": f"{self.name} is a role that every tenant has: choose another name" if shadows else _misnamed(self.name),
            "display_name": "may have 200 characters at most" if len(self.display_name) > 200 else "",
            "description": f"may have {_TEXT} characters at most" if len(self.description) > _TEXT else "",
            "permissions": self._unpermitted(),
            "team_ids": f"may name {_TEAMS} teams at most" if len(self.team_ids) > _TEAMS else "",
        }

    def _unpermitted(self) -> str:
        if not self.permissions:
            return "name at least one, or a base_role to take them from"
        if strange := [each for each in self.permissions if each not in CATALOG]:
            return listed(f"there is no permission {each[:80]}{_near(each)}" for each in strange)
        if self.team_ids and (teamless := [each for each in self.permissions if each.partition(".")[0] not in OF_TEAMS]):
            of = ", ".join(sorted(OF_TEAMS))
            return f"a role that is bound to teams permits what is done to {of}, and not {listed(teamless, ', ')}"
        return ""


def _misnamed(name: str) -> str:
    return "" if _NAME.fullmatch(name) else "takes 3 to 63 lower-case letters, digits and hyphens, as in network-desk"


def _near(permission: str) -> str:
    near = get_close_matches(permission, CATALOG, 3, 0.6)
    return f"; near it are {', '.join(near)}" if near else ""


def listed(names: Iterable[str], between: str = "; ") -> str:
    """The first of them, and how many more there are."""
    known = list(names)
    more = f"{between}and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return between.join(known[:_NAMED]) + more


def scopes(bounds: str, team_ids: Collection[str]) -> Rows:
    """The rows that a role reaches: those of the built-in role `bounds`, and of these teams where any are named."""
    found = {resource: dict(rows) for resource, rows in SCOPES.get(bounds, SCOPES[USUAL]).items()}
    for resource in OF_TEAMS if team_ids else ():
        found[resource] = {**found.get(resource, {}), "team_id": {"$in": sorted(team_ids)}}
    return found


def part(rows: Iterable[Mapping[str, Any]]) -> Part:
    """What a tenant's own roles add to the policy. A permission that there is none of any more is left out."""
    known = list(rows)
    return Part(
        {row["name"]: CATALOG.intersection(row["permissions"]) for row in known},
        {row["name"]: scopes(row["bounds"], row["team_ids"]) for row in known},
    )


def beyond(policy: Policy, roles: Collection[str], held: Collection[str], permissions: Iterable[str], reach: Rows) -> list[str]:
    """Those of the permissions that somebody does not hold, or for fewer records than `reach` says.

    `roles` are his, `held` what he may use of them now. `policy` is that of his tenant.
    """

    def reached(permission: str) -> bool:
        resource = permission.partition(".")[0]
        known = [policy.scopes.get(role, {}).get(resource) for role in roles if permission in policy.roles.get(role, ())]
        return any(not rows or rows == reach.get(resource) for rows in known)

    return [each for each in permissions if each not in held or not reached(each)]


def giveable(policy: Policy, roles: frozenset[str], held: frozenset[str]) -> frozenset[str]:
    """The roles that somebody may give and take: by the table, and those that permit nothing that he does not hold."""
    names = grantable(roles)
    if "roles.grant" not in held:
        return names
    candidates = (role for role in policy.roles if (role in PEOPLE_ROLES or role not in ROLES) and role not in KEY_ROLES)
    return names | {
        role for role in candidates if not beyond(policy, roles, held, policy.roles[role], policy.scopes.get(role, {}))
    }


def check(role: str, *, policy: Policy, subject: str, by: str, may: Collection[str], permission: str) -> None:
    """May somebody who may give these roles give or take this one? Raises `Invalid` for an unknown role, else `Denied`."""
    own = role in policy.roles and role not in ROLES
    if role not in PEOPLE_ROLES and not own:
        raise Invalid({"role": "is none that people can hold"})
    if subject == by:
        raise Denied(permission, "nobody changes one's own roles")
    if role not in may:
        raise Denied(permission, f"the role {role} is not yours to give or take")


Held = Mapping[str, frozenset[str]]
"""By person the roles of those who may sign in."""


def locks_out(before: Held, policy: Policy, after: Held, later: Policy) -> bool:
    """Whether nobody would administer roles any more, or be an administrator of all where somebody is one."""

    def keepers(held: Held, policy: Policy) -> bool:
        return any(policy.permissions(roles) >= ADMINISTERS for roles in held.values())

    def administrators(held: Held) -> bool:
        return any("admin" in roles for roles in held.values())

    return (administrators(before) and not administrators(after)) or (keepers(before, policy) and not keepers(after, later))
