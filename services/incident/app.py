"""The incident service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from itsm.incident import v1 as pb
from pydantic import Field

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.policy import Policy
from chassis.service import Service
from services.incident import store as kept
from services.incident.api.incidents import IncidentApi
from services.incident.api.service_levels import SlaApi
from services.incident.reactions import subscriptions
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading

INCIDENTS = "itsm.incident.v1.IncidentService"
SLA = "itsm.incident.v1.SlaService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    reopen_days: float = Field(7, gt=0, description="how many days after it was resolved an incident may be reopened")
    grace_minutes: float = Field(
        15, ge=0, description="how many minutes after it cleared an alert that fires again brings its incident back"
    )


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly(
        "incident", settings, kinds=kept.KINDS, indexes=kept.INDEXES, migrations=kept.MIGRATIONS, fetch_policy=fetch_policy
    )
    store = assembly.store
    policies = Policies(store)
    grace = timedelta(minutes=settings.grace_minutes)
    incidents = Incidents(store, policies, reopen_window=timedelta(days=settings.reopen_days), grace=grace)
    reading = Reading(store, kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock))
    explaining = Explaining(store, policies)
    imports = Imports(store, policies)
    assembly.serve(INCIDENTS, pb.add_IncidentServiceServicer_to_server, IncidentApi(incidents, reading, explaining, imports))
    assembly.serve(SLA, pb.add_SlaServiceServicer_to_server, SlaApi(policies, reading))
    assets = Assets(store)
    assembly.react(subscriptions(Alerts(store, incidents, assets, grace=grace), assets))
    escalations = Escalations(store, policies)
    timer = DueWorker(
        store, "incident", kept.INCIDENTS, kept.DUE_FIELD, escalations.escalate, assembly.service.metrics, name="sla"
    )
    timer.attach(assembly.service)
    return assembly.service
