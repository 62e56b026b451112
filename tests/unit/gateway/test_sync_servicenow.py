"""ServiceNow: incidents there and here, by the shapes of its Table API and the rules of its states."""

import pytest

from chassis import context as ctx
from services.gateway.domain.connection import Auth, Kind, Notes
from services.incident.domain.states import HoldReason
from tests.support.tickets.servicenow import ServiceNow
from tests.support.tickets.serving import serving
from tests.unit.gateway.twins import person, twins


async def test_an_incident_goes_through_its_life_on_both_sides() -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW, mapping={"assignment_group": "f" * 32})
        incident = await both.desk.open(description="It is on fire.", impact="HIGH")
        await both.out()
        row = snow.only()
        assert (row["short_description"], row["impact"], row["urgency"], row["state"]) == ("the printer burns", "1", "2", "1")
        assert (row["correlation_display"], row["correlation_id"].rpartition(".")[0]) == (
            connection.id,
            f"{connection.id}.{incident}",
        )
        assert row["assignment_group"] == "f" * 32
        await both.desk.do("start", incident)
        await both.desk.do("hold", incident, HoldReason.CALLER, "Which printer?")
        await both.out()
        assert (row["state"], row["hold_reason"]) == ("3", "1")
        both.clock.advance(seconds=30)
        snow.change(row, state="2", urgency="1")
        await both.poll(connection)
        here = await both.desk.get(incident)
        assert (here["state"], here["urgency"], here["priority"]) == ("IN_PROGRESS", "HIGH", "P1")
        await both.desk.do("resolve", incident, "fixed", "Water.")
        await both.out()
        assert (row["state"], row["close_code"], row["close_notes"]) == ("6", "Solved (Permanently)", "Water.")
        both.clock.advance(seconds=30)
        snow.change(row, state="7")
        await both.poll(connection)
        assert (await both.desk.get(incident))["state"] == "CLOSED"
        assert await both.quiet(connection)
        assert (await both.link())["problems"] == {}


async def test_theirs_become_ours_by_a_query_with_a_token_of_oauth() -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        query = "urgency=1^NQimpact=1"
        connection = await both.connect(Kind.SERVICENOW, auth=Auth.OAUTH, mapping={"query": query})
        both.clock.advance(seconds=5)
        snow.make(short_description="of no interest")
        row = snow.make(short_description="the mail is down", impact="1", state="2")
        await both.poll(connection)
        (here,) = await both.desk.all()
        assert (here["title"], here["impact"], here["urgency"], here["state"]) == (
            "the mail is down", "HIGH", "LOW", "IN_PROGRESS",
        )  # fmt: skip
        assert row["correlation_id"] == f"{connection.id}.{here['_id']}"
        assert await both.quiet(connection)
        assert (snow.tokens, len(snow.rows)) == (1, 2)


@pytest.mark.parametrize(("notes", "told"), [(Notes.PUBLIC, 1), (Notes.ALL, 2)])
async def test_comments_are_for_everybody_and_work_notes_only_where_that_is_wanted(notes: Notes, told: int) -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW, notes=notes)
        incident = await both.desk.open()
        await both.desk.do("note", incident, "We come.", True)
        await both.desk.do("note", incident, "The manager is annoyed.", False)
        await both.out()
        assert [entry["element"] for entry in snow.journal] == ["comments", "work_notes"][:told]
        both.clock.advance(seconds=30)
        snow.say(snow.only(), "Thank you.")
        snow.say(snow.only(), "At last.", element="work_notes")
        await both.poll(connection)
        heard = [note for note in await both.desk.notes(incident) if note["text"].startswith("[INC0010001#")]
        assert [note["public"] for note in heard] == [True, False][:told]
        assert await both.quiet(connection)
        assert len(snow.journal) == told + 2


async def test_a_rule_of_theirs_that_refuses_or_passes_over_a_state_is_told_and_nothing_goes_round() -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW)
        incident = await both.desk.open()
        await both.out()
        snow.stubborn = True
        await both.desk.do("start", incident)
        await both.out()
        (problem,) = (await both.link())["problems"].values()
        assert (problem["way"], problem["reason"]) == ("OUT", "a rule there left it in the state 1")
        assert await both.quiet(connection)
        snow.stubborn = False
        with ctx.use(person()):
            await both.connections.sync(connection.id)
        await both.poll(connection)
        assert (snow.only()["state"], (await both.link())["problems"]) == ("2", {})
        both.clock.advance(seconds=60)
        snow.change(snow.only(), state="8")
        await both.poll(connection)
        assert (await both.desk.get(incident))["state"] == "CANCELLED"


async def test_a_text_that_they_cut_is_the_same_text() -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW)
        incident = await both.desk.open(title="long " * 50, description="a\r\nb  ")
        await both.out()
        assert await both.quiet(connection)
        assert len(snow.only()["short_description"]) <= 160
        assert (await both.desk.get(incident))["title"].startswith("long " * 40)
        assert (await both.link())["problems"] == {}


async def test_a_note_that_is_too_long_for_them_or_that_we_may_not_see_there_is_said_once() -> None:
    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW)
        incident = await both.desk.open()
        await both.desk.do("note", incident, "words " * 1_000, True)
        await both.out()
        snow.discreet = True
        await both.desk.do("note", incident, "We come.", True)
        await both.out()
        assert await both.quiet(connection)
        snow.discreet = False
        snow.change(snow.only(), urgency="1")
        assert await both.quiet(connection)
        (long, short) = snow.journal
        assert (long["value"][:12], short["value"][:8]) == ("words words ", "We come.")
        assert len(await both.desk.notes(incident)) == 2, "neither comes back"
