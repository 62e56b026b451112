"""Follow-up policies."""

from typing import Any

from itsm.incident import v1 as pb

from services.incident.api.cupboard import Calls
from services.incident.domain.follow_up import FollowUpPolicy
from services.incident.usecases.follow_ups import FollowUpPolicies


class FollowUpApi(pb.FollowUpServiceServicer):
    """`itsm.incident.v1.FollowUpService`."""

    def __init__(self, policies: FollowUpPolicies) -> None:
        self._policies = Calls(policies, FollowUpPolicy, pb.FollowUpPolicy, "follow_up_policy")

    async def CreateFollowUpPolicy(self, request: pb.CreateFollowUpPolicyRequest, context: Any) -> pb.FollowUpPolicy:
        return await self._policies.create(request)

    async def GetFollowUpPolicy(self, request: pb.GetFollowUpPolicyRequest, context: Any) -> pb.FollowUpPolicy:
        return await self._policies.get(request)

    async def ListFollowUpPolicies(
        self, request: pb.ListFollowUpPoliciesRequest, context: Any
    ) -> pb.ListFollowUpPoliciesResponse:
        found, token = await self._policies.page(request)
        return pb.ListFollowUpPoliciesResponse(follow_up_policies=found, next_page_token=token)

    async def UpdateFollowUpPolicy(self, request: pb.UpdateFollowUpPolicyRequest, context: Any) -> pb.FollowUpPolicy:
        return await self._policies.update(request)

    async def DeleteFollowUpPolicy(self, request: pb.DeleteFollowUpPolicyRequest, context: Any) -> pb.FollowUpPolicy:
        return await self._policies.delete(request)
