"""Approval policies, approvals and delegations."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from services.incident.api.shared import asked, named
from services.incident.api.times import instant
from services.incident.domain.approval import Approval
from services.incident.domain.approval_policy import ApprovalPolicy
from services.incident.domain.delegation import ApprovalDelegation
from services.incident.domain.quorum import Choice
from services.incident.usecases.approving import Approving
from services.incident.usecases.reading import Reading
from services.incident.usecases.simulating import Simulating


class ApprovalApi(pb.ApprovalServiceServicer):
    """`itsm.incident.v1.ApprovalService`."""

    def __init__(self, approving: Approving, simulating: Simulating, reading: Reading) -> None:
        self._approving = approving
        self._simulating = simulating
        self._reading = reading

    async def CreateApprovalPolicy(self, request: pb.CreateApprovalPolicyRequest, context: Any) -> pb.ApprovalPolicy:
        fields = given(request.approval_policy, ApprovalPolicy)
        return to_message(await self._approving.create_policy(fields), pb.ApprovalPolicy)

    async def GetApprovalPolicy(self, request: pb.GetApprovalPolicyRequest, context: Any) -> pb.ApprovalPolicy:
        return to_message(await self._approving.policy(request.id), pb.ApprovalPolicy)

    async def ListApprovalPolicies(
        self, request: pb.ListApprovalPoliciesRequest, context: Any
    ) -> pb.ListApprovalPoliciesResponse:
        rows, token = await self._reading.page(ApprovalPolicy, asked(request))
        policies = [document_to_message(row, pb.ApprovalPolicy) for row in rows]
        return pb.ListApprovalPoliciesResponse(approval_policies=policies, next_page_token=token)

    async def UpdateApprovalPolicy(self, request: pb.UpdateApprovalPolicyRequest, context: Any) -> pb.ApprovalPolicy:
        fields = named(request, request.approval_policy, ApprovalPolicy)
        return to_message(await self._approving.update_policy(request.id, fields, etag=request.etag), pb.ApprovalPolicy)

    async def SimulateApprovalPolicy(
        self, request: pb.SimulateApprovalPolicyRequest, context: Any
    ) -> pb.SimulateApprovalPolicyResponse:
        found = await self._simulating.simulate(request.id, instant(request, "start_time"), instant(request, "end_time"))
        approvals = [
            pb.SimulatedApproval(
                approval_id=each.approval.id,
                subject=each.approval.subject,
                was=each.approval.state.value,
                would_be=each.would_be.value,
                reasons=each.reasons,
            )
            for each in found.matched
        ]
        return pb.SimulateApprovalPolicyResponse(
            looked_at=found.looked_at, matched=len(approvals), different=found.different, approvals=approvals
        )

    async def GetApproval(self, request: pb.GetApprovalRequest, context: Any) -> pb.Approval:
        async with self._approving.standing_in():
            return document_to_message(await self._reading.get(Approval, request.id), pb.Approval)

    async def ListApprovals(self, request: pb.ListApprovalsRequest, context: Any) -> pb.ListApprovalsResponse:
        async with self._approving.standing_in():
            rows, token = await self._reading.page(Approval, asked(request))
        return pb.ListApprovalsResponse(
            approvals=[document_to_message(row, pb.Approval) for row in rows], next_page_token=token
        )

    async def VoteApproval(self, request: pb.VoteApprovalRequest, context: Any) -> pb.Approval:
        choice = Choice(pb.Approval.Choice.Name(request.choice))
        voted = await self._approving.vote(request.id, choice, request.comment, request.for_id, etag=request.etag)
        return to_message(voted, pb.Approval)

    async def ReplaceVoter(self, request: pb.ReplaceVoterRequest, context: Any) -> pb.Approval:
        replaced = await self._approving.replace(request.id, request.voter_id, request.by_id, request.note, etag=request.etag)
        return to_message(replaced, pb.Approval)

    async def CreateApprovalDelegation(
        self, request: pb.CreateApprovalDelegationRequest, context: Any
    ) -> pb.ApprovalDelegation:
        fields = given(request.approval_delegation, ApprovalDelegation)
        return to_message(await self._approving.delegate(fields), pb.ApprovalDelegation)

    async def GetApprovalDelegation(self, request: pb.GetApprovalDelegationRequest, context: Any) -> pb.ApprovalDelegation:
        return document_to_message(await self._reading.get(ApprovalDelegation, request.id), pb.ApprovalDelegation)

    async def ListApprovalDelegations(
        self, request: pb.ListApprovalDelegationsRequest, context: Any
    ) -> pb.ListApprovalDelegationsResponse:
        rows, token = await self._reading.page(ApprovalDelegation, asked(request))
        delegations = [document_to_message(row, pb.ApprovalDelegation) for row in rows]
        return pb.ListApprovalDelegationsResponse(approval_delegations=delegations, next_page_token=token)

    async def EndApprovalDelegation(self, request: pb.EndApprovalDelegationRequest, context: Any) -> pb.ApprovalDelegation:
        return to_message(await self._approving.end_delegation(request.id, etag=request.etag), pb.ApprovalDelegation)
