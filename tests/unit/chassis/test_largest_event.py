"""What would not fit into an event is not stored either."""

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import CHANGES, Store
from chassis.store.changes import LARGEST
from chassis.testing import FakeClock, MemoryBackend, caller
from tests.support.store_cases import KIND, NOON, Ticket, a_ticket

_AROUND = 4096  # bytes that an event has beside the text in it


async def test_a_record_that_no_event_can_tell_of_is_refused_with_all_that_came_with_it() -> None:
    backend = MemoryBackend()
    store = Store(backend, FakeClock(NOON), [KIND])
    with ctx.use(caller()):
        with pytest.raises(Invalid, match="524288 is the most"):
            async with store.transaction() as tx:
                tx.add(a_ticket("small"))
                tx.add(a_ticket("l" * LARGEST))
        assert await backend.find(KIND.collection, {}) == []
        assert await backend.find(CHANGES, {}) == []


async def test_a_change_that_no_event_can_tell_of_leaves_the_record_as_it_was() -> None:
    backend = MemoryBackend()
    store = Store(backend, FakeClock(NOON), [KIND])
    ticket = a_ticket("t" * (LARGEST - _AROUND))
    with ctx.use(caller()):
        async with store.transaction() as tx:
            tx.add(ticket)
        with pytest.raises(Invalid):
            async with store.transaction() as tx:
                found = await tx.get(Ticket, ticket.id)
                found.title += "u" * _AROUND
                found.record(pb.IncidentUpdated())
                tx.save(found)
        kept = await backend.find(KIND.collection, {})
    assert [(row["version"], len(row["title"])) for row in kept] == [(1, LARGEST - _AROUND)]
    (told,) = await backend.find(CHANGES, {})
    assert len(told["data"]) <= LARGEST
