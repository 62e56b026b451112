"""Policies and calendars."""

from itsm.incident import v1 as pb

from services.incident.api.service_levels import SlaApi
from services.incident.app.parts import Parts
from services.incident.usecases.what_if import WhatIf

SLA = "itsm.incident.v1.SlaService"
SERVICES = (SLA,)


def wire(parts: Parts) -> None:
    """Serves them."""
    what_if = WhatIf(parts.store, parts.policies)
    parts.assembly.serve(SLA, pb.add_SlaServiceServicer_to_server, SlaApi(parts.policies, parts.reading, what_if))
