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
from services.incident.api.attachments import AttachmentApi
from services.incident.api.incidents import IncidentApi
from services.incident.api.service_levels import SlaApi
from services.incident.reactions import subscriptions
from services.incident.usecases.alerts import Alerts
from services.incident.usecases.assets import Assets
from services.incident.usecases.attachments import Attachments
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.explaining import Explaining
from services.incident.usecases.imports import Imports
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.policies import Policies
from services.incident.usecases.reading import Reading
from services.incident.usecases.uploads import DUE_FIELD, UPLOADS, Uploads

INCIDENTS = "itsm.incident.v1.IncidentService"
SLA = "itsm.incident.v1.SlaService"
ATTACHMENTS = "itsm.incident.v1.AttachmentService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    reopen_days: float = Field(7, gt=0, description="how many days after it was resolved an incident may be reopened")
    grace_minutes: float = Field(
        15, ge=0, description="how many minutes after it cleared an alert that fires again brings its incident back"
    )
    attachment_largest: int = Field(
        25 << 20, ge=1 << 16, le=1 << 30, description="how many bytes a file of an incident may have"
    )
    attachments_most: int = Field(100, ge=1, le=10_000, description="how many files an incident may have")
    attachments_quota: int = Field(10 << 30, ge=1 << 20, description="how many bytes all files of a tenant may have together")


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly(
        "incident", settings, kinds=kept.KINDS, indexes=kept.INDEXES, migrations=kept.MIGRATIONS, fetch_policy=fetch_policy
    )
    store = assembly.store
    policies = Policies(store)
    grace = timedelta(minutes=settings.grace_minutes)
    incidents = Incidents(store, policies, reopen_window=timedelta(days=settings.reopen_days), grace=grace)
    listings = kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    reading = Reading(store, listings)
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
    uploads = Uploads(store, largest=settings.attachment_largest)
    attachments = Attachments(
        store, uploads, listings["attachments"], most=settings.attachments_most, quota=settings.attachments_quota
    )
    assembly.serve(ATTACHMENTS, pb.add_AttachmentServiceServicer_to_server, AttachmentApi(attachments))
    DueWorker(store, "incident", UPLOADS, DUE_FIELD, uploads.sweep, assembly.service.metrics).attach(assembly.service)
    return assembly.service
