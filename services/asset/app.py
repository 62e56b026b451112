"""The asset service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable

from itsm.asset import v1 as pb
from pydantic import Field

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.policy import Policy
from chassis.service import Service
from services.asset import reactions
from services.asset import store as kept
from services.asset.api.classes import AssetClassApi
from services.asset.api.duplicates import DuplicateApi
from services.asset.api.graph import GraphApi
from services.asset.api.items import AssetApi
from services.asset.usecases.classes import Classes
from services.asset.usecases.duplicates import Duplicates
from services.asset.usecases.graphs import RELATIONS, Graphs
from services.asset.usecases.impact import Impact
from services.asset.usecases.items import Items
from services.asset.usecases.placing import Placing
from services.asset.usecases.reading import Reading
from services.asset.usecases.relations import Relations

ASSETS = "itsm.asset.v1.AssetService"
CLASSES = "itsm.asset.v1.AssetClassService"
DUPLICATES = "itsm.asset.v1.DuplicateService"
GRAPH = "itsm.asset.v1.GraphService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    graph_items: int = Field(
        500_000, gt=0, description="how many assets and relations of all tenants together are kept in memory to answer impact"
    )


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly("asset", settings, kinds=kept.KINDS, indexes=kept.INDEXES, fetch_policy=fetch_policy)
    store, key = assembly.store, settings.page_token_key.get_secret_value().encode()
    listings = kept.listings(key, store.clock)
    reading = Reading(store, listings, kept.timeline(key, store.clock))
    classes, placing = Classes(store), Placing(store)
    items = Items(store, classes, placing)
    assembly.serve(ASSETS, pb.add_AssetServiceServicer_to_server, AssetApi(items, reading))
    assembly.serve(CLASSES, pb.add_AssetClassServiceServicer_to_server, AssetClassApi(classes))
    assembly.serve(DUPLICATES, pb.add_DuplicateServiceServicer_to_server, DuplicateApi(Duplicates(store), reading))
    graphs = Graphs(store, most=settings.graph_items)
    assembly.service.background("graphs", graphs.follow)
    impact, relations = Impact(store, graphs), Relations(store, listings[RELATIONS])
    assembly.serve(GRAPH, pb.add_GraphServiceServicer_to_server, GraphApi(relations, impact, reading))
    assembly.react(reactions.subscriptions(impact))
    return assembly.service
