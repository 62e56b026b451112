"""The analytics service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable
from functools import partial

from itsm.analytics import v1 as pb
from pydantic import Field

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.domain import uuid7
from chassis.lease import Lease
from chassis.policy import Policy
from chassis.service import Service
from services.analytics import store as kept
from services.analytics.api import KpiApi
from services.analytics.reactions import subscriptions
from services.analytics.usecases.alerts import Alerts
from services.analytics.usecases.facts import FactLog
from services.analytics.usecases.kpis import Kpis
from services.analytics.usecases.rebuild import Rebuild
from services.analytics.usecases.snapshots import Snapshots

KPIS = "itsm.analytics.v1.KpiService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    snapshot_seconds: float = Field(60, gt=0, description="how often missing snapshots of the backlog are looked for")


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly("analytics", settings, indexes=kept.INDEXES, fetch_policy=fetch_policy)
    store, service = assembly.store, assembly.service
    snapshots = Snapshots(store, assembly.clock)
    rebuild = Rebuild(store, snapshots, assembly.clock)
    kpis = Kpis(store, kept.FIELDS, assembly.clock)
    assembly.serve(KPIS, pb.add_KpiServiceServicer_to_server, KpiApi(kpis, rebuild))
    assembly.react(subscriptions(FactLog(store), Alerts(store)))
    holder, every = uuid7(), settings.snapshot_seconds
    for name, work in (("snapshots", snapshots.follow), ("rebuild", rebuild.follow)):
        service.background(name, partial(Lease(assembly.backend, name, holder).lead, partial(work, every)))
    return service
