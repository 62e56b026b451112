"""Approvals of records of every kind."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.approvals import ApprovalApi
from services.incident.app.parts import Parts
from services.incident.store.approvals import DUE_FIELD
from services.incident.usecases.approving import APPROVALS
from services.incident.usecases.simulating import Simulating

NAME = "itsm.incident.v1.ApprovalService"
SERVICES = (NAME,)


def wire(parts: Parts) -> None:
    """Serves them, and keeps the timers of stages and of what expires."""
    approving, service = parts.approving, parts.assembly.service
    api = ApprovalApi(approving, Simulating(parts.store, approving), parts.reading)
    parts.assembly.serve(NAME, pb.add_ApprovalServiceServicer_to_server, api)
    DueWorker(parts.store, "incident", APPROVALS, DUE_FIELD, approving.falls_due, service.metrics).attach(service)
