"""Changes, the templates of standard ones, and the board that talks about them."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident.api.cab import CabApi
from services.incident.api.change_templates import ChangeTemplateApi
from services.incident.api.changes import ChangeApi
from services.incident.app.parts import Parts
from services.incident.app.planning import planning_of
from services.incident.store.changes import DUE_FIELD
from services.incident.usecases.cab import Meetings
from services.incident.usecases.change_templates import ChangeTemplates
from services.incident.usecases.changes import CHANGES, Changes
from services.incident.usecases.gating import Gating

CHANGE_SERVICE = "itsm.incident.v1.ChangeService"
TEMPLATE_SERVICE = "itsm.incident.v1.ChangeTemplateService"
CAB_SERVICE = "itsm.incident.v1.CabService"
SERVICES = (CHANGE_SERVICE, TEMPLATE_SERVICE, CAB_SERVICE)


def wire(parts: Parts) -> None:
    """Serves them, and keeps the timers of windows and of confirmations."""
    store, assembly, reading = parts.store, parts.assembly, parts.reading
    objections = (planning_of(parts),)
    changes, gating = Changes(store, parts.approving, objections=objections), Gating(store, objections)
    assembly.serve(CHANGE_SERVICE, pb.add_ChangeServiceServicer_to_server, ChangeApi(changes, gating, reading))
    templates = ChangeTemplateApi(ChangeTemplates(store, parts.approving), reading)
    assembly.serve(TEMPLATE_SERVICE, pb.add_ChangeTemplateServiceServicer_to_server, templates)
    assembly.serve(CAB_SERVICE, pb.add_CabServiceServicer_to_server, CabApi(Meetings(store, gating), reading))
    DueWorker(store, "incident", CHANGES, DUE_FIELD, changes.escalate, assembly.service.metrics).attach(assembly.service)
