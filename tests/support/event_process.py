"""A process that writes, publishes and consumes, to be killed at a failpoint: `python -m tests.support.event_process FILE`.

FILE is JSON: addresses of a test's own place, `records` to write and how many `changes` of each, the file of failpoints.
What was acknowledged is appended to `acknowledged`, a line an answer, before the next write begins.
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.domain import SystemClock
from chassis.errors import Busy, Unavailable
from chassis.events import INDEXES, Consumer, Envelope, Relay, Subscriptions
from chassis.failpoints import Failpoints
from chassis.lease import Lease
from chassis.settings import Environment, Settings
from chassis.store import Store, Update
from chassis.store.mongo import MongoBackend
from chassis.telemetry import Metrics
from chassis.testing import caller
from tests.support.store_cases import KIND, Ticket


def counted(store: Store) -> Subscriptions:
    """Counts each event in a document of its own, so that twice is seen."""
    subscriptions = Subscriptions()

    async def count(event: Any, envelope: Envelope) -> None:
        async with store.transaction() as tx:
            query = {"_id": envelope.id, "tenant": ctx.current().tenant}
            effect = {"$inc": {"times": 1}, "$set": {"subject": envelope.subject, "version": envelope.version}}
            tx.write(Update("effects", query, effect, strict=False, upsert=True))

    for event in (pb.IncidentOpened, pb.IncidentUpdated):
        subscriptions.on(event)(count)
    return subscriptions


async def write(store: Store, orders: dict[str, Any]) -> None:
    """Brings each record to its last change; goes on where a former life ended."""
    with Path(orders["acknowledged"]).open("a") as acknowledged:  # noqa: ASYNC230 - a line is written between two writes
        for change in range(orders["changes"] + 1):
            for number in range(orders["records"]):
                version = await _to(store, f"inc_{number}", change + 1)
                acknowledged.write(f"inc_{number} {version}\n")
                acknowledged.flush()


async def _to(store: Store, ticket_id: str, version: int) -> int:
    while True:
        with suppress(Busy, Unavailable), ctx.use(caller()):
            async with store.transaction() as tx:
                known = await store.backend.find_one("tickets", {"_id": ticket_id})
                if known is None:
                    ticket = Ticket(id=ticket_id, title="mail is down")
                    ticket.record(pb.IncidentOpened())
                    tx.add(ticket)
                elif known["version"] < version:
                    ticket = await tx.get(Ticket, ticket_id)
                    ticket.title += "!"
                    ticket.record(pb.IncidentUpdated())
                    tx.save(ticket)
            return version


async def main(orders: dict[str, Any]) -> None:
    settings = Settings(environment=Environment.DEVELOPMENT, **orders["settings"])
    Lease.usual = settings.lease_seconds
    failpoints = Failpoints("incident", settings.failpoints)
    names = orders["topics"]
    store = Store(MongoBackend(orders["settings"]["mongo_uri"]), SystemClock(), [KIND], INDEXES, failpoints)
    relay = Relay(store, settings, "incident", Metrics(), failpoints, topic=names["events"], audit_topic=names["audit"])
    # Its own store: a transaction of one must never be joined by the other.
    other = Store(MongoBackend(orders["settings"]["mongo_uri"]), SystemClock(), [KIND], INDEXES)
    consumer = Consumer(
        other, settings, "monitor", counted(other), Metrics(), failpoints,
        topics={"itsm.incident.v1": names["events"]}, group=orders["group"], dead_topic=names["dead"],
    )  # fmt: skip
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(relay.run())
        tasks.create_task(consumer.run())
        tasks.create_task(write(store, orders))


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text())))
