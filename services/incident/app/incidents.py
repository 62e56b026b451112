"""Incidents: what people do, what alerts do, what falls due."""

from datetime import timedelta

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
from services.incident.usecases.incidents import Incidents

INCIDENTS = "itsm.incident.v1.IncidentService"
SERVICES = (INCIDENTS,)


def wire(parts: Parts) -> None:
    """Serves them, listens to alerts and assets, and keeps the timers of their clocks."""
    store, settings, service = parts.store, parts.settings, parts.assembly.service
    grace = timedelta(minutes=settings.grace_minutes)
    window = timedelta(days=settings.reopen_days)
    incidents = Incidents(store, parts.policies, reopen_window=window, grace=grace, routing=parts.routing)
    explaining, imports = Explaining(store, parts.policies), Imports(store, parts.policies)
    api = IncidentApi(incidents, parts.reading, explaining, imports)
    parts.assembly.serve(INCIDENTS, pb.add_IncidentServiceServicer_to_server, api)
    assets = Assets(store)
    parts.assembly.react(subscriptions(Alerts(store, incidents, assets, grace=grace), assets, Impacts(store)))
    escalate = Escalations(store, parts.policies).escalate
    DueWorker(store, "incident", kept.INCIDENTS, kept.DUE_FIELD, escalate, service.metrics, name="sla").attach(service)
