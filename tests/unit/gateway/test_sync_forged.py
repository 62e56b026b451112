"""What anybody can write into a ticket or an incident says nothing of which belong together: only what we wrote down does."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chassis.failpoints import OFF, Failpoints
from services.gateway.domain.connection import Connection, Kind
from services.gateway.sync.engine import SETTLES
from tests.support.tickets.jira import Jira
from tests.support.tickets.servicenow import ServiceNow
from tests.support.tickets.serving import System, serving
from tests.unit.gateway.twins import Twins, twins

BOTH_KINDS = pytest.mark.parametrize("kind", Kind)
QUERIES = {Kind.JIRA: "project = OPS", Kind.SERVICENOW: "impact=1"}


class Somebody:
    """Who may write tickets there, and reads whatever is written in them."""

    def __init__(self, theirs: Any, kind: Kind) -> None:
        self.theirs, self.kind = theirs, kind

    def make(self, title: str) -> Any:
        """A ticket that the query finds."""
        if self.kind is Kind.JIRA:
            return self.theirs.make(summary=title)
        return self.theirs.make(short_description=title, impact="1")

    def mark(self, ticket: Any, connection: Connection, of: str) -> None:
        """Writes into it what we write."""
        if self.kind is Kind.JIRA:
            self.theirs.change(ticket, labels=[connection.id, f"{connection.id}.{of}"])
        else:
            self.theirs.change(ticket, correlation_display=connection.id, correlation_id=f"{connection.id}.{of}")

    def change(self, ticket: Any, title: str) -> None:
        """Another title."""
        self.theirs.change(ticket, **{"summary" if self.kind is Kind.JIRA else "short_description": title})

    def says(self, ticket: Any) -> str:
        """All that a ticket says."""
        return str(ticket)


async def sides(open_: AsyncExitStack, kind: Kind, failpoints: Failpoints = OFF) -> tuple[Somebody, Twins]:
    """Somebody there, and both sides."""
    system: System = Jira() if kind is Kind.JIRA else ServiceNow()
    theirs = await open_.enter_async_context(serving(system))
    return Somebody(theirs, kind), await open_.enter_async_context(twins(theirs, failpoints))


async def linked(both: Twins) -> list[str]:
    """The records of all pairs."""
    return sorted(row["record"] for row in await both.backend.find("connection_links", {}))


@BOTH_KINDS
@pytest.mark.parametrize("by", ["_id", "number"])
async def test_our_mark_in_a_ticket_of_somebody_else_gives_him_no_incident(kind: Kind, by: str) -> None:
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind)
        connection = await both.connect(kind, filter='category = "software"')
        shared = await both.desk.open(category="software")
        secret = await both.desk.open(title="salaries leaked", description="board only", category="hr")
        await both.out()
        tickets = []
        for incident in (secret, shared):
            both.clock.advance(seconds=5)
            tickets.append(somebody.make("mine"))
            somebody.mark(tickets[-1], connection, (await both.desk.get(incident))[by])
        assert await both.quiet(connection)
        for ticket in tickets:
            both.clock.advance(seconds=5)
            somebody.change(ticket, "owned")
        assert await both.quiet(connection)
        assert not [ticket for ticket in tickets if "salaries" in somebody.says(ticket) or "burns" in somebody.says(ticket)]
        assert [(await both.desk.get(each))["title"] for each in (secret, shared)] == ["salaries leaked", "the printer burns"]
        assert await linked(both) == [f"incidents/{shared}"]
        assert len(await both.desk.all()) == 2, "what no query finds opens nothing, whatever it is marked as"


@BOTH_KINDS
async def test_a_ticket_with_a_foreign_mark_that_the_query_finds_is_a_new_one(kind: Kind) -> None:
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind)
        connection = await both.connect(kind, filter='category = "software"', mapping={"query": QUERIES[kind]})
        secret = await both.desk.open(title="salaries leaked", category="hr")
        both.clock.advance(seconds=5)
        ticket = somebody.make("mine")
        somebody.mark(ticket, connection, secret)
        assert await both.quiet(connection)
        (fresh,) = [row for row in await both.desk.all() if row["_id"] != secret]
        assert (fresh["title"], await linked(both)) == ("mine", [f"incidents/{fresh['_id']}"])
        assert f"{connection.id}.{fresh['_id']}" in somebody.says(ticket)


@BOTH_KINDS
async def test_a_ticket_that_was_marked_before_we_made_one_is_not_taken_for_it(kind: Kind) -> None:
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind)
        connection = await both.connect(kind)
        incident = await both.desk.open(title="salaries leaked")
        trap = somebody.make("mine")
        somebody.mark(trap, connection, incident)
        both.clock.advance(seconds=SETTLES.total_seconds() + 1)
        await both.out()
        assert await both.quiet(connection)
        assert "salaries" not in somebody.says(trap)
        assert (await both.link())["remote_id"] not in ("", trap.id if kind is Kind.JIRA else trap["sys_id"])


@BOTH_KINDS
async def test_a_ticket_that_was_marked_before_is_not_taken_for_one_of_whose_making_nobody_heard(
    kind: Kind, tmp_path: Path
) -> None:
    orders = tmp_path / "failpoints.json"
    orders.write_text('{"S21": {"action": "error"}}')
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind, Failpoints(file=orders))
        connection = await both.connect(kind)
        incident = await both.desk.open(title="salaries leaked")
        trap = somebody.make("mine")
        somebody.mark(trap, connection, incident)
        await both.relay()
        await both.deliver()
        assert (await both.link())["attempt_time"] is not None, "made, and not written down"
        somebody.change(trap, "mine all the same")
        both.clock.advance(seconds=SETTLES.total_seconds() + 1)
        await both.poll(connection)
        await both.out()
        assert "salaries" not in somebody.says(trap)
        assert (await both.desk.get(incident))["title"] == "salaries leaked"
        assert (await both.link())["remote_id"] not in ("", trap.id if kind is Kind.JIRA else trap["sys_id"])


@BOTH_KINDS
@pytest.mark.parametrize("more", ["", ":", ":0123456789abcdef0123456789abcdef"])
async def test_who_names_a_ticket_in_a_deduplication_key_reads_and_writes_nothing_of_it(kind: Kind, more: str) -> None:
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind)
        connection = await both.connect(kind, filter='category = "software"')
        both.clock.advance(seconds=5)
        ticket = somebody.make("secret of the developers")
        remote_id = ticket.id if kind is Kind.JIRA else ticket["sys_id"]
        for category in ("software", "other"):
            key = f"{connection.id}:{remote_id}{more}{category if more else ''}"
            incident = await both.desk.open(title="harmless", category=category, dedup_key=key)
            await both.out()
            assert (await both.desk.get(incident))["title"] == "harmless"
            await both.desk.do("resolve", incident, "fixed", "Water.")
        assert await both.quiet(connection)
        assert "harmless" not in somebody.says(ticket)
        assert len(await both.backend.find("connection_links", {"remote_id": remote_id})) == 0


@BOTH_KINDS
async def test_nobody_gets_an_incoming_ticket_by_taking_its_deduplication_key_first(kind: Kind) -> None:
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind)
        connection = await both.connect(kind, filter='category = "none"', mapping={"query": QUERIES[kind]})
        remote_id = "10001" if kind is Kind.JIRA else f"{1:032x}"
        trap = await both.desk.open(title="harmless", dedup_key=f"{connection.id}:{remote_id}")
        both.clock.advance(seconds=5)
        somebody.make("the lift is stuck")
        assert await both.quiet(connection)
        (fresh,) = [row for row in await both.desk.all() if row["_id"] != trap]
        assert (fresh["title"], (await both.desk.get(trap))["title"]) == ("the lift is stuck", "harmless")
        assert await linked(both) == [f"incidents/{fresh['_id']}"]
        # Once it is known it names nothing any more: whoever reads it and takes it again gets the ticket no more than others.
        await both.desk.do("resolve", fresh["_id"], "fixed", "Oil.")
        late = await both.desk.open(title="harmless", dedup_key=fresh["dedup_key"])
        assert await both.quiet(connection)
        assert (await both.desk.get(late))["title"] == "harmless"
        assert await linked(both) == [f"incidents/{fresh['_id']}"]


@BOTH_KINDS
async def test_what_was_begun_is_gone_on_with_and_opens_nothing_twice(kind: Kind, tmp_path: Path) -> None:
    orders = tmp_path / "failpoints.json"
    orders.write_text('{"S22": {"action": "error"}}')
    async with AsyncExitStack() as open_:
        somebody, both = await sides(open_, kind, Failpoints(file=orders))
        connection = await both.connect(kind, filter='category = "none"', mapping={"query": QUERIES[kind]})
        both.clock.advance(seconds=5)
        ticket = somebody.make("the lift is stuck")
        await both.poll(connection)
        assert await linked(both) == [""], "opened, and not written down"
        somebody.change(ticket, "the lift is stuck again")
        both.clock.advance(hours=30)
        await both.poll(connection)
        assert await both.quiet(connection)
        (here,) = await both.desk.all()
        assert (here["title"], await linked(both)) == ("the lift is stuck again", [f"incidents/{here['_id']}"])
