"""What operators do about events: dead letters handled again or given up, history published again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from itsm.incident import v1 as pb
from itsm.operations import v1 as operations_pb

from chassis import context as ctx
from chassis.emptying import Emptying
from chassis.errors import Busy, ForbiddenMove, NotFound
from chassis.events import Envelope, Subscriptions
from chassis.events.replays import Replays
from chassis.operations import KINDS, Operations, OperationsApi, listing
from chassis.store import Store
from chassis.testing import caller
from tests.integration.chassis.conftest import Place
from tests.integration.chassis.test_events import changed, opened
from tests.support.running import background


async def as_the_edge_does(work: Callable[[], Awaitable[object]]) -> None:
    """Runs a use case again while it lost a race or decided on memory."""
    while True:
        with suppress(Busy):
            await work()
            return


class Fragile:
    """A handler with a defect that can be mended."""

    def __init__(self, place: Place, store: Store) -> None:
        self.mended = False
        self.handled: list[tuple[str, int]] = []
        subscriptions = Subscriptions()
        subscriptions.on(pb.IncidentOpened)(self._take)
        subscriptions.on(pb.IncidentUpdated)(self._take)
        self.consumer = place.consumer(store, subscriptions)
        self.operations = Operations(store, listing(b"k" * 32, store.clock))
        self.api = OperationsApi("monitor", self.operations, Emptying(self.consumer.store))

    async def _take(self, event: Any, envelope: Envelope) -> None:
        if envelope.version == 1 and not self.mended:
            raise ZeroDivisionError("not yet")
        self.handled.append((envelope.subject, envelope.version))

    async def letter(self) -> operations_pb.DeadLetter:
        request = operations_pb.ListDeadLettersRequest(service="monitor")
        async with asyncio.timeout(60):
            while True:
                with ctx.use(caller()):
                    answer = await self.api.ListDeadLetters(request, None)
                if answer.dead_letters:
                    return answer.dead_letters[0]
                await asyncio.sleep(0.05)

    async def all_handled(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.handled) < count:  # noqa: ASYNC110 - another task handles
                await asyncio.sleep(0.05)


@pytest.fixture
def fragile(place: Place) -> Fragile:
    return Fragile(place, place.store(*KINDS))


async def test_a_requeued_dead_letter_is_handled_and_later_versions_follow(
    place: Place, relayed: Store, fragile: Fragile
) -> None:
    async with background(fragile.consumer.run, fragile.consumer.aftercare.run):
        ticket = await opened(relayed)
        await changed(relayed, ticket.id)
        letter = await fragile.letter()
        assert (letter.subject, letter.reason, letter.attempts) == (f"incidents/{ticket.id}", "handler", 5)
        fragile.mended = True
        with ctx.use(caller()):
            asked = await fragile.operations.requeue(letter.id, etag=letter.etag, dry_run=True)
            assert asked.state == "REQUEUED"
            assert (await fragile.operations.letter(letter.id))["state"] == "OPEN"
            await fragile.operations.requeue(letter.id, etag=letter.etag, dry_run=False)
        await fragile.all_handled(2)
        assert fragile.handled == [(f"incidents/{ticket.id}", 1), (f"incidents/{ticket.id}", 2)]
        with ctx.use(caller()):
            with pytest.raises(ForbiddenMove):
                await as_the_edge_does(lambda: fragile.operations.requeue(letter.id, etag="", dry_run=False))
            assert (await fragile.operations.letter(letter.id))["state"] == "RESOLVED"


async def test_a_discarded_dead_letter_lets_later_versions_go_on(place: Place, relayed: Store, fragile: Fragile) -> None:
    async with background(fragile.consumer.run, fragile.consumer.aftercare.run):
        ticket = await opened(relayed)
        await changed(relayed, ticket.id)
        letter = await fragile.letter()
        with ctx.use(caller()):
            request = operations_pb.DiscardDeadLetterRequest(service="monitor", id=letter.id, reason="a test record")
            discarded = await fragile.api.DiscardDeadLetter(request, None)
            history = await fragile.consumer.store.history(f"deadLetters/{letter.id}", limit=10)
        await fragile.all_handled(1)
    assert fragile.handled == [(f"incidents/{ticket.id}", 2)]
    assert discarded.discard_reason == "a test record"
    assert [row["type"] for row in history] == ["itsm.operations.v1.DeadLetterDiscarded"]


async def test_a_dead_letter_is_nobody_elses(place: Place, relayed: Store, fragile: Fragile) -> None:
    async with background(fragile.consumer.run, fragile.consumer.aftercare.run):
        await opened(relayed)
        letter = await fragile.letter()
    with ctx.use(caller("other")), pytest.raises(NotFound):
        await fragile.operations.requeue(letter.id, etag="", dry_run=False)
    with ctx.use(caller()):
        with pytest.raises(NotFound):
            await fragile.api.GetDeadLetter(operations_pb.GetDeadLetterRequest(service="asset", id=letter.id), None)
        whole = await fragile.api.GetDeadLetter(operations_pb.GetDeadLetterRequest(service="monitor", id=letter.id), None)
    assert whole.headers["ce_type"] == "itsm.incident.v1.IncidentOpened"
    assert whole.value == (await place.records(place.topic, 1))[0].value


async def test_a_replay_publishes_the_tenants_history_again(place: Place) -> None:
    store = place.store(*KINDS)
    async with background(place.relay(store).run):
        tickets = [await opened(store) for _ in range(3)]
        await changed(store, tickets[0].id)
        await opened(store, tenant="other")
        first = await place.records(place.topic, 5)
    operations = Operations(store, listing(b"k" * 32, store.clock))
    since = store.clock() - timedelta(hours=1)
    with ctx.use(caller()):
        counted = await operations.start_replay({"start_time": since}, dry_run=True)
        replay = await operations.start_replay({"start_time": since}, dry_run=False)
    async with background(Replays(store, place.settings, "incident", topic=place.topic).run):
        async with asyncio.timeout(60):
            with ctx.use(caller()):
                while (await operations.replay(replay.id)).state != "DONE":  # noqa: ASYNC110 - a worker finishes it
                    await asyncio.sleep(0.05)
    again = await place.records(place.topic, 9)
    assert counted.published == 4
    ids = [dict(record.headers)["ce_id"] for record in again]
    mine = {dict(record.headers)["ce_id"] for record in first if record.key.startswith(b"main/")}
    assert sorted(ids.count(one) for one in set(ids)) == [1, 2, 2, 2, 2]
    assert {one for one in ids if ids.count(one) == 2} == mine
