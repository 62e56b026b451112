"""What every store must do, whichever database is behind it. Subclasses give `backend`."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.domain import Aggregate, new_id
from chassis.errors import Busy, ForbiddenMove, Invalid, NotFound, Stale
from chassis.store import Backend, Delete, Kind, Replay, Store, Taken, Update
from chassis.testing import FakeClock, caller

NOON = datetime(2126, 3, 27, 12, tzinfo=UTC)  # ahead of the server's clock, so that its TTL index leaves request keys alone


class State(StrEnum):
    NEW = "NEW"
    RESOLVED = "RESOLVED"


@dataclass(slots=True, kw_only=True)
class Ticket(Aggregate):
    """A small aggregate that borrows the incident's messages."""

    number: str = ""
    title: str
    description: str = ""
    state: State = State.NEW
    requester_id: str = ""
    asset_ids: list[str] = field(default_factory=list)

    def resolve(self) -> None:
        self.state = State.RESOLVED
        self.record(pb.IncidentResolved(resolution_code="fixed"))


def a_ticket(title: str = "mail is down", **more: object) -> Ticket:
    ticket = Ticket(id=new_id("inc"), title=title, **more)  # type: ignore[arg-type]
    ticket.record(pb.IncidentOpened())
    return ticket


KIND = Kind(Ticket, pb.Incident, "tickets")


class StoreCases:
    """Inherited by one class per database."""

    @pytest.fixture
    def store(self, backend: Backend) -> Store:
        return Store(backend, FakeClock(NOON), [KIND])

    async def test_a_saved_record_is_read_back_as_it_was(self, store: Store) -> None:
        with ctx.use(caller()):
            ticket = await self._added(store, asset_ids=["ast_1"])
            assert await store.get(Ticket, ticket.id) == ticket

    async def test_one_change_row_tells_of_each_save(self, store: Store) -> None:
        with ctx.use(caller(correlation_id="c-1")):
            ticket = await self._added(store, description="personal words")
            async with store.transaction() as tx:
                loaded = await tx.get(Ticket, ticket.id)
                loaded.resolve()
                tx.save(loaded)
            rows = await store.history(f"incidents/{ticket.id}", limit=10)
        assert [(row["type"], row["version"]) for row in rows] == [
            ("itsm.incident.v1.IncidentResolved", 2),
            ("itsm.incident.v1.IncidentOpened", 1),
        ]
        assert all(row["pending"] is True and row["correlation_id"] == "c-1" for row in rows)
        assert rows[0]["diff"] == [{"field": "state", "old": "NEW", "new": "RESOLVED"}]
        assert '"changes":[{"field":"state","old":"NEW","new":"RESOLVED"}]' in rows[0]["data"]
        assert "personal words" not in str(rows)

    async def test_documents_are_removed_together_and_collections_known_by_name(self, backend: Backend, store: Store) -> None:
        for tenant in ("a", "a", "b"):
            with ctx.use(caller(tenant)):
                await self._added(store)
        assert {"tickets", "changes"} <= set(await backend.collection_names())
        assert await backend.delete_many("tickets", {"tenant": "a"}) == 2
        assert await backend.count("tickets", {}) == 1

    async def test_a_caller_sees_only_its_own_tenant(self, store: Store) -> None:
        with ctx.use(caller("a")):
            ticket = await self._added(store)
        with ctx.use(caller("b")):
            with pytest.raises(NotFound):
                await store.get(Ticket, ticket.id)
            assert await store.find("tickets", {}) == []
            assert await store.history(f"incidents/{ticket.id}", limit=10) == []
            with pytest.raises(NotFound):
                await store.find("tickets", {"tenant": "a"})

    async def test_a_row_scope_hides_what_it_does_not_cover(self, store: Store) -> None:
        with ctx.use(caller()):
            mine = await self._added(store, requester_id="me")
            other = await self._added(store, requester_id="you")
        with ctx.use(caller(scope={"requester_id": "me"})):
            assert (await store.get(Ticket, mine.id)).id == mine.id
            with pytest.raises(NotFound):
                await store.get(Ticket, other.id)
            assert len(await store.find("tickets", {"requester_id": "you"})) == 0

    async def test_of_two_writers_on_one_version_one_is_busy(self, store: Store) -> None:
        with ctx.use(caller()):
            ticket = await self._added(store)

            async def resolve() -> None:
                async with store.transaction() as tx:
                    loaded = await tx.get(Ticket, ticket.id)
                    await asyncio.sleep(0.01)
                    loaded.resolve()
                    tx.save(loaded)

            outcomes = await asyncio.gather(resolve(), resolve(), return_exceptions=True)
            assert sorted(type(outcome) for outcome in outcomes if outcome)[:1] == [Busy]
            assert [row["version"] for row in await store.history(f"incidents/{ticket.id}", limit=9)] == [2, 1]

    async def test_an_old_etag_is_stale(self, store: Store) -> None:
        with ctx.use(caller()):
            ticket = await self._added(store)
            store.recent.clear()
            with pytest.raises(Stale) as caught:
                async with store.transaction() as tx:
                    await tx.get(Ticket, ticket.id, etag="7")
        assert caught.value.facts["etag"] == "1"

    async def test_two_saves_in_one_transaction_are_two_rows_and_one_document(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                ticket = a_ticket()
                tx.add(ticket)
                ticket.resolve()
                tx.save(ticket)
            assert (await store.get(Ticket, ticket.id)).version == 2
            assert len(await store.history(f"incidents/{ticket.id}", limit=9)) == 2

    async def test_an_inner_transaction_joins_the_outer(self, store: Store) -> None:
        with ctx.use(caller()):
            with pytest.raises(RuntimeError):
                async with store.transaction():
                    await self._added(store)
                    raise RuntimeError("the outer one fails")
            assert await store.find("tickets", {}) == []

    async def test_a_refusal_is_never_decided_on_what_a_process_remembers(self, backend: Backend) -> None:
        here, there = (Store(backend, FakeClock(NOON), [KIND]) for _ in range(2))
        with ctx.use(caller()):
            ticket = await self._added(here)
            async with there.transaction() as tx:
                loaded = await tx.get(Ticket, ticket.id)
                loaded.resolve()
                tx.save(loaded)

            async def refuse_unless_resolved() -> None:
                async with here.transaction() as tx:
                    if (await tx.get(Ticket, ticket.id)).state is not State.RESOLVED:
                        raise ForbiddenMove("NEW", "close")

            with pytest.raises(Busy):
                await refuse_unless_resolved()
            await refuse_unless_resolved()

    async def test_a_command_that_changes_nothing_is_not_decided_on_memory_either(self, store: Store) -> None:
        with ctx.use(caller()):
            ticket = await self._added(store)
            with pytest.raises(Busy):
                async with store.transaction() as tx:
                    await tx.get(Ticket, ticket.id)
            async with store.transaction() as tx:
                await tx.get(Ticket, ticket.id)

    async def test_a_claim_has_one_holder_until_it_is_released(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("open", "disk-full", "inc_1")
                assert await tx.holder("open", "disk-full") == "inc_1"
            with pytest.raises(Taken):
                async with store.transaction() as tx:
                    tx.claim("open", "disk-full", "inc_2")
            async with store.transaction() as tx:
                tx.release("open", "disk-full")
            async with store.transaction() as tx:
                assert await tx.holder("open", "disk-full") is None
                tx.claim("open", "disk-full", "inc_2")
        with ctx.use(caller("other")):
            async with store.transaction() as tx:
                tx.claim("open", "disk-full", "inc_3")

    async def test_a_claim_can_pass_to_another_record_in_one_transaction(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("open", "disk-full", "inc_1")
            async with store.transaction() as tx:
                tx.release("open", "disk-full")
                tx.claim("open", "disk-full", "inc_2")
            async with store.transaction() as tx:
                assert await tx.holder("open", "disk-full") == "inc_2"

    async def test_what_stands_for_a_record_ends_as_it_was_said_last(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("open", "given", "inc_1")
            async with store.transaction() as tx:
                tx.release("open", "given")
                tx.point("open", "given", "inc_2")
                tx.point("open", "ended", "inc_2")
                tx.release("open", "ended")
                tx.point("open", "taken", "inc_2")
                tx.release("open", "taken")
                tx.claim("open", "taken", "inc_3")
            async with store.transaction() as tx:
                held = await tx.holders([("open", key) for key in ("given", "ended", "taken")])
        assert held == {("open", "given"): "inc_2", ("open", "taken"): "inc_3"}

    async def test_holders_are_told_together_as_this_transaction_leaves_them(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("serial", "A1", "first")
                tx.claim("serial", "A2", "first")
                tx.point("latest", "A", "first")
            async with store.transaction() as tx:
                asked = [("serial", "A1"), ("serial", "A2"), ("serial", "A3"), ("latest", "A")]
                assert await tx.holders(asked) == dict.fromkeys((asked[0], asked[1], asked[3]), "first")
                tx.release("serial", "A1")
                tx.claim("serial", "A3", "second")
                tx.point("latest", "A", "second")
                assert await tx.holders(asked) == {asked[1]: "first", asked[2]: "second", asked[3]: "second"}
            async with store.transaction() as tx:
                assert await tx.holders(asked) == {asked[1]: "first", asked[2]: "second", asked[3]: "second"}
        with ctx.use(caller("other")):
            async with store.transaction() as tx:
                assert await tx.holders(asked) == {}

    async def test_what_was_loaded_is_got_without_another_question(self, store: Store) -> None:
        with ctx.use(caller()):
            tickets = [await self._added(store, title=f"number {number}") for number in range(3)]
            store.recent.clear()
            async with store.transaction() as tx:
                await tx.load(Ticket, [*(ticket.id for ticket in tickets), "inc_none"])
                await store.backend.write(
                    [Update("tickets", {"tenant": "main", "_id": tickets[0].id}, {"$set": {"title": "new"}})]
                )
                assert [(await tx.get(Ticket, ticket.id)).title for ticket in tickets] == ["number 0", "number 1", "number 2"]
                with pytest.raises(NotFound):
                    await tx.get(Ticket, "inc_none")
        with ctx.use(caller("other")):
            async with store.transaction() as tx:
                await tx.load(Ticket, [ticket.id for ticket in tickets])
                with pytest.raises(NotFound):
                    await tx.get(Ticket, tickets[0].id)

    async def test_work_that_outlives_a_transaction_has_one_of_its_own(self, store: Store) -> None:
        over = asyncio.Event()

        async def later() -> None:
            await over.wait()
            await self._added(store)

        with ctx.use(caller()):
            async with store.transaction():
                task = asyncio.create_task(later())
            over.set()
            await task
            assert len(await store.find("tickets", {})) == 1

    async def test_a_failed_claim_leaves_nothing_behind(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                tx.claim("open", "disk-full", "inc_1")
            with pytest.raises(Taken):
                async with store.transaction() as tx:
                    tx.add(a_ticket())
                    tx.claim("open", "disk-full", "inc_2")
            assert await store.find("tickets", {}) == []
            assert await store.find("changes", {}) == []

    async def test_numbers_never_repeat_across_processes(self, backend: Backend) -> None:
        processes = [Store(backend, FakeClock(NOON), [KIND]) for _ in range(2)]
        with ctx.use(caller()):
            numbers = await asyncio.gather(*(processes[i % 2].number("INC") for i in range(250)))
        assert len(set(numbers)) == 250
        assert "INC0000001" in numbers

    async def test_a_repeated_request_is_answered_from_its_key(self, store: Store) -> None:
        with ctx.use(caller(request_id="k-1", request_hash="h")):
            ticket = await self._added(store, description="kept for the answer")
            with pytest.raises(Replay) as caught:
                await self._added(store)
            assert pb.Incident.FromString(caught.value.answer).id == ticket.id
            assert pb.Incident.FromString(caught.value.answer).description == "kept for the answer"
            assert len(await store.find("tickets", {})) == 1

    async def test_a_request_that_changed_nothing_has_used_its_key_too(self, store: Store) -> None:
        with ctx.use(caller()):
            ticket = await self._added(store)
        store.recent.clear()  # what is only remembered decides nothing
        with ctx.use(caller(request_id="k-2", request_hash="h")):
            async with store.transaction() as tx:
                tx.save(await tx.get(Ticket, ticket.id))
            with pytest.raises(Replay) as caught:
                async with store.transaction() as tx:
                    again = await tx.get(Ticket, ticket.id)
                    again.resolve()
                    tx.save(again)
            assert pb.Incident.FromString(caught.value.answer).etag == "1"
            assert (await store.get(Ticket, ticket.id)).version == 1

    async def test_a_dry_run_decides_on_what_is_there_and_leaves_it_as_it_is(self, store: Store) -> None:
        told: list[object] = []
        store.on_commit(told.append)
        with ctx.use(caller()):
            ticket = await self._added(store, number=await store.number("T"))
        with ctx.use(caller(dry_run=True, request_id="k-9", request_hash="h")):
            async with store.transaction() as tx:
                loaded = await tx.get(Ticket, ticket.id, etag="1")
                loaded.resolve()
                tx.save(loaded)
                tx.claim("name", "taken", ticket.id)
            assert (loaded.state, loaded.version) == (State.RESOLVED, 2)
            assert await store.number("T") == await store.number("T") == "T0000002"
            assert await store.replay("main", "k-9") is None
            with pytest.raises(Stale):
                async with store.transaction() as tx:
                    await tx.get(Ticket, ticket.id, etag="7")
            with pytest.raises(Invalid):
                await store.backend.write([Delete("tickets", {"tenant": "main", "_id": ticket.id})])
        with ctx.use(caller()):
            assert await store.get(Ticket, ticket.id) == ticket
            assert await store.number("T") == "T0000002"
            async with store.transaction() as tx:
                assert await tx.holder("name", "taken") is None
        assert len(told) == 1

    async def test_a_write_without_a_tenant_is_a_defect(self, store: Store) -> None:
        with ctx.use(caller()):
            async with store.transaction() as tx:
                with pytest.raises(RuntimeError):
                    tx.write(Update("facts", {"_id": 1}, {"$set": {"n": 1}}))

    async def test_an_upsert_makes_what_is_missing(self, store: Store) -> None:
        with ctx.use(caller()):
            for _ in range(2):
                async with store.transaction() as tx:
                    tx.write(Update("facts", {"tenant": "main", "_id": "a"}, {"$inc": {"n": 1}}, strict=False, upsert=True))
                    tx.write(Update("facts", {"tenant": "main", "_id": "b"}, {"$set": {"n": 1}}, strict=False, upsert=True))
            assert [(fact["_id"], fact["n"]) for fact in await store.find("facts", {}, sort=[("_id", 1)])] == [
                ("a", 2),
                ("b", 1),
            ]

    async def _added(self, store: Store, **fields: object) -> Ticket:
        async with store.transaction() as tx:
            ticket = a_ticket(**fields)  # type: ignore[arg-type]
            tx.add(ticket)
        return ticket
