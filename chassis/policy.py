"""Roles → permissions and row scopes, as a versioned snapshot that each service holds and enforces itself.

Some roles are every tenant's, others a tenant has made itself: these are known in `Policy.of(tenant)` and nowhere else.

Fails: `Denied` naming the missing permission. A role that the snapshot does not know grants nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import Denied

SIGNED_IN = "signed-in"
ANONYMOUS = "anonymous"

SUBJECT = "$subject"
"""Stands for the caller's id in the filter of a row scope."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the roles that a tenant has made itself permit, and the rows that each reaches; as in `Policy`."""

    roles: Mapping[str, frozenset[str]]
    scopes: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may do what.

    `roles` maps a role to its permissions (`incidents.resolve`). `scopes` maps a role to the rows that it may touch, per
    resource: `{"requester": {"incidents": {"requester_id": "$subject"}}}`; a role without an entry for a resource reaches
    every row of the tenant. `own` holds by tenant what it has added to them, `revision` grows with each change of that.
    """

    version: int
    roles: Mapping[str, frozenset[str]]
    scopes: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    revision: int = 0
    own: Mapping[str, Part] = field(default_factory=dict)
    _known: dict[frozenset[str], frozenset[str]] = field(default_factory=dict, repr=False, compare=False)
    _views: dict[str, "Policy"] = field(default_factory=dict, repr=False, compare=False)

    def of(self, tenant: str) -> "Policy":
        """The policy in one tenant: the same object each time, which is this one where the tenant has no roles of its own.

        A role of a tenant never takes the place of one that all have, whichever came first.
        """
        part = self.own.get(tenant)
        if part is None:
            return self
        view = self._views.get(tenant)
        if view is None:
            roles = {**part.roles, **self.roles}
            scopes = {**{role: rows for role, rows in part.scopes.items() if role not in self.roles}, **self.scopes}
            view = self._views[tenant] = Policy(self.version, roles, scopes, self.revision)
        return view

    def permissions(self, roles: frozenset[str]) -> frozenset[str]:
        """All that these roles permit together."""
        known = self._known.get(roles)
        if known is None:
            known = frozenset[str]().union(*(self.roles.get(role, frozenset()) for role in roles))
            if len(self._known) < 4096:
                self._known[roles] = known
        return known

    def allowed(self, roles: frozenset[str], limits: frozenset[str] | None = None) -> frozenset[str]:
        """The same, narrowed to `limits` where a token carries them. Limits never add anything."""
        granted = self.permissions(roles)
        return granted if limits is None else granted & limits

    def require(
        self, permission: str, roles: frozenset[str], limits: frozenset[str] | None = None, *, caveat: str = ""
    ) -> None:
        """Raises `Denied` unless the roles permit it; `caveat` then tells why roles may be missing."""
        if permission in (SIGNED_IN, ANONYMOUS):
            return
        if permission not in self.allowed(roles, limits):
            raise Denied(permission, f"this needs the permission {permission}; {caveat}" if caveat else None)

    def scope(self, roles: frozenset[str], permission: str, subject: str) -> Mapping[str, Any]:
        """The filter over stored fields that bounds this permission for the caller; empty when it reaches every row.

        Only roles that grant the permission count: a role that may read everything does not widen what another may change.
        A caller without the permission reaches nothing.
        """
        resource = permission.partition(".")[0]
        filters: list[Mapping[str, Any]] = []
        for role in sorted(roles):
            if permission not in self.roles.get(role, frozenset()):
                continue
            scope = self.scopes.get(role, {}).get(resource)
            if not scope:
                return {}
            filters.append({name: _filled(value, subject) for name, value in scope.items()})
        match filters:
            case []:
                return {"_id": {"$in": []}}
            case [only]:
                return only
            case _:
                return {"$or": filters}


def _filled(value: Any, subject: str) -> Any:
    if value == SUBJECT:
        return subject
    if isinstance(value, Mapping):
        return {name: _filled(inner, subject) for name, inner in value.items()}
    return value


def unlisted(policy: Policy, required: Iterable[str]) -> list[str]:
    """Which required permissions no role grants: each such RPC could be called by nobody."""
    granted = policy.permissions(frozenset(policy.roles))
    return sorted({name for name in required if name not in (SIGNED_IN, ANONYMOUS)} - granted)


def grouped(permissions: Iterable[str]) -> list[str]:
    """Permissions as a token names them, `incidents.get+list`: a token has to fit into the 8 KiB of a call's metadata."""
    verbs: dict[str, list[str]] = {}
    for permission in sorted(set(permissions)):
        resource, _, verb = permission.partition(".")
        verbs.setdefault(resource, []).append(verb)
    return [f"{resource}.{'+'.join(named)}" for resource, named in verbs.items()]


def ungrouped(named: Iterable[str]) -> frozenset[str]:
    """The permissions that a token names; one by itself is itself."""
    pairs = (each.partition(".") for each in named)
    return frozenset(f"{resource}.{verb}" for resource, _, verbs in pairs for verb in verbs.split("+"))
