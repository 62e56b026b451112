"""For the matrix of callers: a major incident that was told of, a release and a blackout, in the tenant of the test."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from itsm.incident import v1 as pb

from tests.support.callers import Callers
from tests.support.rpcs import Rpc


async def handled(callers: Callers, by_name: Mapping[str, Rpc], admin: str, canary: str, incident_id: str) -> None:
    """A major incident of an incident, and what is planned."""
    now = datetime.now(UTC)

    async def done(service: str, method: str, request: Message) -> Any:
        answer = await callers.call(by_name[f"incident.v1.{service}/{method}"], request, admin)
        assert answer.code is grpc.StatusCode.OK, (method, answer)
        return answer.reply

    proposed = pb.Major(incident_id=incident_id, title=canary, description=canary)
    major = await done("MajorService", "ProposeMajor", pb.ProposeMajorRequest(major=proposed))
    await done("MajorService", "DeclareMajor", pb.DeclareMajorRequest(id=major.id))
    told = pb.AddStatusUpdateRequest(id=major.id, status_update=pb.StatusUpdate(text=canary))
    await done("MajorService", "AddStatusUpdate", told)
    await done("ReleaseService", "OpenRelease", pb.OpenReleaseRequest(release=pb.Release(title=canary)))
    blackout = pb.Blackout(
        title=canary, asset_ids=[canary], start_time=now + timedelta(days=90), end_time=now + timedelta(days=91)
    )
    await done("PlanningService", "CreateBlackout", pb.CreateBlackoutRequest(blackout=blackout))
