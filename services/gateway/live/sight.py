"""Whether a caller may see an event, by the policy as it holds now: the permission to read its resource, and the row scope.

A row scope is a filter over stored fields. It is asked of the event's snapshot of the resource, in which fields have their
JSON names. Equality, `$in` and `$or` are understood; any other question hides the event.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from google.protobuf import descriptor_pool

from chassis.auth import Policy, Principal
from services.gateway.live.presence import Aside
from services.gateway.live.ring import Entry

_SNAPSHOT = 15  # the field of each event that holds the resource as it is after the change

Filter = Mapping[str, Any]


class Sight:
    """What one caller may see. A policy or a caller that changed makes a new one."""

    def __init__(self, principal: Principal, policy: Policy) -> None:
        self.principal, self.policy = principal, policy
        self._allowed = policy.allowed(principal.roles, principal.limits)
        self._scopes: dict[str, Filter | None] = {}

    def sees(self, entry: Entry | Aside) -> bool:
        """Whether this event may be shown. Who is at a record is for those who may see all of its kind."""
        if entry.tenant != self.principal.tenant:
            return False
        scope = self._scope(entry.plural)
        if isinstance(entry, Aside):
            return scope is not None and not scope
        if scope is None:
            return self._sees_part(entry)
        return not scope or _matches(scope, entry)

    def _sees_part(self, entry: Entry) -> bool:
        """A record without a permission of its own that is about another one, such as a note, is for who may see all of those.

        Who may see some of them only does not see it: the event does not hold the other record, so nobody can tell.
        """
        resource, names = _resource(entry)
        about = resource.get(names.get("about", "")) if resource else None
        scope = self._scope(about.partition("/")[0]) if isinstance(about, str) else None
        return scope is not None and not scope

    def _scope(self, plural: str) -> Filter | None:
        if plural not in self._scopes:
            permission = f"{plural}.get"
            granted = permission in self._allowed
            self._scopes[plural] = (
                self.policy.scope(self.principal.roles, permission, self.principal.subject) if granted else None
            )
        return self._scopes[plural]


def _matches(scope: Filter, entry: Entry) -> bool:
    resource, names = _resource(entry)
    return resource is not None and _holds(scope, resource, names)


def _resource(entry: Entry) -> tuple[dict[str, Any] | None, Mapping[str, str]]:
    """The resource in an event, where it is one that we know and can read, and the JSON names of its fields."""
    snapshot = _snapshot(entry.type)
    if snapshot is None:
        return None, {}
    member, names = snapshot
    try:
        resource = orjson.loads(entry.value)[member]
    except (ValueError, KeyError, TypeError):
        return None, names
    return (resource if isinstance(resource, dict) else None), names


@cache
def _snapshot(event: str) -> tuple[str, Mapping[str, str]] | None:
    """The member of an event's JSON that holds the resource, and by stored name the JSON names of its fields."""
    try:
        field = descriptor_pool.Default().FindMessageTypeByName(event).fields_by_number[_SNAPSHOT]
    except KeyError:
        return None
    resource: Any = field.message_type
    names = {item.name: item.json_name for item in resource.fields}
    return field.json_name, {**names, "_id": names.get("id", "id")}


def _holds(scope: Filter, resource: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    for name, wanted in scope.items():
        if name == "$or":
            if not any(_holds(part, resource, names) for part in wanted):
                return False
        elif name not in names or not _equals(resource.get(names[name]), wanted):
            return False
    return True


def _equals(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return wanted.keys() == {"$in"} and any(_equals(value, one) for one in wanted["$in"])
    # As in the database, a list equals what it contains. `True` is no 1 here.
    values = value if isinstance(value, list) else [value]
    return any(type(one) is type(wanted) and one == wanted for one in values)
