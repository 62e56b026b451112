"""What comes in from another system: what changed there is asked for, known by its version, and done here once."""

from datetime import timedelta
from pathlib import Path

import pytest

from chassis import context as ctx
from chassis.errors import Unauthenticated
from chassis.failpoints import Failpoints
from services.gateway.domain.connection import Direction, Notes, Prefer
from services.gateway.sync.http import PAGE
from tests.support.tickets.jira import Jira
from tests.support.tickets.serving import serving
from tests.unit.gateway.twins import ACCOUNT, person, twins

TAKEN = {"query": "project = OPS"}
CLOUDS = pytest.mark.parametrize("cloud", [True, False], ids=["in the cloud", "in a data center"])


@CLOUDS
async def test_what_changes_there_changes_here_and_the_history_says_by_whom(cloud: bool) -> None:
    async with serving(Jira(cloud=cloud)) as jira, twins(jira) as both:
        connection = await both.connect()
        incident = await both.desk.open()
        await both.out()
        both.clock.advance(seconds=30)
        jira.change(jira.only(), summary="the printer is gone", priority="Highest", status="In Progress")
        await both.poll(connection)
        here = await both.desk.get(incident)
        assert (here["title"], here["priority"], here["state"]) == ("the printer is gone", "P1", "IN_PROGRESS")
        written = [row for row in both.desk.rows if row["type"].endswith(("IncidentUpdated", "IncidentStarted"))]
        assert {(row["actor"]["id"], row["act"]) for row in written} == {(ACCOUNT, f"connections/{connection.id}")}
        both.clock.advance(seconds=30)
        jira.change(jira.only(), status="Done", resolution="Done")
        await both.poll(connection)
        here = await both.desk.get(incident)
        assert (here["state"], here["resolution"]) == ("RESOLVED", "OPS-1: Done")
        jira.seen.clear()
        assert await both.quiet(connection)
        assert jira.written == [], "what came from them does not go back to them"


async def test_their_new_tickets_become_incidents_and_ours_of_them_no_second_ticket(tmp_path: Path) -> None:
    orders = tmp_path / "failpoints.json"
    orders.write_text('{"S22": {"action": "error"}}')
    async with serving(Jira()) as jira, twins(jira, Failpoints(file=orders)) as both:
        connection = await both.connect(mapping=TAKEN)
        both.clock.advance(seconds=1)
        done = jira.make(summary="over and done with", status="Done")
        issue = jira.make(summary="the lift is stuck", description="On the third floor.", priority="High", status="In Progress")
        await both.poll(connection)
        await both.out()
        assert len(jira.issues) == 2, "the incident is there, the link is not: it is known by what it was opened for"
        both.clock.advance(seconds=10)
        await both.poll(connection)
        assert await both.quiet(connection)
        (here,) = await both.desk.all()
        assert (here["title"], here["description"]) == ("the lift is stuck", "On the third floor.")
        assert (here["priority"], here["state"]) == ("P2", "IN_PROGRESS")
        assert issue.labels == [connection.id, f"{connection.id}.{here['_id']}"]
        assert (len(jira.issues), done.labels) == (2, [])
        await both.desk.do("update", here["_id"], {"title": "the lift is stuck again"})
        await both.out()
        assert issue.summary == "the lift is stuck again"


async def test_nothing_is_missed_while_tickets_change_between_two_pages() -> None:
    async with serving(Jira(cloud=False)) as jira, twins(jira) as both:
        connection = await both.connect(direction=Direction.IN, mapping=TAKEN)
        for number in range(PAGE + 5):
            both.clock.advance(seconds=1)
            jira.make(summary=f"number {number}")
        first, answer = next(iter(jira.issues.values())), jira.answer

        def moving(asked: object) -> tuple[int, object]:
            said = answer(asked)  # type: ignore[arg-type] # as it is called
            if first.summary == "number 0" and getattr(asked, "path", "").endswith("/search"):
                jira.change(first, summary="changed meanwhile")
            return said

        jira.answer = moving  # type: ignore[method-assign] # somebody works there while we read
        await both.poll(connection)
        titles = {row["title"] for row in await both.desk.all()}
        assert titles == {"changed meanwhile", *(f"number {number}" for number in range(1, PAGE + 5))}


async def test_a_comment_of_theirs_is_a_note_once_and_says_who_said_it() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect()
        incident = await both.desk.open()
        await both.out()
        both.clock.advance(seconds=30)
        said = jira.comment(jira.only(), "Have you tried to put it out?")
        jira.comment(jira.only(), "These users…", visibility={"type": "role", "value": "Developers"})
        await both.poll(connection)
        # Whoever took it over did not live to write that down.
        await both.backend.update_many("connection_links", {}, {"$set": {"notes": {}, "remote_version": ""}})
        both.clock.advance(seconds=70)
        await both.poll(connection)
        (note,) = await both.desk.notes(incident)
        assert note["text"] == f"[OPS-1#{said['id']}] Ann Lee:\n\nHave you tried to put it out?"
        assert (note["public"], note["author_id"]) == (True, ACCOUNT)
        jira.comment(jira.only(), f"Somebody wrote:\n{note['text']}")
        both.clock.advance(seconds=70)
        await both.poll(connection)
        assert len(await both.desk.notes(incident)) == 2, "who quotes says something of his own"
        assert await both.quiet(connection)
        assert len(jira.only().comments) == 3, "none of them comes back"


async def test_what_is_said_to_nobody_goes_nowhere() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(notes=Notes.NONE)
        incident = await both.desk.open()
        await both.desk.do("note", incident, "Hello?", True)
        await both.out()
        jira.comment(jira.only(), "Hello!")
        both.clock.advance(seconds=70)
        await both.poll(connection)
        assert (len(jira.only().comments), len(await both.desk.notes(incident))) == (1, 1)


async def test_a_status_that_stands_for_nothing_and_a_way_that_is_none_are_told() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect()
        incident = await both.desk.open()
        await both.desk.do("start", incident)
        await both.out()
        for status, reason in (
            ("In Review", "In Review stands for none of our states"),
            ("To Do", "no way leads from IN_PROGRESS to NEW"),
        ):
            both.clock.advance(seconds=70)
            jira.change(jira.only(), status=status)
            await both.poll(connection)
            (problem,) = (await both.link())["problems"].values()
            assert (problem["way"], problem["reason"]) == ("IN", reason)
            assert await both.quiet(connection)
            assert (jira.only().status, (await both.desk.get(incident))["state"]) == (status, "IN_PROGRESS")
        await both.desk.do("resolve", incident, "fixed", "Water.")
        await both.out()
        assert (jira.only().status, (await both.link())["problems"]) == ("Done", {})


@pytest.mark.parametrize(("prefer", "kept"), [(Prefer.OURS, "ours"), (Prefer.THEIRS, "theirs")])
async def test_where_both_change_a_field_the_later_stays_and_at_once_the_preferred(prefer: Prefer, kept: str) -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(prefer=prefer)
        incident = await both.desk.open()
        await both.out()
        both.clock.advance(seconds=60)
        jira.change(jira.only(), summary="theirs, first")
        await both.desk.do("update", incident, {"title": "ours, later"})
        await both.poll(connection)
        assert (jira.only().summary, (await both.desk.get(incident))["title"]) == ("ours, later", "ours, later")
        both.clock.advance(seconds=60)
        await both.desk.do("update", incident, {"title": "ours"})
        jira.change(jira.only(), summary="theirs")
        await both.out()
        assert (jira.only().summary, (await both.desk.get(incident))["title"]) == (kept, kept)
        assert await both.quiet(connection)


async def test_one_way_stays_one_way() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        out = await both.connect(direction=Direction.OUT)
        incident = await both.desk.open()
        await both.out()
        assert await both.due(out) is None, "nobody asks them"
        jira.change(jira.only(), summary="theirs alone")
        await both.desk.do("update", incident, {"description": "more"})
        await both.out()
        assert (jira.only().summary, jira.only().description) == ("theirs alone", "more")
        assert (await both.desk.get(incident))["title"] == "the printer burns"


async def test_only_what_comes_in_leaves_nothing_there() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(direction=Direction.IN, mapping=TAKEN)
        issue = jira.make(summary="theirs")
        await both.poll(connection)
        (here,) = await both.desk.all()
        await both.desk.do("update", here["_id"], {"title": "ours"})
        await both.out()
        both.clock.advance(seconds=70)
        jira.change(issue, priority="Lowest")
        await both.poll(connection)
        here = await both.desk.get(here["_id"])
        assert (here["title"], here["priority"]) == ("ours", "P5")
        assert jira.written == []


async def test_a_hint_with_the_key_brings_the_next_poll_forward_and_nothing_else_does() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(poll_interval=timedelta(hours=1))
        other = await both.connect()
        await both.poll(connection)
        assert await both.due(connection) == both.clock() + timedelta(hours=1)
        with ctx.use(person()):
            _, key = await both.connections.rotate(connection.id)
            _, newer = await both.connections.rotate(connection.id)
        for wrong in (key, newer[:-1], f"elsewhere{newer[4:]}", "", "main.x.y", "main.1.", newer.replace(".2.", ".3.")):
            with pytest.raises(Unauthenticated):
                await both.connections.hint(connection.id, wrong)
        with pytest.raises(Unauthenticated):
            await both.connections.hint(other.id, newer)
        assert await both.due(connection) == both.clock() + timedelta(hours=1)
        await both.connections.hint(connection.id, newer)
        assert await both.due(connection) == both.clock() + timedelta(seconds=5), "not more often than that"
        both.clock.advance(seconds=20)
        await both.connections.hint(connection.id, newer)
        assert await both.due(connection) == both.clock() - timedelta(seconds=15)


async def test_a_system_that_does_not_let_us_in_is_asked_less_and_less_and_says_why() -> None:
    async with serving(Jira(closed=True)) as jira, twins(jira) as both:
        connection = await both.connect()
        await both.poll(connection)
        await both.poll(connection)
        assert await both.due(connection) == both.clock() + timedelta(minutes=2)
        shown = await both.shown(connection)
        assert (shown["state"], shown["last_sync_time"]) == ("FAILING", None)
        assert shown["last_error"].endswith("does not take the credentials")
        jira.closed = False
        both.clock.advance(hours=2)
        await both.poll(connection)
        shown = await both.shown(connection)
        assert (shown["state"], shown["last_error"], shown["last_sync_time"]) == ("WORKING", "", both.clock())
