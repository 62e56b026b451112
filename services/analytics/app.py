"""The analytics service, plugged together. The only place that knows which parts there are."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from itsm.analytics import v1 as pb
from pydantic import Field

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.domain import uuid7
from chassis.lease import Lease
from chassis.policy import Policy
from chassis.service import Service, Stage
from chassis.teams import AskedTeams
from services.analytics import store as kept
from services.analytics.api.dashboards import DashboardApi
from services.analytics.api.kpis import KpiApi
from services.analytics.api.search import SearchApi
from services.analytics.following import Following
from services.analytics.owners import AskedOwners
from services.analytics.reactions import subscriptions
from services.analytics.tantivy_index import TantivyIndex
from services.analytics.usecases.alerts import Alerts
from services.analytics.usecases.dashboard_data import DashboardData
from services.analytics.usecases.dashboards import Dashboards
from services.analytics.usecases.facts import FactLog
from services.analytics.usecases.indexing import Indexing
from services.analytics.usecases.kpis import Kpis
from services.analytics.usecases.rebuild import Rebuild
from services.analytics.usecases.search import Search
from services.analytics.usecases.snapshots import Snapshots

KPIS = "itsm.analytics.v1.KpiService"
DASHBOARDS = "itsm.analytics.v1.DashboardService"
SEARCH = "itsm.analytics.v1.SearchService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    incident_target: str = Field("", description="gRPC address of the incident service, whose records the search finds")
    asset_target: str = Field("", description="gRPC address of the asset service, likewise")
    search_path: Path | None = Field(
        None,
        description="folder on a local disk for the index of the search, this process's own; a temporary one when empty, so "
        "that each start makes the index anew",
    )
    snapshot_seconds: float = Field(60, gt=0, description="how often missing snapshots of the backlog are looked for")


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly("analytics", settings, kinds=kept.KINDS, indexes=kept.INDEXES, fetch_policy=fetch_policy)
    store, service = assembly.store, assembly.service
    snapshots = Snapshots(store, assembly.clock)
    rebuild = Rebuild(store, snapshots, assembly.clock)
    kpis = Kpis(store, kept.FIELDS, assembly.clock)
    assembly.serve(KPIS, pb.add_KpiServiceServicer_to_server, KpiApi(kpis, rebuild))
    assembly.react(subscriptions(FactLog(store), Alerts(store)))
    teams = AskedTeams(assembly.channels, settings.auth_target)
    listing = kept.dashboards(settings.page_token_key.get_secret_value().encode(), assembly.clock)
    boards = DashboardApi(Dashboards(store, listing, teams, kpis), DashboardData(kpis, assembly.clock))
    assembly.serve(DASHBOARDS, pb.add_DashboardServiceServicer_to_server, boards)
    _search(settings, assembly, teams)
    holder, every = uuid7(), settings.snapshot_seconds
    for name, work in (("snapshots", snapshots.follow), ("rebuild", rebuild.follow)):
        service.background(name, partial(Lease(assembly.backend, name, holder).lead, partial(work, every)))
    return service


def _search(settings: Settings, assembly: Assembly, teams: AskedTeams) -> None:
    """The search. Each process has an index of its own, fed by itself: no two write one."""
    folder = settings.search_path or Path(tempfile.mkdtemp(prefix="itsm-search-"))
    folder.mkdir(parents=True, exist_ok=True)
    index = TantivyIndex(folder)
    owners = AskedOwners(assembly, {"incident": settings.incident_target, "asset": settings.asset_target})
    indexing = Indexing(index, owners)
    following = Following(settings, indexing, index.folder)
    search = Search(index, assembly.guard.policy, teams)
    assembly.emptying.also(indexing.forget)
    assembly.serve(SEARCH, pb.add_SearchServiceServicer_to_server, SearchApi(search, lambda: following.building))
    service = assembly.service
    if settings.kafka_bootstrap:
        service.background("search index", following.run, stage=Stage.CONSUMERS)

    async def close() -> None:
        await asyncio.to_thread(index.close)
        if settings.search_path is None:
            await asyncio.to_thread(shutil.rmtree, folder)

    service.on_stop(Stage.STORE, close)
