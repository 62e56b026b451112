"""What follows by itself while incidents wait."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident import store as kept
from services.incident.api.follow_ups import FollowUpApi
from services.incident.app.parts import Parts
from services.incident.store.incidents import FOLLOW_UP_FIELD
from services.incident.usecases.follow_ups import FollowUpPolicies, FollowUps

FOLLOW_UPS = "itsm.incident.v1.FollowUpService"
SERVICES = (FOLLOW_UPS,)


def wire(parts: Parts) -> None:
    """Serves the policies, and keeps the timers of what waits."""
    store, service = parts.store, parts.assembly.service
    policies = FollowUpPolicies(store, parts.listings["followUpPolicies"])
    parts.assembly.serve(FOLLOW_UPS, pb.add_FollowUpServiceServicer_to_server, FollowUpApi(policies))
    follow = FollowUps(store, parts.policies, parts.incidents()).follow
    DueWorker(store, "incident", kept.INCIDENTS, FOLLOW_UP_FIELD, follow, service.metrics, name="follow-ups").attach(service)
