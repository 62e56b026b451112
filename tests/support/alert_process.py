"""A process that takes signals over HTTP and tells of alerts, to be killed: `python -m tests.support.alert_process FILE`.

FILE is JSON: `settings` of a test's own place, its `topics`, and the address to `listen` on. Only who the keys are of is
played; the listener, the intake, the database and the relay are those of the service.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvloop

from chassis.domain import SystemClock
from chassis.events import INDEXES, Relay
from chassis.failpoints import Failpoints
from chassis.http.listener import Listener
from chassis.lease import Lease
from chassis.settings import Environment, Settings
from chassis.store import Store
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from services.monitor import store as kept
from services.monitor.ingest.app import Door
from services.monitor.ingest.keys import Keys
from services.monitor.usecases.gathering import Gatherer
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.integrations import Integrations
from tests.support.ingest import KnownKeys


async def main(orders: dict[str, Any]) -> None:
    settings = Settings(environment=Environment.DEVELOPMENT, **orders["settings"])
    Lease.usual = settings.lease_seconds
    failpoints = Failpoints("monitor", settings.failpoints)
    backend = MongoBackend(settings.mongo_uri.get_secret_value())
    store = Store(backend, SystemClock(), kept.KINDS, (*INDEXES, *kept.INDEXES), failpoints)
    names = orders["topics"]
    relay = Relay(store, settings, "monitor", Metrics(), failpoints, topic=names["events"], audit_topic=names["audit"])
    known = KnownKeys()
    keys = Keys(known.exchange, known, Integrations(store))
    door = Door(keys, Gatherer(Intake(store)), store.clock, failpoints.reached)
    listener = Listener(orders["listen"], door.app, lambda: asyncio.sleep(0))
    await listener.start()
    await relay.run()


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text())))
