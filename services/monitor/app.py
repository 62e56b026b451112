"""The monitor service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable

from itsm.monitor import v1 as pb

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.policy import Policy
from chassis.service import Service
from services.monitor import reactions
from services.monitor import store as kept
from services.monitor.api.alerts import AlertApi
from services.monitor.api.integrations import IntegrationApi
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.reading import Reading

ALERT = "itsm.monitor.v1.AlertService"
INTEGRATION = "itsm.monitor.v1.IntegrationService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly("monitor", settings, kinds=kept.KINDS, indexes=kept.INDEXES, fetch_policy=fetch_policy)
    store, service = assembly.store, assembly.service
    listings = kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    alerts, integrations, reading = Alerts(store), Integrations(store), Reading(store, listings)
    assembly.serve(ALERT, pb.add_AlertServiceServicer_to_server, AlertApi(alerts, reading))
    assembly.serve(INTEGRATION, pb.add_IntegrationServiceServicer_to_server, IntegrationApi(integrations, reading))
    assembly.react(reactions.incidents(alerts))
    expiry = DueWorker(store, "monitor", ALERTS, kept.EXPIRY_FIELD, alerts.expire, service.metrics, name="alert-expiry")
    expiry.attach(service)
    return service
