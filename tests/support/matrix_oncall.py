"""For the matrix of callers: a schedule, a policy and a page, in the tenant of the test."""

from collections.abc import Mapping

import grpc
from itsm.monitor import v1 as pb

from tests.support.callers import Callers
from tests.support.rpcs import Rpc


async def on_call(callers: Callers, by_name: Mapping[str, Rpc], admin: str, canary: str) -> None:
    """One of each."""
    layer = pb.Schedule.Layer(user_ids=[canary], start="2026-01-05T09:00")
    target = pb.EscalationPolicy.Target(kind="USER", id=canary)
    step = pb.EscalationPolicy.Step(targets=[target])
    policy = pb.EscalationPolicy(name=canary, team_ids=[canary], steps=[step])
    for method, request in (
        ("ScheduleService/CreateSchedule", pb.CreateScheduleRequest(schedule=pb.Schedule(name=canary, layers=[layer]))),
        (
            "EscalationPolicyService/CreateEscalationPolicy",
            pb.CreateEscalationPolicyRequest(escalation_policy=policy),
        ),
        ("PageService/CreatePage", pb.CreatePageRequest(page=pb.Page(title=canary, steps=[step]))),
    ):
        answer = await callers.call(by_name[f"monitor.v1.{method}"], request, admin)
        assert answer.code is grpc.StatusCode.OK, (method, answer)
