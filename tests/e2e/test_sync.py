"""Connections on the running platform: a system of this machine that speaks as Jira or ServiceNow does, kept in step."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest
from itsm.gateway import v1 as pb

from tests.support.callers import Callers
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.rpcs import rpcs
from tests.support.tickets.jira import Jira
from tests.support.tickets.servicenow import ServiceNow
from tests.support.tickets.serving import SECRET, USER, System, serving
from tests.support.universal import watched

SOON = 120.0  # also where a lease or a group must first move from a process that died


@asynccontextmanager
async def connected(admin: Gateway, theirs: System, kind: str, **more: Any) -> AsyncIterator[str]:
    """A connection to it, for the block; its id."""
    mapping = {"project": "OPS"} if kind == "JIRA" else {}
    wanted = {"name": "twin", "kind": kind, "url": theirs.url, "username": USER, "secret": SECRET, "mapping": mapping, **more}
    made = await admin.post("connections", wanted)
    try:
        yield made["id"]
    finally:
        version = (await admin.get(f"connections/{made['id']}"))["etag"]
        await admin.send("DELETE", f"connections/{made['id']}", version=version)


async def becomes(admin: Gateway, path: str, *nudge: str, **expected: Any) -> dict[str, Any]:
    """A record when it has these values; `nudge` is posted to until then."""
    async with asyncio.timeout(SOON):
        while True:
            found: dict[str, Any] = await admin.get(path)
            if {name: found[name] for name in expected} == expected:
                return found
            for verb in nudge:
                await admin.post(verb)
            await asyncio.sleep(0.5)


async def grown(read: Callable[[], Awaitable[Any]], enough: Callable[[Any], bool]) -> Any:
    """What is read once it is enough."""
    async with asyncio.timeout(SOON):
        while not enough(found := await read()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.3)
    return found


async def test_an_incident_and_its_ticket_are_kept_in_step_both_ways(keeper: Gateway, agent: Gateway) -> None:
    category = f"sync-{uuid4().hex[:8]}"
    async with serving(Jira()) as jira, connected(keeper, jira, "JIRA", filter=f'category = "{category}"') as connection:
        look = await keeper.post(f"connections/{connection}:test")
        assert look["ok"], look
        key = (await keeper.post(f"connections/{connection}:rotate"))["key"]
        incident = await agent.post(
            "incidents", {"title": "the line is dead", "category": category, "description": "Since noon."}
        )
        path = f"incidents/{incident['id']}"
        await agent.post(f"{path}/notes", {"text": "We come.", "public": True})
        await agent.post(f"{path}/notes", {"text": "The manager is annoyed."})
        await eventually(lambda: len(jira.issues) == 1 and len(jira.only().comments) == 1, within=SOON)
        issue = jira.only()
        assert (issue.summary, issue.description) == ("the line is dead", "Since noon.")
        assert issue.comments[0]["body"].startswith("We come.")
        await agent.post(f"{path}:start")
        await eventually(lambda: issue.status == "In Progress", within=SOON)

        jira.change(issue, summary="the line is cut", priority="Highest", status="Done", resolution="Done")
        jira.comment(issue, "A digger.")
        hint = await keeper.http.post(f"/api/v1/connections/{connection}:notify", params={"key": key}, json={"issue": {}})
        assert hint.status_code == 204
        here = await becomes(keeper, path, f"connections/{connection}:sync", title="the line is cut", state="RESOLVED")
        assert (here["priority"], here["resolution"]) == ("P1", "OPS-1: Done")
        notes = await grown(lambda: agent.get(f"{path}/notes"), lambda found: len(found["notes"]) == 3)
        assert notes["notes"][0]["text"] == f"[OPS-1#{issue.comments[1]['id']}] Ann Lee:\n\nA digger."
        entries = (await keeper.get(f"{path}/timeline"))["entries"]
        resolved = next(entry for entry in entries if entry["type"].endswith("IncidentResolved"))
        assert resolved["onBehalfOf"] == f"connections/{connection}"

        links = await grown(
            lambda: keeper.get(f"connections/{connection}/links"), lambda found: found["links"][0]["noteCount"] == 2
        )
        (link,) = links["links"]
        assert (link["record"], link["key"], link["problems"]) == (path, "OPS-1", [])
        assert (len(jira.issues), len(issue.comments)) == (1, 2), "nothing came back"
        shown = await becomes(keeper, f"connections/{connection}", state="WORKING")
        assert SECRET not in str(shown) and shown["lastSyncTime"]


async def test_an_incident_of_servicenow_comes_in_and_its_end_goes_out(keeper: Gateway, agent: Gateway) -> None:
    async with (
        serving(ServiceNow()) as snow,
        connected(
            keeper, snow, "SERVICENOW", auth="OAUTH", filter='category = "none of ours"', mapping={"query": "impact=1"}
        ) as connection,
    ):
        title = f"the mail is down {uuid4().hex[:8]}"
        row = snow.make(short_description=title, impact="1", state="2")

        async def found() -> Any:
            await keeper.post(f"connections/{connection}:sync")
            return (await keeper.get("incidents", filter=f'title : "{title}"'))["incidents"]

        (incident,) = await grown(found, bool)
        path = f"incidents/{incident['id']}"
        await becomes(keeper, path, state="IN_PROGRESS", impact="HIGH")
        await agent.post(f"{path}:resolve", {"resolutionCode": "fixed", "resolution": "Restarted."})
        await eventually(lambda: (row["state"], row["close_notes"]) == ("6", "Restarted."), within=SOON)
        assert (len(snow.rows), row["correlation_id"]) == (1, f"{connection}.{incident['id']}")


@pytest.mark.timeout(400)
async def test_a_death_between_their_answer_and_our_note_of_it_makes_no_second_ticket(
    breakable: Breakable, keeper: Gateway, agent: Gateway
) -> None:
    category = f"sync-{uuid4().hex[:8]}"
    async with serving(Jira()) as jira, connected(keeper, jira, "JIRA", filter=f'category = "{category}"') as connection:
        breakable.order({"gateway/S21": {"action": "kill"}})
        await agent.post("incidents", {"title": "the line is dead", "category": category})
        await eventually(lambda: not breakable.alive("gateway"), within=SOON)
        assert len(jira.issues) == 1
        await breakable.heal()
        links = await grown(
            lambda: keeper.get(f"connections/{connection}/links"), lambda found: any(each["key"] for each in found["links"])
        )
        assert [link["key"] for link in links["links"]] == ["OPS-1"]
        assert len(jira.issues) == 1
        assert len([asked for asked in jira.written if asked.path.endswith("/issue")]) == 1


async def test_only_administrators_reach_connections_and_no_address_of_the_inside(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway
) -> None:
    callers = Callers(stack)
    called = {rpc.method.path.rpartition("/")[2]: rpc for rpc in rpcs() if rpc.service == "itsm.gateway.v1.ConnectionService"}
    wanted = {"name": "twin", "kind": "JIRA", "username": USER, "secret": SECRET, "mapping": {"project": "OPS"}}

    async def connections() -> Any:
        return (await keeper.get("connections", orderBy="createTime desc"))["connections"]

    try:
        async with serving(Jira()) as jira, connected(keeper, jira, "JIRA", enabled=False) as connection:
            for path in ("connections", f"connections/{connection}", f"connections/{connection}/links"):
                assert (await agent.send("GET", path)).status_code == 403
            stranger = await callers.person("admin", "elsewhere")
            for name, request in {
                "GetConnection": pb.GetConnectionRequest(id=connection),
                "TestConnection": pb.TestConnectionRequest(id=connection),
                "SyncConnection": pb.SyncConnectionRequest(id=connection),
                "ListConnectionLinks": pb.ListConnectionLinksRequest(connection_id=connection),
            }.items():
                answer = await callers.call(called[name], request, stranger)
                assert answer.code is grpc.StatusCode.NOT_FOUND, name
            async with watched(stack, keeper, unchanged=connections) as watch:
                for url in (
                    "https://10.0.0.1/",
                    "https://169.254.169.254/latest",
                    "https://itsm-auth.itsm.svc/",
                    "gopher://x/",
                ):
                    refused = watch.saw(await keeper.send("POST", "connections", {**wanted, "url": url}))
                    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/url")
                hint = watch.saw(await keeper.send("POST", f"connections/{connection}:notify?key=main.1.{'0' * 64}"))
                assert hint.status_code == 401
        assert jira.seen == []
    finally:
        await callers.close()
