"""What roles permit."""

from typing import Any

import orjson
from itsm.auth import v1 as pb

from chassis.policy import Policy


class PolicyApi(pb.PolicyServiceServicer):
    """`itsm.auth.v1.PolicyService`."""

    def __init__(self, policy: Policy) -> None:
        self._answer = pb.Policy(version=policy.version)
        for role, permissions in sorted(policy.roles.items()):
            row = self._answer.roles.add(role=role, permissions=sorted(permissions))
            for resource, scope in sorted(policy.scopes.get(role, {}).items()):
                row.scopes.add(resource=resource, filter=orjson.dumps(scope).decode())

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        return self._answer
