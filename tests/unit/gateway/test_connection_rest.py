"""Connections by REST: a secret goes in and never comes out, addresses are judged, links are shown, hints need no sign-in."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from itsm.gateway import v1 as pb

from chassis.policy import ANONYMOUS
from chassis.rpc import Channels, Edge
from chassis.sealing import Sealing
from services.gateway.api.connections import ConnectionApi
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from services.gateway.rest.upstream import Upstream
from services.gateway.sync.places import LINKS, POLLS, SECRETS
from services.gateway.sync.wiring import CONNECTION
from tests.support.services import a_service
from tests.support.tickets.jira import Jira
from tests.support.tickets.serving import SECRET, USER, serving
from tests.unit.gateway.post import KEY
from tests.unit.gateway.test_webhook_rest import Door
from tests.unit.gateway.twins import Twins, twins


@pytest.fixture
async def platform() -> AsyncIterator[tuple[Twins, httpx.AsyncClient]]:
    """Both sides, and a client of the gateway in front of ours."""
    async with serving(Jira()) as jira, twins(jira) as both:
        channels, service = Channels(), a_service("gateway", listen="127.0.0.1:0", management_listen="127.0.0.1:0")
        edge: Any = Edge(Door(), [CONNECTION], service.metrics, store=both.store)  # type: ignore[arg-type]
        service.intercept(edge)
        service.serve(pb.add_ConnectionServiceServicer_to_server, ConnectionApi(both.connections))
        await service.start()

        async def credentials(scope: Any, route: Any) -> list[tuple[str, str]]:
            said = dict(scope["headers"]).get(b"authorization")
            return [] if route.rpc.requires == ANONYMOUS else [("authorization", said.decode())]

        app: Any = Transcoder(declared(), Upstream(channels, {}, own=lambda: service.address), credentials, timeout=10)
        base, headers = "http://gateway/api/v1", {"authorization": "Bearer admin@main"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers) as http:
            yield both, http
        await channels.close()
        await service.stop()


def wanted(both: Twins, **more: Any) -> dict[str, Any]:
    """A connection as somebody asks for it."""
    return {
        "name": "Jira", "kind": "JIRA", "url": both.theirs.url, "username": USER, "secret": SECRET,
        "mapping": {"project": "OPS"}, **more,
    }  # fmt: skip


async def test_a_secret_goes_in_and_never_comes_out(platform: tuple[Twins, httpx.AsyncClient]) -> None:
    both, http = platform
    made = await http.post("/connections", json=wanted(both), headers={"idempotency-key": "k1"})
    assert made.status_code == 201, made.text
    assert {"enabled": True, "direction": "BOTH", "prefer": "OURS", "notes": "PUBLIC", "pollInterval": "60s"}.items() <= (
        made.json().items()
    )
    path = f"/connections/{made.json()['id']}"
    for address in (path, "/connections"):
        assert SECRET not in (await http.get(address)).text
    assert SECRET not in str(both.backend.collections), "it is sealed where it is kept"
    (row,) = await both.backend.find(SECRETS, {})
    sealing = Sealing(KEY, "connections")
    assert sealing.open(row["sealed"], f"main/{row['_id']}") == SECRET
    assert sealing.open(row["sealed"], "main/cnx_another") is None
    assert Sealing(KEY + b"!", "connections").open(row["sealed"], f"main/{row['_id']}") is None


async def test_another_address_needs_the_secret_again(platform: tuple[Twins, httpx.AsyncClient]) -> None:
    both, http = platform
    made = (await http.post("/connections", json=wanted(both))).json()
    path = f"/connections/{made['id']}"

    async def change(**body: Any) -> httpx.Response:
        tag = (await http.get(path)).headers["etag"]
        return await http.patch(path, json=body, headers={"if-match": tag})

    stolen = await change(url="http://127.0.0.1:1/mine")
    assert (stolen.status_code, stolen.json()["errors"][0]["pointer"]) == (422, "/secret")
    assert (await change(username="me@example.com")).status_code == 422
    assert (await change(name="Jira of the others", pollInterval="300s", enabled=False)).json()["enabled"] is False
    moved = await change(url="http://127.0.0.1:1/theirs", secret="another")
    assert (moved.status_code, moved.json()["url"]) == (200, "http://127.0.0.1:1/theirs")
    assert (await http.patch(path, json={"name": "x"})).status_code == 428
    other = await change(kind="SERVICENOW", mapping={})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/kind")
    read = (await http.get(path)).json()
    assert (await change(**read)).json() == read, "a record may be sent back as it was read"
    gone = await http.delete(path, headers={"if-match": f'"{moved.json()["etag"]}"'})
    assert (gone.status_code, (await http.get(path)).status_code) == (200, 404)
    assert (await both.backend.find(SECRETS, {}), await both.backend.find(POLLS, {})) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": "https://10.0.0.1"}, "/url"),
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "http://u@127.0.0.1:80"}, "/url"),
        ({"secret": ""}, "/secret"),
        ({"secret": "a\r\nb"}, "/secret"),
        ({"username": "a:b"}, "/username"),
        ({"filter": "nonsense = 1"}, "/filter"),
        ({"auth": "OAUTH"}, "/auth"),
        ({"pollInterval": "1s"}, "/pollInterval"),
        ({"mapping": {"project": ""}}, "/mapping/project"),
        ({"mapping": {"project": "OPS", "states": {"GONE": "Done"}}}, "/mapping/states"),
        ({"mapping": {"project": "OPS", "query": "project = X ORDER BY key"}}, "/mapping/query"),
        ({"mapping": {"project": "OPS", "fields": ["clocks"]}}, "/mapping/fields"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_where_it_stands(
    platform: tuple[Twins, httpx.AsyncClient], wrong: dict[str, Any], where: str
) -> None:
    both, http = platform
    answer = await http.post("/connections", json=wanted(both, **wrong))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(where)


async def test_a_look_says_in_words_what_is_there_and_what_hinders(platform: tuple[Twins, httpx.AsyncClient]) -> None:
    both, http = platform
    jira: Any = both.theirs
    made = (await http.post("/connections", json=wanted(both))).json()
    look = (await http.post(f"/connections/{made['id']}:test")).json()
    assert (look["ok"], look["findings"][0]["text"]) == (True, "this is Jira in the cloud")
    jira.rights.discard("TRANSITION_ISSUES")
    look = (await http.post(f"/connections/{made['id']}:test")).json()
    assert (look["ok"], look["findings"][-1]) == (False, {"ok": False, "text": "in the project OPS we lack TRANSITION_ISSUES"})
    jira.closed = True
    look = (await http.post(f"/connections/{made['id']}:test")).json()
    assert look["findings"][-1]["text"].endswith("does not take the credentials")
    tried = await http.post(f"/connections/{made['id']}:test?dryRun=true")
    assert (tried.status_code, tried.json()["reason"]) == (422, "DRY_RUN_IMPOSSIBLE")
    assert jira.written == []


async def test_links_show_both_sides_and_what_is_not_in_step(platform: tuple[Twins, httpx.AsyncClient]) -> None:
    both, http = platform
    made = (await http.post("/connections", json=wanted(both, mapping={"project": "OPS", "states": {"NEW": "Nowhere"}}))).json()
    incident = await both.desk.open(description="A private matter.")
    await both.out()
    (link,) = (await http.get(f"/connections/{made['id']}/links", params={"filter": "problem = true"})).json()["links"]
    assert (link["record"], link["key"], link["url"]) == (
        f"incidents/{incident}", "OPS-1", f"{both.theirs.url}/browse/OPS-1",
    )  # fmt: skip
    fields = {field["name"]: (field["ours"], field["theirs"]) for field in link["fields"]}
    assert fields["title"] == ("the printer burns", "the printer burns")
    assert fields["description"][0].startswith("blake2b:")
    assert "A private matter." not in str(both.backend.collections[LINKS])
    (problem,) = link["problems"]
    assert (problem["field"], problem["way"]) == ("state", "OUT")
    sent = (await http.get(f"/connections/{made['id']}/deliveries")).json()["deliveries"]
    assert [(each["channel"], each["state"]) for each in sent] == [("SYNC", "DELIVERED")]


async def test_a_hint_needs_the_key_alone_whatever_else_is_posted(platform: tuple[Twins, httpx.AsyncClient]) -> None:
    both, http = platform
    made = (await http.post("/connections", json=wanted(both))).json()
    path = f"/connections/{made['id']}"
    key = (await http.post(f"{path}:rotate")).json()["key"]
    said = {"webhookEvent": "jira:issue_updated", "issue": {"key": "OPS-1"}, "timestamp": 1}
    taken = await http.post(f"{path}:notify", params={"key": key}, json=said, headers={"authorization": ""})
    wrong = await http.post(f"{path}:notify", params={"key": f"{key[:-1]}x"}, json=said)
    assert (taken.status_code, wrong.status_code) == (204, 401)
    assert (await http.post(f"{path}:notify", json=said)).status_code == 422


@pytest.mark.parametrize("who", ["agent@main", "viewer@main", "requester@main"])
async def test_only_administrators_and_nobody_of_another_tenant(platform: tuple[Twins, httpx.AsyncClient], who: str) -> None:
    both, http = platform
    made = (await http.post("/connections", json=wanted(both))).json()
    path = f"/connections/{made['id']}"
    for address in ("/connections", path, f"{path}/links", f"{path}/deliveries"):
        assert (await http.get(address, headers={"authorization": f"Bearer {who}"})).status_code == 403
    stranger = {"authorization": "Bearer admin@elsewhere"}
    for verb in ("", ":test", ":sync", ":rotate"):
        method = "POST" if verb else "GET"
        assert (await http.request(method, f"{path}{verb}", headers=stranger)).status_code == 404
    assert (await http.get(f"{path}/links", headers=stranger)).status_code == 404
    assert (await http.get("/connections", headers=stranger)).json()["connections"] == []
