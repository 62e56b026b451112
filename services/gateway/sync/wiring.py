"""Connections, plugged together: the resource, the group that hears of incidents, the polls, and what goes out."""

from itsm.gateway import v1 as pb

from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.outbound import Outbound, Policy
from chassis.sealing import Sealing
from chassis.service import Stage
from services.gateway import reactions
from services.gateway.api.connections import ConnectionApi
from services.gateway.catalog import Catalog
from services.gateway.sync import kept
from services.gateway.sync.engine import Engine
from services.gateway.sync.health import Doing
from services.gateway.sync.http import LIMITS
from services.gateway.sync.incidents import Incidents
from services.gateway.sync.links import Links
from services.gateway.sync.places import DUE_FIELD, POLLS
from services.gateway.sync.polling import Polling
from services.gateway.sync.reach import Reaching
from services.gateway.sync.sending import Relaying, SyncSender
from services.gateway.usecases.connections import Connections
from services.gateway.usecases.log import Log

CONNECTION = "itsm.gateway.v1.ConnectionService"
_AT_ONCE = 32


def build(assembly: Assembly, log: Log, policy: Policy, master: bytes, target: str, key: bytes) -> SyncSender:
    """Adds it to the process; `target` is where the incident service is, `key` signs page tokens."""
    store, service = assembly.store, assembly.service
    outbound = Outbound(policy, limits=LIMITS, at_once=_AT_ONCE)
    service.on_stop(Stage.STORE, outbound.close)
    links, doing, catalog = Links(store), Doing(store), Catalog(store.clock)
    reaching = Reaching(store, outbound, Sealing(master, "connections"))
    engine = Engine(store, links, Incidents(assembly.channels, target, assembly.account))
    connections = Connections(
        store, log, links, reaching, kept.listings(key, store.clock), policy=policy, catalog=catalog, master=master
    )
    assembly.serve(CONNECTION, pb.add_ConnectionServiceServicer_to_server, ConnectionApi(connections))
    assembly.react(reactions.sync(Relaying(store, log, catalog, links)))
    polling = Polling(store, engine, links, reaching, doing)
    DueWorker(store, service.name, POLLS, DUE_FIELD, polling.due, service.metrics).attach(service)
    return SyncSender(store, engine, reaching, doing)
