"""The asset service, plugged together. The only place that knows which parts there are."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from itsm.asset import v1 as pb
from itsm.auth import v1 as auth_pb
from pydantic import Field

from chassis import context as ctx
from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.errors import ForbiddenMove, NotFound
from chassis.policy import Policy
from chassis.rpc import DEADLINE, call, connected
from chassis.service import Service
from services.asset import reactions
from services.asset import store as kept
from services.asset.api.agents import AgentApi
from services.asset.api.classes import AssetClassApi
from services.asset.api.duplicates import DuplicateApi
from services.asset.api.graph import GraphApi
from services.asset.api.imports import ImportApi
from services.asset.api.items import AssetApi
from services.asset.ports import Key, Keys
from services.asset.usecases.agents import Agents
from services.asset.usecases.classes import Classes
from services.asset.usecases.duplicates import Duplicates
from services.asset.usecases.graphs import RELATIONS, Graphs
from services.asset.usecases.impact import Impact
from services.asset.usecases.imports import IMPORTS as IMPORTED
from services.asset.usecases.imports import Imports
from services.asset.usecases.items import Items
from services.asset.usecases.merging import Merging
from services.asset.usecases.placing import Placing
from services.asset.usecases.reading import Reading
from services.asset.usecases.relations import Relations

ASSETS = "itsm.asset.v1.AssetService"
CLASSES = "itsm.asset.v1.AssetClassService"
AGENTS = "itsm.asset.v1.AgentService"
IMPORTS = "itsm.asset.v1.ImportService"
DUPLICATES = "itsm.asset.v1.DuplicateService"
GRAPH = "itsm.asset.v1.GraphService"

KEY_LIFE = timedelta(days=365)
"""An agent that is refused because its key is over enrolls again."""


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    graph_items: int = Field(
        500_000, gt=0, description="how many assets and relations of all tenants together are kept in memory to answer impact"
    )


def build(
    settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None, keys: Keys | None = None
) -> Service:
    """The service with all its parts. `fetch_policy` and `keys` replace what is asked of the auth service."""
    assembly = Assembly(
        "asset",
        settings,
        kinds=kept.KINDS,
        indexes=kept.INDEXES,
        fetch_policy=fetch_policy,
        wordings=kept.wordings(),
    )
    store, key = assembly.store, settings.page_token_key.get_secret_value().encode()
    listings = kept.listings(key, store.clock)
    reading = Reading(store, listings, kept.timeline(key, store.clock))
    classes, placing = Classes(store), Placing(store)
    items = Items(store, classes, placing)
    assembly.serve(ASSETS, pb.add_AssetServiceServicer_to_server, AssetApi(items, Merging(store, classes, placing), reading))
    assembly.serve(CLASSES, pb.add_AssetClassServiceServicer_to_server, AssetClassApi(classes))
    agents = Agents(store, classes, placing, keys or AuthKeys(assembly))
    assembly.serve(AGENTS, pb.add_AgentServiceServicer_to_server, AgentApi(agents, reading))
    imports = Imports(store, classes, placing, listings[IMPORTED])
    assembly.serve(IMPORTS, pb.add_ImportServiceServicer_to_server, ImportApi(imports, reading))
    assembly.serve(DUPLICATES, pb.add_DuplicateServiceServicer_to_server, DuplicateApi(Duplicates(store), reading))
    graphs = Graphs(store, most=settings.graph_items)
    assembly.service.background("graphs", graphs.follow)
    assembly.emptying.also(graphs.forget)
    impact, relations = Impact(store, graphs), Relations(store, listings[RELATIONS])
    assembly.serve(GRAPH, pb.add_GraphServiceServicer_to_server, GraphApi(relations, impact, reading))
    assembly.react(reactions.subscriptions(impact))
    return assembly.service


class AuthKeys:
    """The keys of agents, made at the auth service with this service's own account, in the caller's tenant."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    async def issue(self, name: str) -> Key:
        """See `Keys`."""
        ends = datetime.now(UTC) + KEY_LIFE  # real time, as all of the auth service's
        token = auth_pb.Token(kind=auth_pb.Token.AGENT, name=name, roles=["endpoint"], expire_time=ends)
        made = await self._call("CreateToken", auth_pb.CreateTokenRequest(token=token))
        return Key(made.token.id, made.secret)

    async def revoke(self, id: str) -> None:  # noqa: A002 - as its field
        """See `Keys`."""
        try:
            await self._call("RevokeToken", auth_pb.RevokeTokenRequest(id=id))
        except (ForbiddenMove, NotFound):
            return  # it is over

    async def _call(self, rpc: str, request: Message) -> Any:
        assembly = self._assembly
        channel = assembly.channels.to(assembly.settings.auth_target)
        stub = auth_pb.TokenServiceStub(channel)
        token = await assembly.account.token()
        await connected(channel, DEADLINE)
        return await call(getattr(stub, rpc), request, token=token, tenant=ctx.current().tenant)
