"""Changes travel from the store of one service to the handlers of another, over a real mongod and a real Kafka."""

import asyncio
from typing import Any

import orjson
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.events import Envelope, Subscriptions
from chassis.store import Store, Update
from chassis.testing import caller
from tests.integration.chassis.conftest import Place
from tests.support.running import background
from tests.support.store_cases import Ticket, a_ticket


async def opened(store: Store, title: str = "mail is down", tenant: str = "main") -> Ticket:
    with ctx.use(caller(tenant)):
        async with store.transaction() as tx:
            ticket = a_ticket(title)
            tx.add(ticket)
    return ticket


async def changed(store: Store, ticket_id: str, tenant: str = "main") -> None:
    with ctx.use(caller(tenant)):
        async with store.transaction() as tx:
            ticket = await tx.get(Ticket, ticket_id)
            ticket.title += "!"
            ticket.record(pb.IncidentUpdated())
            tx.save(ticket)


def counting(store: Store, group: str = "main") -> Subscriptions:
    """Counts each event in a document of its own, so that twice is seen."""
    subscriptions = Subscriptions(group)

    async def count(event: Any, envelope: Envelope) -> None:
        async with store.transaction() as tx:
            query = {"_id": envelope.id, "tenant": ctx.current().tenant}
            effect = {"$inc": {"times": 1}, "$set": {"subject": envelope.subject, "version": envelope.version}}
            tx.write(Update("effects", query, effect, strict=False, upsert=True))

    for event in (pb.IncidentOpened, pb.IncidentUpdated, pb.IncidentResolved):
        subscriptions.on(event)(count)
    return subscriptions


async def effects(store: Store, count: int, within: float = 20) -> list[dict[str, Any]]:
    async with asyncio.timeout(within):
        while True:
            found = await store.backend.find("effects", {}, sort=[("subject", 1), ("version", 1)])
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def cleared(store: Store, within: float = 20) -> None:
    async with asyncio.timeout(within):
        while await store.backend.count("changes", {"pending": True}, limit=1):  # noqa: ASYNC110 - another task clears
            await asyncio.sleep(0.05)


async def test_a_change_becomes_a_cloudevent_and_an_audit_entry(place: Place, relayed: Store) -> None:
    ticket = await opened(relayed)
    await changed(relayed, ticket.id)
    events = await place.records(place.topic, 2)
    assert [event.key.decode() for event in events] == [f"main/{ticket.id}"] * 2
    headers = dict(events[1].headers)
    assert headers["ce_type"] == b"itsm.incident.v1.IncidentUpdated"
    assert headers["ce_subject"] == f"incidents/{ticket.id}".encode()
    assert headers["ce_source"] == b"/itsm/local/incident"
    assert headers["ce_itsmversion"] == b"2".rjust(20, b"0")
    assert orjson.loads(events[1].value)["incident"]["title"] == "mail is down!"
    entries = await place.records(place.audit, 2)
    entry = orjson.loads(entries[1].value)
    assert dict(entries[1].headers)["ce_id"] == headers["ce_id"]
    assert entry["diff"] == [{"field": "title", "old": "mail is down", "new": "mail is down!"}]
    await cleared(relayed)


async def test_every_version_leaves_in_order(place: Place, relayed: Store) -> None:
    tickets = [await opened(relayed) for _ in range(10)]

    async def edit(ticket: Ticket) -> None:
        for _ in range(10):
            await changed(relayed, ticket.id)

    await asyncio.gather(*(edit(ticket) for ticket in tickets))
    events = await place.records(place.topic, 110)
    versions: dict[bytes, list[int]] = {}
    for event in events:
        versions.setdefault(event.key, []).append(int(dict(event.headers)["ce_itsmversion"]))
    assert list(versions.values()) == [list(range(1, 12))] * 10
    await cleared(relayed)


async def test_an_event_has_its_effect_exactly_once(place: Place, relayed: Store) -> None:
    store = place.store()
    async with background(place.consumer(store, counting(store)).run):
        for number in range(50):
            ticket = await opened(relayed, tenant=f"t{number % 3}")
            await changed(relayed, ticket.id, tenant=f"t{number % 3}")
        found = await effects(store, 100)
    assert [effect["times"] for effect in found] == [1] * 100
    assert {effect["tenant"] for effect in found} == {"t0", "t1", "t2"}
