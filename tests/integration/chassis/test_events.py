"""Changes travel from the store of one service to the handlers of another, over a real mongod and a real Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
from bson import ObjectId
from itsm.incident import v1 as pb
from pymongo import AsyncMongoClient

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.errors import Busy, Unavailable
from chassis.events import Envelope, Subscriptions, wire
from chassis.events import records as kept
from chassis.events.kafka import open_producer
from chassis.events.versions import SEEN
from chassis.store import Insert, Store, Transaction, Update
from chassis.telemetry import Metrics
from chassis.testing import caller
from tests.integration.chassis.conftest import PARTITIONS, Place
from tests.support.running import background
from tests.support.store_cases import Ticket, a_ticket


async def opened(store: Store, title: str = "mail is down", tenant: str = "main") -> Ticket:
    with ctx.use(caller(tenant)):
        async with store.transaction() as tx:
            ticket = a_ticket(title)
            tx.add(ticket)
    return ticket


async def changed(store: Store, ticket_id: str, tenant: str = "main") -> None:
    """As the RPC edge does, run again when another writer was first."""
    while True:
        try:
            with ctx.use(caller(tenant)):
                async with store.transaction() as tx:
                    ticket = await tx.get(Ticket, ticket_id)
                    ticket.title += "!"
                    ticket.record(pb.IncidentUpdated())
                    tx.save(ticket)
        except Busy:
            continue
        return


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


async def effects(store: Store, count: int, within: float = 60) -> list[dict[str, Any]]:
    async with asyncio.timeout(within):
        while True:
            found = await store.backend.find("effects", {}, sort=[("subject", 1), ("version", 1)])
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def cleared(store: Store, within: float = 60) -> None:
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


async def test_what_is_published_again_changes_nothing(place: Place, relayed: Store) -> None:
    store = place.store()
    async with background(place.consumer(store, counting(store)).run):
        ticket = await opened(relayed)
        await changed(relayed, ticket.id)
        await effects(store, 2)
        await cleared(relayed)
        await relayed.backend.update_many("changes", {}, {"$set": {"pending": True}})
        async with background(place.relay(place.store()).run):
            await changed(relayed, ticket.id)
            found = await effects(store, 3)
            await cleared(relayed, within=60)
    assert [effect["times"] for effect in found] == [1, 1, 1]


async def test_rows_left_behind_are_published_after_a_restart(place: Place) -> None:
    store = place.store()
    tickets = [await opened(store) for _ in range(5)]
    await changed(store, tickets[0].id)
    async with background(place.relay(place.store()).run):
        events = await place.records(place.topic, 6)
        await cleared(store)
    assert len(events) == 6


async def test_two_replicas_share_the_shards_and_each_publishes_the_others_commits(place: Place) -> None:
    first, second = place.store(), place.store()
    async with background(place.relay(first).run, place.relay(second).run):
        tickets = [await opened(store) for store in (first, second) for _ in range(10)]
        for ticket in tickets:
            await changed(first, ticket.id)
            await changed(second, ticket.id)
        await cleared(first, within=60)
        holders = {
            lease["holder"].partition(":")[0] for lease in await first.backend.find("leases", {"_id": {"$regex": "^relay\\|"}})
        }
    events = await place.records(place.topic, 60)
    versions: dict[bytes, list[int]] = {}
    for event in events:
        versions.setdefault(event.key, []).append(int(dict(event.headers)["ce_itsmversion"]))
    assert [list(dict.fromkeys(seen)) for seen in versions.values()] == [[1, 2, 3]] * 20
    assert len(holders) == 2


async def test_without_a_word_of_the_database_the_same_is_published_only_later(place: Place) -> None:
    async def deaf(_: str) -> AsyncIterator[dict[str, Any]]:
        raise Unavailable("no change streams here")
        yield {}

    writer = place.store()
    for again in (False, True):
        stores = [place.store(), place.store()]
        if again:  # all rows once more, by replicas that find them by looking for them alone
            for store in stores:
                store.backend.watch = deaf  # type: ignore[method-assign]
            await writer.backend.update_many("changes", {}, {"$set": {"pending": True}})
        async with background(*(place.relay(store).run for store in stores)):
            if not again:
                for ticket in [await opened(writer) for _ in range(10)]:
                    await changed(writer, ticket.id)
            await cleared(writer, within=90)
    told: dict[bytes, list[Any]] = {}
    for event in await place.records(place.topic, 40):
        told.setdefault(dict(event.headers)["ce_id"], []).append((event.key, list(event.headers), event.value))
    assert len(told) == 20
    assert all(len(copies) >= 2 and copies.count(copies[0]) == len(copies) for copies in told.values())


async def test_two_consumers_share_the_work_without_doing_it_twice(place: Place, relayed: Store) -> None:
    stores = [place.store(), place.store()]
    first, second = (place.consumer(store, counting(store)).run for store in stores)
    async with background(first):
        tickets = [await opened(relayed) for _ in range(30)]
        async with background(second):
            for _ in range(5):
                for ticket in tickets:
                    await changed(relayed, ticket.id)
            await effects(stores[0], 100)
        found = await effects(stores[0], 180)
    assert [effect["times"] for effect in found] == [1] * 180


async def test_a_poison_record_becomes_a_dead_letter_and_holds_back_only_its_own_record(place: Place, relayed: Store) -> None:
    store = place.store()
    poisoned = Subscriptions()
    handled: list[tuple[str, int]] = []

    @poisoned.on(pb.IncidentOpened)
    async def fail_on_some(event: pb.IncidentOpened, envelope: Envelope) -> None:
        if event.incident.title == "poison":
            raise ZeroDivisionError
        handled.append((event.incident.title, envelope.version))

    @poisoned.on(pb.IncidentUpdated)
    async def note(event: pb.IncidentUpdated, envelope: Envelope) -> None:
        handled.append((event.incident.title, envelope.version))

    consumer = place.consumer(store, poisoned)
    async with background(consumer.run, consumer.aftercare.run):
        bad, good = await opened(relayed, "poison"), await opened(relayed, "fine")
        await changed(relayed, bad.id)
        await changed(relayed, good.id)
        dead = await place.records(place.dead, 1)
        parked = []
        async with asyncio.timeout(60):
            while not parked:
                parked = await store.backend.find("parked", {})
                await asyncio.sleep(0.05)
    letter = (await store.backend.find("dead_letters", {}))[0]
    assert (letter["reason"], letter["attempts"], letter["tenant"]) == ("handler", 5, "main")
    original = await place.records(place.topic, 4)
    assert dead[0].value in [record.value for record in original]
    assert dict(dead[0].headers)["itsm-dead-reason"] == b"handler"
    assert [(row["key"], row["version"]) for row in parked] == [(f"main/{bad.id}", 2)]
    assert set(handled) == {("fine", 1), ("fine!", 2)}


async def test_an_unreadable_record_does_not_stop_its_partition(place: Place, relayed: Store) -> None:
    store = place.store()
    ticket = await opened(relayed)
    good = (await place.records(place.topic, 1))[0]
    headers = list(good.headers)
    lying = [(name, b"other" if name == "ce_itsmtenant" else value) for name, value in headers]
    producer = await open_producer(place.settings)
    for value, key, given in (
        (b"", b"main/inc_1", headers),
        (b"\x00\x01", good.key, [*headers[:10], ("ce_itsmversion", b"2"), *headers[11:]]),
        (good.value, good.key, lying),
        (good.value, good.key, [pair for pair in headers if pair[0] != "ce_id"]),
        (good.value, good.key, [(n, b"/itsm/local/asset" if n == "ce_source" else v) for n, v in headers]),
    ):
        await producer.send_and_wait(place.topic, value, key, partition=good.partition, headers=given)
    await producer.stop()
    metrics = Metrics()
    async with background(place.consumer(store, counting(store), metrics).run):
        await changed(relayed, ticket.id)
        found = await effects(store, 2)
    assert [effect["version"] for effect in found] == [1, 2]
    letters = await store.backend.find("dead_letters", {}, sort=[("offset", 1)])
    assert [letter["reason"] for letter in letters] == ["undecodable", "undecodable", "tenant", "envelope", "source"]
    assert [letter["tenant"] for letter in letters] == ["main", "main", "-", "main", "main"]


async def test_a_transient_failure_holds_the_partition_until_it_passes(place: Place, relayed: Store) -> None:
    store = place.store()
    subscriptions = Subscriptions()
    tries: list[str] = []

    @subscriptions.on(pb.IncidentOpened)
    async def need_another_service(event: pb.IncidentOpened, envelope: Envelope) -> None:
        tries.append(envelope.id)
        if len(tries) < 9:
            raise Unavailable("the other service does not answer")
        tx: Transaction
        async with store.transaction() as tx:
            tx.write(Insert("effects", {"_id": envelope.id, "tenant": "main"}))

    async with background(place.consumer(store, subscriptions).run):
        await opened(relayed)
        assert len(await effects(store, 1)) == 1
    assert await store.backend.find("dead_letters", {}) == []


async def test_a_record_that_kills_its_process_is_given_up_after_five_deaths(place: Place, relayed: Store) -> None:
    entered = asyncio.Event()

    def subscriptions() -> Subscriptions:
        deadly = Subscriptions()

        @deadly.on(pb.IncidentOpened)
        async def die_of_some(event: pb.IncidentOpened, envelope: Envelope) -> None:
            if event.incident.title == "deadly":
                entered.set()
                await asyncio.Event().wait()
            async with store.transaction() as tx:
                query = {"_id": event.incident.title, "tenant": "main"}
                tx.write(Update("effects", query, {"$inc": {"times": 1}}, strict=False, upsert=True))

        return deadly

    await opened(relayed, "deadly")
    await opened(relayed, "fine")
    await cleared(relayed)
    store = place.store()
    deaths = 0
    while not await store.backend.find("dead_letters", {}):
        entered.clear()
        async with background(place.consumer(store, subscriptions()).run):
            async with asyncio.timeout(60):
                while not entered.is_set() and not await store.backend.find("dead_letters", {}):  # noqa: ASYNC110 - two ends
                    await asyncio.sleep(0.02)
        if entered.is_set():
            deaths += 1
            # A process that is killed says no last word.
            await store.backend.update_many("offsets", {}, {"$set": {"working": True}})
    assert deaths == 5
    assert [letter["detail"] for letter in await store.backend.find("dead_letters", {})] == [
        "RuntimeError: the process did not survive it"
    ]
    async with background(place.consumer(store, subscriptions()).run):
        found = await effects(store, 1)
    assert [(effect["_id"], effect["times"]) for effect in found] == [("fine", 1)]


async def test_a_change_that_cannot_be_told_holds_up_no_other_record(place: Place) -> None:
    store = place.store()
    untold = await opened(store)
    spoiled = {"$set": {"diff": [{"field": "title", "old": ObjectId(), "new": "b"}]}}
    await store.backend.update_many("changes", {"key": untold.id}, spoiled)
    told = await opened(store)
    async with background(place.relay(store).run):
        records = await place.records(place.topic, 1)
        assert [record.key.decode() for record in records] == [f"main/{told.id}"]
        later = await opened(store)
        records = await place.records(place.topic, 2)
        assert {record.key.decode() for record in records} == {f"main/{told.id}", f"main/{later.id}"}


async def test_many_parked_events_of_one_record_hold_up_no_other(place: Place) -> None:
    store = place.store()
    await opened(store)
    (row,) = await store.backend.find("changes", {})
    consumer = place.consumer(store, counting(store))
    now = store.clock()

    async def parked_at(record_id: str, seen: int, versions: Iterable[int]) -> None:
        await store.backend.write(
            [Insert(SEEN, {"_id": f"{consumer.group}|main/{record_id}", "tenant": "main", "version": seen, "epoch": 1})]
        )
        for version in versions:
            event = {**row, "_id": uuid7(), "key": record_id, "subject": f"incidents/{record_id}", "version": version}
            headers = wire.headers_of(event, wire.Source("local", "incident", 1))
            record = kept.Record(place.topic, 0, version, wire.key_of(event).encode(), event["data"].encode(), headers)
            envelope = wire.parse(headers, record.key)
            await store.backend.write([Insert(kept.PARKED, kept.parked(record, envelope, consumer.group, now))])

    await parked_at("inc_a", 1, range(3, 210))
    await parked_at("inc_z", 1, [2, 3])
    await consumer.aftercare.round()
    left = await store.backend.find(kept.PARKED, {"group": consumer.group}, projection={"key": 1})
    assert {document["key"] for document in left} == {"main/inc_a"}
    assert [effect["version"] for effect in await store.backend.find("effects", {}, sort=[("version", 1)])] == [2, 3]


async def test_a_partition_goes_on_soon_after_the_transaction_of_a_dead_process_has_ended(place: Place, relayed: Store) -> None:
    store = place.store()
    async with background(place.consumer(store, counting(store)).run), AsyncMongoClient(place.uri) as client:
        await opened(relayed)
        await effects(store, 1)
        # As one that was killed in the middle leaves it: until the server ends it, whoever touches its rows loses.
        offsets = client.get_default_database()["offsets"]
        async with client.start_session() as session, await session.start_transaction():
            await offsets.update_many({}, {"$set": {"held": True}}, session=session)
            for _ in range(4 * PARTITIONS):
                await opened(relayed)
            await asyncio.sleep(14)
            await session.abort_transaction()
        await effects(store, 1 + 4 * PARTITIONS, within=9)  # with delays that go on doubling it would take longer
