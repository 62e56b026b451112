"""The monitor service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable

from itsm.monitor import v1 as pb
from pydantic import Field

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.http.listener import Listener
from chassis.policy import Policy
from chassis.service import Service, Stage
from services.monitor import reactions
from services.monitor import store as kept
from services.monitor.api.alerts import AlertApi
from services.monitor.api.integrations import IntegrationApi
from services.monitor.ingest.app import Door
from services.monitor.ingest.keys import Keys, exchanging
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.gathering import Gatherer
from services.monitor.usecases.intake import ALERTS, Intake
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.reading import Reading

ALERT = "itsm.monitor.v1.AlertService"
INTEGRATION = "itsm.monitor.v1.IntegrationService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    ingest_listen: str = Field("", description="host:port of the HTTP listener for signals and samples; empty: none")


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
    intake = Intake(store)
    keys = Keys(exchanging(assembly.channels, settings.auth_target), assembly.guard, integrations)
    door = Door(keys, Gatherer(intake), store.clock, assembly.failpoints.reached)
    _listen(service, settings.ingest_listen, door)
    return service


def _listen(service: Service, address: str, door: Door) -> None:
    if address:
        listener = Listener(address, door.app, _nothing_to_end)
        service.on_start(listener.start)
        service.on_stop(Stage.EDGE, listener.stop)


async def _nothing_to_end() -> None:
    """No answer at the door goes on for ever."""
