"""What roles permit."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from itsm.auth import v1 as pb

from chassis.policy import Policy
from services.auth.domain.roles import CATALOG


class PolicyApi(pb.PolicyServiceServicer):
    """`itsm.auth.v1.PolicyService`. `current` is the policy as it is now, the same object as long as it does not change."""

    def __init__(self, current: Callable[[], Awaitable[Policy]]) -> None:
        self._current = current
        self._said: tuple[Policy, pb.Policy] | None = None

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        policy = await self._current()
        if (request.known_version, request.known_revision) == (policy.version, policy.revision):
            return pb.Policy(version=policy.version, revision=policy.revision)
        if self._said is None or self._said[0] is not policy:
            self._said = policy, _answer(policy)
        return self._said[1]


def _answer(policy: Policy) -> pb.Policy:
    catalog = sorted(CATALOG)
    place = {permission: at for at, permission in enumerate(catalog)}
    answer = pb.Policy(version=policy.version, revision=policy.revision, permissions=catalog)
    for role, permissions in sorted(policy.roles.items()):
        _bound(answer.roles.add(role=role, permissions=sorted(permissions)), policy.scopes.get(role, {}))
    for tenant, part in sorted(policy.own.items()):
        row = answer.tenants.add(tenant=tenant)
        for role, permissions in sorted(part.roles.items()):
            places = sorted(place[permission] for permission in permissions)
            _bound(row.roles.add(role=role, permissions=places), part.scopes.get(role, {}))
    return answer


def _bound(row: Any, scopes: Mapping[str, Any]) -> None:
    for resource, scope in sorted(scopes.items()):
        row.scopes.add(resource=resource, filter=orjson.dumps(scope).decode())
