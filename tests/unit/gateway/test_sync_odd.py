"""A ticket that cannot become an incident, or cannot be understood at all, stops no other, and is not forgotten."""

from collections.abc import Callable
from typing import Any

import pytest

from chassis import context as ctx
from services.gateway.domain.connection import Auth, ConnectionMapping, Direction, Kind
from services.gateway.sync.ports import Key, Record, Refused
from services.gateway.usecases.reading import Asked
from tests.support.tickets.jira import Jira
from tests.support.tickets.servicenow import ServiceNow
from tests.support.tickets.serving import serving
from tests.unit.gateway.twins import Twins, person, twins

TAKEN = {"query": "project = OPS"}


def refusing(both: Twins, word: str) -> Callable[[], None]:
    """Has our side open nothing that says this; what it answers ends that."""
    opening = both.ours.open

    async def picky(values: Any, dedup_key: str, key: Key) -> Record:
        if word in values["title"]:
            raise Refused("this is not allowed here")
        return await opening(values, dedup_key, key)

    both.ours.open = picky  # type: ignore[method-assign] # a rule of ours that somebody changes later
    return lambda: setattr(both.ours, "open", opening)


def answering(theirs: Any, change: Callable[[Any], None]) -> Callable[[], None]:
    """Has them answer otherwise than is documented; what it answers ends that."""
    answer = theirs.answer

    def otherwise(asked: object) -> tuple[int, Any]:
        status, said = answer(asked)
        change(said)
        return status, said

    theirs.answer = otherwise
    return lambda: setattr(theirs, "answer", answer)


async def state(both: Twins, connection: Any) -> tuple[str, str]:
    """How a connection says that it does."""
    shown = await both.shown(connection)
    return shown["state"], shown["last_error"]


async def problems(both: Twins, connection: Any) -> list[tuple[str, str, str]]:
    """What somebody should look at, as people see it."""
    asked = Asked(filter="problem = true")
    with ctx.use(person()):
        rows, _ = await both.connections.links(connection.id, asked)
    return [(row["key"], row["record"], each["reason"]) for row in rows for each in row["problems"].values()]


async def sync(both: Twins, connection: Any) -> None:
    """Somebody asks for another try."""
    with ctx.use(person()):
        await both.connections.sync(connection.id)
    await both.poll(connection)


async def test_a_ticket_that_could_not_become_an_incident_is_kept_until_it_can() -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping=TAKEN, filter='category = "print"')
        both.clock.advance(seconds=5)
        jira.make(summary="odd")
        jira.make(summary="fine")
        relent = refusing(both, "odd")
        await both.poll(connection)
        assert [row["title"] for row in await both.desk.all()] == ["fine"]
        told = ("FAILING", "OPS-1: this is not allowed here")
        assert await state(both, connection) == told
        assert await problems(both, connection) == [("OPS-1", "", "this is not allowed here")]
        both.clock.advance(hours=1)
        await both.poll(connection)
        await both.desk.open(category="print")
        await both.out()
        assert len(jira.issues) == 3, "what goes out goes out"
        assert await state(both, connection) == told, "that other things go well does not say that this does"
        await sync(both, connection)
        assert (await state(both, connection), len(await both.desk.all())) == (told, 2)
        relent()
        await sync(both, connection)
        assert sorted(row["title"] for row in await both.desk.all()) == ["fine", "odd", "the printer burns"]
        assert (await state(both, connection), await problems(both, connection)) == (("WORKING", ""), [])
        assert await both.quiet(connection)
        assert len(await both.backend.find("connection_links", {})) == 3


@pytest.mark.parametrize("end", ["gone", "over", "not wanted any more", "one way"])
async def test_a_ticket_that_is_not_to_become_an_incident_any_more_fails_nothing(end: str) -> None:
    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping=TAKEN)
        both.clock.advance(seconds=5)
        issue = jira.make(summary="odd")
        relent = refusing(both, "odd")
        await both.poll(connection)
        assert (await state(both, connection))[0] == "FAILING"
        relent()
        changes: dict[str, Any] = {}
        if end == "gone":
            del jira.issues[issue.id]
        elif end == "over":
            jira.change(issue, status="Done", resolution="Done")
        elif end == "one way":
            changes = {"direction": Direction.OUT}
        else:
            changes = {"mapping": ConnectionMapping(project="OPS")}
        if changes:
            with ctx.use(person()):
                connection = await both.connections.update(connection.id, changes, None)
        await sync(both, connection)
        assert (await state(both, connection), await both.desk.all()) == (("WORKING", ""), [])
        assert await both.backend.find("connection_links", {}) == []


async def test_a_ticket_that_cannot_be_understood_stops_no_other_and_is_told() -> None:
    def nameless(said: Any) -> None:
        for each in said.get("issues", [said]) if isinstance(said, dict) else ():
            if each.get("fields", {}).get("summary", "").startswith("odd"):
                each["fields"]["status"] = None

    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping=TAKEN)
        known = await both.desk.open()
        await both.out()
        stop = answering(jira, nameless)
        both.clock.advance(seconds=5)
        jira.change(jira.only(), summary="odd, and known", priority="Highest")
        jira.make(summary="odd")
        both.clock.advance(seconds=5)
        jira.make(summary="fine")
        await both.poll(connection)
        assert sorted(row["title"] for row in await both.desk.all()) == ["fine", "the printer burns"]
        found = {(key, record) for key, record, reason in await problems(both, connection) if "not as documented" in reason}
        assert found == {("OPS-1", f"incidents/{known}"), ("OPS-2", "")}
        assert (await state(both, connection))[0] == "FAILING"
        stop()
        await sync(both, connection)
        assert sorted(row["title"] for row in await both.desk.all()) == ["fine", "odd", "odd, and known"]
        assert (await state(both, connection), await problems(both, connection)) == (("WORKING", ""), [])


async def test_a_row_without_its_count_of_changes_stops_no_other() -> None:
    def hidden(said: Any) -> None:
        rows = said["result"] if isinstance(said.get("result"), list) else []
        for row in rows:
            if row.get("short_description") == "odd":
                del row["sys_mod_count"]

    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW, mapping={"query": "impact=1"})
        answering(snow, hidden)
        both.clock.advance(seconds=5)
        snow.make(short_description="odd", impact="1")
        snow.make(short_description="fine", impact="1")
        await both.poll(connection)
        assert [row["title"] for row in await both.desk.all()] == ["fine"]
        assert [(key, record) for key, record, _ in await problems(both, connection)] == [("INC0010001", "")]


@pytest.mark.parametrize("page", [{}, {"issues": None}, {"issues": [{"fields": {}}]}, {"issues": 7}])
async def test_a_page_that_is_not_as_documented_is_told_as_trouble(page: dict[str, Any]) -> None:
    def strange(said: Any) -> None:
        if "issues" in said:
            said.clear()
            said.update(page)

    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect(mapping=TAKEN)
        answering(jira, strange)
        await both.poll(connection)
        now, why = await state(both, connection)
        assert (now, why.partition(":")[0]) == ("FAILING", "what it answers is not as documented")
        with ctx.use(person()):
            found = await both.connections.test(connection.id)
        assert found[-1][0] is False


@pytest.mark.parametrize("life", [10**18, "soon", None])
async def test_a_token_with_a_strange_life_is_trouble_or_lives_a_day(life: Any) -> None:
    def strange(said: Any) -> None:
        if "expires_in" in said:
            said["expires_in"] = life

    async with serving(ServiceNow()) as snow, twins(snow) as both:
        connection = await both.connect(Kind.SERVICENOW, auth=Auth.OAUTH)
        answering(snow, strange)
        await both.poll(connection)
        assert (await state(both, connection))[0] == ("WORKING" if life == 10**18 else "FAILING")


async def test_a_ticket_that_was_made_and_cannot_be_read_is_looked_for_and_not_made_again() -> None:
    def nameless(said: Any) -> None:
        if isinstance(said, dict) and "summary" in said.get("fields", {}):
            said["fields"]["status"] = None

    async with serving(Jira()) as jira, twins(jira) as both:
        connection = await both.connect()
        await both.desk.open()
        stop = answering(jira, nameless)
        await both.out()
        assert (len(jira.issues), (await both.link())["remote_id"]) == (1, "")
        stop()
        both.clock.advance(seconds=70)
        await sync(both, connection)
        assert (len(jira.issues), (await both.link())["key"]) == (1, "OPS-1")
