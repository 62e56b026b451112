"""Policies and calendars."""

from itsm.incident import v1 as pb

from services.incident.api.service_levels import SlaApi
from services.incident.app.parts import Parts

SLA = "itsm.incident.v1.SlaService"
SERVICES = (SLA,)


def wire(parts: Parts) -> None:
    """Serves them."""
    parts.assembly.serve(SLA, pb.add_SlaServiceServicer_to_server, SlaApi(parts.policies, parts.reading))
