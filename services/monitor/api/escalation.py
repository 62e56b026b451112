"""`itsm.monitor.v1.EscalationPolicyService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.escalation import EscalationPolicy
from services.monitor.usecases.escalation import Policies


class EscalationPolicyApi(pb.EscalationPolicyServiceServicer):
    """Whom alerts call."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    async def CreateEscalationPolicy(self, request: pb.CreateEscalationPolicyRequest, context: Any) -> pb.EscalationPolicy:
        fields = given(request.escalation_policy, EscalationPolicy)
        return to_message(await self._policies.create(fields), pb.EscalationPolicy)

    async def GetEscalationPolicy(self, request: pb.GetEscalationPolicyRequest, context: Any) -> pb.EscalationPolicy:
        return document_to_message(await self._policies.get(request.id), pb.EscalationPolicy)

    async def ListEscalationPolicies(
        self, request: pb.ListEscalationPoliciesRequest, context: Any
    ) -> pb.ListEscalationPoliciesResponse:
        rows, token = await self._policies.page(request.filter, request.order_by, paging(request))
        found = [document_to_message(row, pb.EscalationPolicy) for row in rows]
        return pb.ListEscalationPoliciesResponse(escalation_policies=found, next_page_token=token)

    async def UpdateEscalationPolicy(self, request: pb.UpdateEscalationPolicyRequest, context: Any) -> pb.EscalationPolicy:
        await self._policies.get(request.id)  # first: what is sent for a policy of somebody else is not judged
        fields = named_fields(request, request.escalation_policy, EscalationPolicy)
        return to_message(await self._policies.update(request.id, fields, etag=request.etag), pb.EscalationPolicy)

    async def DeleteEscalationPolicy(self, request: pb.DeleteEscalationPolicyRequest, context: Any) -> pb.EscalationPolicy:
        return to_message(await self._policies.remove(request.id, etag=request.etag), pb.EscalationPolicy)
