"""For the matrix of callers: a record of each kind that has to do with changes, in the tenant of the test."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from itsm.incident import v1 as pb

from tests.support.callers import Callers
from tests.support.rpcs import Rpc


async def agreed_on(callers: Callers, by_name: Mapping[str, Rpc], admin: str, canary: str) -> None:
    """A change that waits for approval by a policy, a template, a meeting, and somebody who is away."""
    now = datetime.now(UTC)
    window = {"start_time": now + timedelta(hours=1), "end_time": now + timedelta(hours=2)}
    plans = dict.fromkeys(("implementation_plan", "test_plan", "back_out_plan"), canary)

    async def done(service: str, method: str, request: Message) -> Any:
        answer = await callers.call(by_name[f"incident.v1.{service}/{method}"], request, admin)
        assert answer.code is grpc.StatusCode.OK, (method, answer)
        return answer.reply

    stage = pb.ApprovalPolicy.Stage(name=canary, voters=[pb.ApprovalPolicy.Voter(user_id=canary)])
    policy = pb.ApprovalPolicy(name=canary, stages=[stage])
    await done("ApprovalService", "CreateApprovalPolicy", pb.CreateApprovalPolicyRequest(approval_policy=policy))
    away = pb.ApprovalDelegation(to_id=canary, end_time=now + timedelta(hours=1))
    delegation = pb.CreateApprovalDelegationRequest(approval_delegation=away)
    await done("ApprovalService", "CreateApprovalDelegation", delegation)
    template = pb.CreateChangeTemplateRequest(change_template=pb.ChangeTemplate(name=canary, **plans))
    await done("ChangeTemplateService", "CreateChangeTemplate", template)
    meeting = pb.CreateCabMeetingRequest(cab_meeting=pb.CabMeeting(title=canary, **window))
    await done("CabService", "CreateCabMeeting", meeting)
    proposed = pb.Change(title=canary, implementer_id=canary, **plans, **window)
    change = await done("ChangeService", "OpenChange", pb.OpenChangeRequest(change=proposed))
    await done("ChangeService", "AssessChange", pb.AssessChangeRequest(id=change.id))
    await done("ChangeService", "SubmitChange", pb.SubmitChangeRequest(id=change.id))
