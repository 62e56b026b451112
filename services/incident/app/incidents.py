"""Incidents: what people do, what alerts do, what falls due."""

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from services.incident import store as kept
from services.incident.api.incidents import IncidentApi
from services.incident.app.parts import Parts
from services.incident.reactions import subscriptions
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.impacts import Impacts
from services.incident.usecases.imports import Imports

INCIDENTS = "itsm.incident.v1.IncidentService"
SERVICES = (INCIDENTS,)


def wire(parts: Parts) -> None:
    """Serves them, listens to alerts and assets, and keeps the timers of their clocks."""
    store, service = parts.store, parts.assembly.service
    incidents = parts.incidents()
    explaining, imports = Explaining(store, parts.policies), Imports(store, parts.policies)
    api = IncidentApi(incidents, parts.reading, explaining, imports)
    parts.assembly.serve(INCIDENTS, pb.add_IncidentServiceServicer_to_server, api)
    assets = Assets(store)
    parts.assembly.react(subscriptions(Alerts(store, incidents, assets, grace=parts.grace), assets, Impacts(store)))
    told = Escalations(store, parts.policies)
    timer = DueWorker(
        store, "incident", kept.INCIDENTS, kept.DUE_FIELD, told.escalate, service.metrics, name="sla", together=told.together
    )
    timer.attach(service)
