"""Models that sort incidents."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.triage import TriageApi
from services.incident.app.parts import Parts
from services.incident.store.triage import DUE_FIELD
from services.incident.usecases.triage import MODELS, Triage
from services.incident.usecases.triage_training import TriageTraining

TRIAGE = "itsm.incident.v1.TriageService"
SERVICES = (TRIAGE,)


def wire(parts: Parts) -> None:
    """Serves them, and learns what was asked for."""
    settings, service = parts.settings, parts.assembly.service
    triage = TriageApi(Triage(parts.store), parts.reading)
    parts.assembly.serve(TRIAGE, pb.add_TriageServiceServicer_to_server, triage)
    training = TriageTraining(parts.store, most=settings.triage_incidents, memory=settings.triage_memory)
    DueWorker(parts.store, "incident", MODELS, DUE_FIELD, training.train, service.metrics, name="triage").attach(service)
