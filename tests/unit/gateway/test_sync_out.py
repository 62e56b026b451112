"""What goes out to another system: tickets are made once, changed where ours changed, and moved as their workflow allows."""

from datetime import timedelta
from pathlib import Path

import pytest

from chassis import context as ctx
from chassis.failpoints import Failpoints
from services.gateway.domain.connection import ConnectionMapping, Notes
from services.gateway.sync.engine import SETTLES
from services.incident.domain.states import HoldReason
from tests.support.tickets.jira import Jira
from tests.support.tickets.serving import serving
from tests.unit.gateway.twins import person, twins

CLOUDS = pytest.mark.parametrize("cloud", [True, False], ids=["in the cloud", "in a data center"])


@CLOUDS
async def test_an_incident_becomes_one_ticket_and_its_changes_go_after_it(cloud: bool) -> None:
    async with serving(Jira(cloud=cloud)) as jira, twins(jira) as both:
        connection = await both.connect(filter='category = "print"')
        await both.desk.open(category="other")
        incident = await both.desk.open(category="print", description="It is on fire.", impact="HIGH", urgency="HIGH")
        await both.out()
        issue = jira.only()
        assert (issue.summary, issue.description, issue.priority) == ("the printer burns", "It is on fire.", "Highest")
        assert (issue.status, issue.labels) == (
            "To Do",
            [connection.id, f"{connection.id}.{incident}.{(await both.link())['nonce']}"],
        )
        await both.desk.do("update", incident, {"title": "the printer smokes", "urgency": "LOW"})
        await both.desk.do("start", incident)
        await both.out()
        assert (issue.summary, issue.priority, issue.status) == ("the printer smokes", "Medium", "In Progress")
        await both.desk.do("resolve", incident, "fixed", "Water.")
        await both.out()
        assert (issue.status, issue.resolution) == ("Done", "Done")
        link = await both.link()
        assert (link["key"], link["record"], link["problems"]) == ("OPS-1", f"incidents/{incident}", {})
        assert await both.quiet(connection)
        assert [each["state"] for each in await both.deliveries()] == ["DELIVERED"] * 4


async def test_only_the_difference_is_sent() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        await both.connect()
        incident = await both.desk.open()
        await both.out()
        jira.seen.clear()
        await both.desk.do("note", incident, "between ourselves", False)
        await both.desk.do("update", incident, {"category": "of no interest there"})
        await both.out()
        assert jira.seen == []
        await both.desk.do("update", incident, {"description": "more words"})
        await both.out()
        (asked,) = jira.written
        assert (asked.method, asked.body) == ("PUT", {"fields": {"description": "more words"}})


async def test_a_ticket_of_which_nobody_knows_that_it_was_made_is_found_and_not_made_again(tmp_path: Path) -> None:
    orders = tmp_path / "failpoints.json"
    orders.write_text('{"S21": {"action": "error"}}')
    async with serving(Jira(lag=SETTLES / 2)) as jira, twins(jira, Failpoints(file=orders)) as both:
        await both.connect()
        await both.desk.open()
        await both.relay()
        await both.deliver()
        assert (len(jira.issues), (await both.link())["remote_id"]) == (1, ""), "made, and not written down"
        await both.deliver()
        both.clock.advance(seconds=SETTLES.total_seconds() - 1)
        await both.deliver()
        assert (len(jira.issues), (await both.link())["remote_id"]) == (1, ""), "it may be there and not be found yet"
        both.clock.advance(seconds=1)
        await both.out()
        assert (len(jira.issues), (await both.link())["key"]) == (1, "OPS-1")
        assert [each["attempt_count"] for each in await both.deliveries()] == [1], "waiting is no attempt"


async def test_a_system_that_is_busy_is_left_alone_for_as_long_as_it_says() -> None:
    async with serving(Jira(later=600)) as jira, twins(jira) as both:
        connection = await both.connect()
        jira.busy = 1
        await both.desk.open()
        await both.out()
        (delivery,) = await both.deliveries()
        assert delivery["next_due_time"] >= both.clock() + timedelta(seconds=600)
        shown = await both.shown(connection)
        assert (shown["state"], shown["last_error"].partition(" ")[2]) == ("FAILING", "wants us to come later")
        both.clock.advance(seconds=1200)
        both.seconds += 1200
        await both.out()
        assert len(jira.issues) == 1
        assert ((await both.shown(connection))["state"], (await both.deliveries())[0]["state"]) == ("WORKING", "DELIVERED")


async def test_what_they_refuse_is_told_with_their_words_and_tried_again_when_somebody_asks() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping={"issue_type": "Nonsense"})
        incident = await both.desk.open()
        await both.out()
        assert jira.issues == {}
        (problem,) = (await both.link())["problems"].values()
        assert (problem["way"], problem["reason"]) == ("OUT", "answered 400: issuetype: valid issue type is required")
        with ctx.use(person()):
            await both.connections.update(connection.id, {"mapping": ConnectionMapping(project="OPS")}, None)
            await both.connections.sync(connection.id)
        await both.poll(connection)
        assert (jira.only().key, (await both.link())["problems"]) == ("OPS-1", {})
        await both.desk.do("start", incident)
        jira.only().status = "In Review"
        await both.desk.do("resolve", incident, "fixed", "Water.")
        await both.out()
        assert jira.only().status == "Done"


async def test_a_state_to_which_no_transition_leads_stays_and_is_told() -> None:
    states = {"ON_HOLD": "Waiting"}
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping={"states": states})
        incident = await both.desk.open()
        await both.out()
        await both.desk.do("start", incident)
        await both.desk.do("hold", incident, HoldReason.VENDOR, "")
        await both.out()
        assert await both.quiet(connection)
        (problem,) = (await both.link())["problems"].values()
        assert problem["reason"] == "no transition leads from In Progress to Waiting, only to Done, In Review, To Do"
        assert (await both.desk.get(incident))["state"] == "ON_HOLD", "what is half way there comes back to nobody"
        await both.desk.do("resume", incident)
        await both.out()
        assert (await both.link())["problems"] == {}


async def test_notes_for_the_reporter_go_out_once_and_others_stay() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect()
        incident = await both.desk.open()
        await both.desk.do("note", incident, "We come.", True)
        await both.desk.do("note", incident, "The manager is annoyed.", False)
        await both.out()
        await both.desk.do("note", incident, "We are there.", True)
        await both.out()
        assert await both.quiet(connection)
        notes = [note["_id"] for note in await both.desk.notes(incident)]
        number = (await both.desk.get(incident))["number"]
        expected = [f"We come.\n\n[{number} {notes[0]}]", f"We are there.\n\n[{number} {notes[2]}]"]
        assert [each["body"] for each in jira.only().comments] == expected
        assert len(notes) == 3


async def test_a_note_among_us_is_hidden_from_the_customers_there() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(notes=Notes.ALL)
        incident = await both.desk.open()
        await both.desk.do("note", incident, "We come.", True)
        await both.desk.do("note", incident, "The manager is annoyed.", False)
        await both.out()
        assert [(each["body"].split("\n")[0], each["jsdPublic"]) for each in jira.only().comments] == [
            ("We come.", True),
            ("The manager is annoyed.", False),
        ]
        assert await both.quiet(connection)
        assert len(await both.desk.notes(incident)) == 2


async def test_an_incident_of_another_service_desk_is_none_of_ours() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        await both.connect()
        with ctx.use(person(tenant="elsewhere")):
            await both.desk.incidents.open({"title": "not ours"})
        await both.out()
        assert (jira.issues, await both.deliveries()) == ({}, [])
