"""Major incidents, and families of incidents: merged, split, above and below each other."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.joining import JoiningApi
from services.incident.api.majors import MajorApi
from services.incident.app.parts import Parts
from services.incident.usecases.families import DUE_FIELD as FAMILY_DUE
from services.incident.usecases.families import FAMILY_WORK, Stepper
from services.incident.usecases.family_steps import FamilySteps
from services.incident.usecases.joining import Joining
from services.incident.usecases.majors import DUE_FIELD, MAJORS, Majors

MAJOR, JOINING = "itsm.incident.v1.MajorService", "itsm.incident.v1.JoiningService"
SERVICES = (MAJOR, JOINING)


def wire(parts: Parts) -> None:
    """Serves them, and keeps the timers of promised updates and of what passes to families."""
    store, service, metrics = parts.store, parts.assembly.service, parts.assembly.service.metrics
    incidents = parts.incidents()
    handled = Majors(store, incidents, parts.reading, parts.listings["incidents"])
    parts.assembly.serve(MAJOR, pb.add_MajorServiceServicer_to_server, MajorApi(handled, parts.reading, parts.notes))
    joining = Joining(store, parts.policies, routing=parts.routing)
    parts.assembly.serve(JOINING, pb.add_JoiningServiceServicer_to_server, JoiningApi(joining))
    steps = FamilySteps(store, incidents, parts.policies, parts.listings, parts.notes).all
    DueWorker(store, "incident", MAJORS, DUE_FIELD, handled.miss, metrics).attach(service)
    stepper = Stepper(store, steps)
    DueWorker(store, "incident", FAMILY_WORK, FAMILY_DUE, stepper.work, metrics, name="families").attach(service)
