"""Assets through REST: people, agents and tables tell of them, and one machine is one asset."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway

EXACT = str(2**53 + 1)
"""A whole number that JavaScript would round, as JSON has it here."""


@pytest.fixture(scope="module")
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who manages assets."""
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def viewer(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who looks on."""
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def enroller(manager: Gateway) -> AsyncIterator[Gateway]:
    """A machine that is being set up, with an enrollment key."""
    made = await manager.post("tokens", {"kind": "AGENT", "name": "new machines", "roles": ["enroller"]})
    async with Gateway(manager.url, made["secret"]) as gateway:
        yield gateway


def unique(prefix: str = "S") -> str:
    return f"{prefix}{uuid4().hex[:12]}".upper()


def machine(serial: str, **hardware: Any) -> dict[str, Any]:
    seen = {"vendor": "Dell Inc.", "serial": serial, "cpuCount": 8, "memoryBytes": EXACT} | hardware
    system = {"os": "Debian GNU/Linux", "version": "12", "hostname": "web01"}
    return {"sections": ["hardware", "system"], "hardware": seen, "system": system}


async def enroll(enroller: Gateway, inventory: dict[str, Any]) -> tuple[dict[str, Any], Gateway]:
    """An agent, and the gateway as it sees it with its own key."""
    enrolled = await enroller.post("agents:enroll", {"installId": uuid4().hex, "platform": "linux", "inventory": inventory})
    return enrolled, Gateway(enroller.url, enrolled["key"])


async def make(manager: Gateway, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await manager.post("assets", {"name": "web01", "class": "server"} | fields)
    return made


def refused(answer: httpx.Response, status: int, field: str = "") -> dict[str, Any]:
    """The problem document of a refusal, which names the field where one is to blame."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    if field:
        assert [error["pointer"] for error in problem["errors"]] == [field], problem
    return problem


async def test_an_asset_is_kept_exactly_and_lives_its_life(manager: Gateway) -> None:
    attributes = {"memoryBytes": EXACT, "cpuCount": 8, "tags": ["shop", "north"]}
    made = await make(manager, attributes=attributes, state="IN_STOCK", cost={"amount": "1804.46", "currency": "EUR"})
    assert (made["class"], made["state"], made["criticality"]) == ("server", "IN_STOCK", "MEDIUM")
    assert made["attributes"] == attributes
    assert made["provenance"]["cpuCount"]["source"] == "manual"
    path = f"assets/{made['id']}"
    assert await manager.get(path) == made
    patched = await manager.send("PATCH", path, {"attributes": {"cpuCount": 16}, "location": "Berlin"}, version=made["etag"])
    assert patched.status_code == httpx.codes.OK, patched.text
    assert patched.json()["attributes"] == attributes | {"cpuCount": 16}
    used = await manager.post(f"{path}:move", {"state": "IN_USE", "reason": "handed out"}, version=patched.json()["etag"])
    assert used["state"] == "IN_USE"
    history = (await manager.get(f"{path}:history"))["entries"]
    assert [entry["type"].rpartition(".")[2] for entry in history] == ["AssetMoved", "AssetUpdated", "AssetCreated"]
    assert history[0]["detail"]["reason"] == "handed out"


async def test_assets_are_found_by_what_they_are(manager: Gateway) -> None:
    place = f"hall {uuid4().hex}"
    for name, class_ in (("db", "database"), ("web", "server")):
        await make(manager, name=name, location=place, **{"class": class_})
    found = await manager.get("assets", filter=f'location = "{place}" AND class = "database"')
    assert [asset["name"] for asset in found["assets"]] == ["db"]
    assert await manager.get("assets:count", filter=f'location = "{place}"') == {"value": 2, "capped": False}
    refused(await manager.send("GET", "assets?filter=color%3D1"), 422)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"attributes": {"memoryBytes": "much"}}, "/attributes/memoryBytes"),
        ({"attributes": {"cpu": 5}}, "/attributes/cpu"),
        ({"attributes": {"cpu": {"cores": 8}}}, "/attributes/cpu"),
        ({"attributes": {"name": "red"}}, "/attributes/name"),
        ({"class": "spaceship"}, "/class"),
        ({"name": " "}, "/name"),
        ({"redundancy": [{"group": "web"}]}, "/redundancy/0"),
        ({"identifiers": [{"kind": "UUID", "value": "00000000-0000-0000-0000-000000000000"}]}, "/identifiers/0/value"),
    ],
)
async def test_what_is_wrong_about_an_asset_is_told_by_field(manager: Gateway, body: dict[str, Any], field: str) -> None:
    refused(await manager.send("POST", "assets", {"name": "web01", "class": "server"} | body), 422, field)


async def test_an_asset_does_not_jump_in_its_life_nor_share_its_serial(manager: Gateway) -> None:
    serial = unique()
    made = await make(manager, identifiers=[{"kind": "SERIAL", "value": serial.lower()}], ownerId="somebody")
    assert made["identifiers"] == [{"kind": "SERIAL", "value": serial}]
    path = f"assets/{made['id']}"
    refused(await manager.send("POST", f"{path}:move", {"state": "DISPOSED", "reason": "old", "proof": "shredded"}), 409)
    refused(await manager.send("POST", f"{path}:move", {"state": "RETIRED", "reason": "old"}), 409)
    refused(await manager.send("PATCH", path, {"state": "RETIRED"}, version=made["etag"]), 422, "/state")
    stale = await manager.send("PATCH", path, {"location": "Bonn"}, version="99")
    refused(stale, 412)
    twin = {"name": "web02", "class": "server", "identifiers": [{"kind": "SERIAL", "value": serial}]}
    assert made["id"] in refused(await manager.send("POST", "assets", twin), 409)["detail"]
    assert (await manager.get(path))["etag"] == made["etag"]


async def test_who_looks_on_changes_nothing_and_who_only_reports_sees_his_own(
    manager: Gateway, viewer: Gateway, stack: dict[str, Any]
) -> None:
    made = await make(manager)
    assert (await viewer.get(f"assets/{made['id']}"))["id"] == made["id"]
    for method, path, body in (
        ("POST", "assets", {"name": "web01", "class": "server"}),
        ("POST", f"assets/{made['id']}:move", {"state": "LOST", "reason": "gone"}),
        ("POST", "imports", {"text": "Name\nweb01\n", "source": "cmdb", "mapping": {"Name": "name"}, "class": "server"}),
        ("POST", "agents:enroll", {"installId": uuid4().hex, "inventory": {}}),
    ):
        refused(await viewer.send(method, path, body), 403)
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        refused(await requester.send("GET", f"assets/{made['id']}"), 404)
        assert (await requester.get("assets", filter=f'id = "{made["id"]}"'))["assets"] == []
        refused(await requester.send("GET", f"assets/{made['id']}:impact"), 403)
        me = (await requester.get("users:whoami"))["subject"]
        own = await manager.post("assets", {"name": unique(), "class": "computer", "ownerId": me})
        assert (await requester.get(f"assets/{own['id']}"))["ownerId"] == me, "a person's own devices are his to see"
        refused(await requester.send("PATCH", f"assets/{own['id']}", {"name": "mine"}, version=own["etag"]), 403)


async def test_an_agent_enrolls_reports_and_is_revoked(manager: Gateway, enroller: Gateway) -> None:
    enrolled, agent = await enroll(enroller, machine(unique()))
    async with agent:
        packages = [{"name": "openssl", "version": "3.0.11", "manager": "dpkg"}]
        report = {"inventory": {"sections": ["packages"], "packages": packages}}
        answer = await agent.post(f"agents/{enrolled['agentId']}:report", report)
        assert answer == {"assetId": enrolled["assetId"], "full": True}
        asset = await manager.get(f"assets/{enrolled['assetId']}")
        assert (asset["name"], asset["agentId"]) == ("web01", enrolled["agentId"])
        assert (asset["attributes"]["memoryBytes"], asset["attributes"]["vendor"]) == (EXACT, "Dell")
        inventory = await manager.get(f"assets/{enrolled['assetId']}/inventory")
        assert [package["name"] for package in inventory["packages"]] == ["openssl"]
        assert inventory["hardware"]["memoryBytes"] == EXACT
        again = await agent.post(f"agents/{enrolled['agentId']}:report", report)
        assert again == answer
        assert (await manager.get(f"assets/{enrolled['assetId']}"))["etag"] == asset["etag"]
        revoked = await manager.post(f"agents/{enrolled['agentId']}:revoke", {"reason": "stolen"})
        assert revoked["state"] == "REVOKED"
        late = await agent.send("POST", f"agents/{enrolled['agentId']}:report", report)
        assert late.status_code in (401, 403), late.text


async def test_keys_of_machines_can_do_their_one_thing_and_no_other(manager: Gateway, enroller: Gateway) -> None:
    first, agent = await enroll(enroller, machine(unique()))
    other, stranger = await enroll(enroller, machine(unique()))
    async with agent, stranger:
        for key in (enroller, agent):
            refused(await key.send("GET", "assets"), 403)
            refused(await key.send("GET", "agents"), 403)
            refused(await key.send("POST", "tokens", {"kind": "AGENT", "name": "more", "roles": ["enroller"]}), 403)
        refused(await agent.send("POST", "agents:enroll", {"installId": uuid4().hex, "inventory": {}}), 403)
        refused(await enroller.send("POST", f"agents/{first['agentId']}:report", {"inventory": {}}), 403)
        refused(await stranger.send("POST", f"agents/{first['agentId']}:report", {"inventory": {}}), 404)
    assert other["agentId"] != first["agentId"]
    wanted = {"kind": "AGENT", "name": "too much", "roles": ["endpoint"]}
    refused(await manager.send("POST", "tokens", wanted), 403)


@pytest.mark.parametrize("table_first", [True, False])
async def test_two_agents_and_a_table_tell_of_one_machine(manager: Gateway, enroller: Gateway, table_first: bool) -> None:
    serial, place = unique(), f"hall {uuid4().hex}"

    async def bring() -> None:
        table = f"Name,Serial,RAM,Place\nweb01 (shop),{serial},7,{place}\n"
        columns = {"Name": "name", "Serial": "identifiers.SERIAL", "RAM": "attributes.memoryBytes", "Place": "location"}
        body = {"text": table, "source": "cmdb", "mapping": columns, "class": "server"}
        await manager.post(f"imports/{(await manager.post('imports', body))['id']}:apply")

    async def watch() -> None:
        for _ in range(2):
            _, agent = await enroll(enroller, machine(serial))
            await agent.http.aclose()

    for tell in (bring, watch) if table_first else (watch, bring):
        await tell()
    found = (await manager.get("assets", filter=f'identifiers.value = "{serial}"'))["assets"]
    assert len(found) == 1
    (asset,) = found
    assert (asset["name"], asset["class"], asset["location"]) == ("web01 (shop)", "server", place)
    memory = asset["provenance"]["memoryBytes"]
    assert (asset["attributes"]["memoryBytes"], memory["source"].partition(":")[0]) == (EXACT, "agent")
    assert {(each["source"].partition(":")[0], each["value"]) for each in memory["others"]} == {("agent", EXACT), ("import", 7)}


async def test_a_cloned_serial_waits_for_a_person_and_merges_nothing(manager: Gateway, enroller: Gateway) -> None:
    serial = unique()
    seen = []
    for _ in range(2):
        enrolled, agent = await enroll(enroller, machine(serial, uuid=str(uuid4())))
        await agent.http.aclose()
        seen.append(enrolled["assetId"])
    assert len(set(seen)) == 2
    waiting = (await manager.get("duplicates", filter=f'assetIds = "{seen[0]}"'))["duplicates"]
    assert [(each["reason"], sorted(each["assetIds"])) for each in waiting] == [("CONTRADICTION", sorted(seen))]
    path = f"duplicates/{waiting[0]['id']}:resolve"
    assert (await manager.post(path, {"resolution": "two of one batch"}))["state"] == "RESOLVED"
    refused(await manager.send("POST", path, {"resolution": "again"}), 409)


async def test_a_table_is_previewed_applied_and_unchanged_the_second_time(manager: Gateway, viewer: Gateway) -> None:
    serial = unique()
    body = {
        "text": f"Name,Serial,RAM\nweb01,{serial},8\nweb02,{serial},8\nweb03,{unique()},much\n",
        "source": "books",
        "mapping": {"Name": "name", "Serial": "identifiers.SERIAL", "RAM": "attributes.memoryBytes"},
        "class": "server",
    }
    previewed = await manager.post("imports", body)
    assert [(row["line"], row["outcome"]) for row in previewed["rows"]] == [(2, "CREATE"), (3, "ERROR"), (4, "ERROR")]
    assert "line 2" in previewed["rows"][1]["reason"]
    assert "memoryBytes" in previewed["rows"][2]["reason"]
    assert await manager.get("assets:count", filter=f'identifiers.value = "{serial}"') == {"value": 0, "capped": False}
    refused(await viewer.send("POST", f"imports/{previewed['id']}:apply"), 403)
    applied = await manager.post(f"imports/{previewed['id']}:apply", key=uuid4().hex)
    assert (applied["state"], applied["createCount"], applied["errorCount"]) == ("APPLIED", 1, 2)
    again = await manager.post("imports", body)
    assert (again["createCount"], again["unchangedCount"]) == (0, 1)
    wrong = body | {"mapping": {"Name": "name", "Weight": "location"}}
    refused(await manager.send("POST", "imports", wrong), 422, "/mapping/Weight")


async def test_a_tenant_makes_classes_of_its_own(manager: Gateway, viewer: Gateway) -> None:
    name = f"k{uuid4().hex[:12]}"
    body = {"name": name, "title": "Mainframe", "parent": "computer", "attributes": [{"name": "mips", "type": "INTEGER"}]}
    made = await manager.post("assetClasses", body)
    assert (await viewer.get(f"assetClasses/{name}")) == made
    asset = await make(manager, attributes={"mips": 9000, "cpuCount": 64}, **{"class": name})
    assert asset["attributes"] == {"mips": 9000, "cpuCount": 64}
    refused(await manager.send("POST", "assetClasses", body), 409)
    refused(await manager.send("PATCH", "assetClasses/server", {"title": "Mine"}, version="0"), 409)
    refused(await viewer.send("POST", "assetClasses", body | {"name": f"{name}x"}), 403)
