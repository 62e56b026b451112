"""People of a real LDAP server in the platform: made, changed, given teams and roles, disabled when they are gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway, answered
from tests.support.slapd import BASE, PASSWORD, READER, Slapd, slapd

NAME = f"dir-{uuid4().hex[:6]}"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Slapd]:
    async with slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
async def admin(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as gateway:
        yield gateway


def wanted(server: Slapd, **more: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "kind": "OPENLDAP",
        "url": server.url,
        "plain": True,
        "bindDn": READER,
        "password": PASSWORD,
        "baseDn": BASE,
        **more,
    }


async def synced(admin: Gateway, directory: str, **body: Any) -> dict[str, Any]:
    """A run, asked for and ended."""
    run = await admin.post(f"directories/{directory}:sync", body)
    async with asyncio.timeout(90):
        while run["state"] == "PENDING":
            await asyncio.sleep(0.2)
            run = await admin.get(f"directories/{directory}/directoryRuns/{run['id']}")
    return dict(run)


async def user(admin: Gateway, name: str) -> dict[str, Any]:
    found = (await admin.get("users", filter=f'username = "{name}"'))["users"]
    return dict(found[0]) if found else {}


def counts(run: dict[str, Any]) -> tuple[int, ...]:
    return tuple(run[f"{name}Count"] for name in ("created", "updated", "disabled", "unchanged", "absent", "refused"))


async def test_people_come_change_and_go_with_their_directory(admin: Gateway, server: Slapd) -> None:
    ann, bob = f"{NAME}-ann", f"{NAME}-bob"
    names = {each: server.person(each) for each in (ann, bob)}
    server.person(f"{NAME}-zoe", cn='Zoë, "the" *(admin)', sn="Ünal", givenName="Zoë")
    names["viewer"] = server.person("viewer", givenName="Somebody", mail="viewer@corp.example")
    server.person(f"{NAME}-bad", mail="no address")
    desk = server.group("desk", [names[ann], names["viewer"]])
    team = f"{NAME}-team"
    groups = [{"group": desk, "team": team}, {"group": "desk", "role": "analyst"}]
    made = await admin.post("directories", wanted(server, groups=groups))
    assert "password" not in made
    assert made["passwordSet"]
    directory = made["id"]

    tried = await admin.post(f"directories/{directory}:test")
    assert tried["good"], tried
    assert any("5 people" in each for each in tried["findings"])
    preview = await admin.post(f"directories/{directory}:sync?dryRun=true")
    assert counts(preview) == (4, 0, 0, 0, 0, 1)
    assert {each["outcome"] for each in preview["samples"]} == {"CREATED", "ADOPTED", "REFUSED"}
    assert not await user(admin, ann), "a trial makes nobody"

    run = await synced(admin, directory)
    assert (run["state"], run["complete"], counts(run)) == ("SUCCEEDED", True, (4, 0, 0, 0, 0, 1)), run
    first = await user(admin, ann)
    assert (first["displayName"], first["email"], first["enabled"]) == (f"Ann {ann.title()}", f"{ann}@corp.example", True)
    assert "analyst" in first["roles"]
    (desk_team,) = [each for each in (await admin.get("teams"))["teams"] if each["name"] == team]
    viewer = await user(admin, "viewer")
    assert {first["id"], viewer["id"]} == set(desk_team["memberIds"])
    assert (viewer["email"], {"viewer", "analyst"} <= set(viewer["roles"])) == ("viewer@demo.example", True), "his own stays"
    assert (await user(admin, f"{NAME}-zoe"))["displayName"] == "Zoë Ünal"
    assert counts(await synced(admin, directory)) == (0, 0, 0, 4, 0, 1)

    granted = await admin.post(f"users/{first['id']}:grantRole", {"role": "auditor"})
    assert granted["directoryId"] == ""
    server.change(names[ann], sn="Smith")
    server.change(desk, member=[names[bob]])
    changed = await synced(admin, directory)
    assert counts(changed) == (0, 3, 0, 1, 0, 1), changed
    first = await user(admin, ann)
    assert (first["displayName"], first["roles"]) == ("Ann Smith", ["auditor"]), "what a person gave stays"
    assert (await user(admin, "viewer"))["roles"] == ["viewer"]

    server.remove(names[ann])
    assert counts(await synced(admin, directory))[4] == 1
    assert (await user(admin, ann))["enabled"], "missing once is no news"
    gone = await synced(admin, directory)
    assert counts(gone)[2] == 1, gone
    assert (await user(admin, ann))["enabled"] is False


async def test_a_run_that_would_disable_many_stops_and_asks(admin: Gateway, server: Slapd) -> None:
    people = [server.person(f"{NAME}-m{number}") for number in range(6)]
    source = wanted(server, name=f"{NAME}-many", userFilter=f"(uid={NAME}-m*)")
    directory = (await admin.post("directories", source))["id"]
    assert counts(await synced(admin, directory))[0] == 6
    for name in people:
        server.remove(name)
    assert counts(await synced(admin, directory))[4] == 6
    held = await synced(admin, directory)
    assert (held["state"], "more than the 5" in held["problem"]) == ("HELD", True)
    assert (await user(admin, f"{NAME}-m0"))["enabled"]
    allowed = await synced(admin, directory, allow=True)
    assert (allowed["state"], counts(allowed)[2]) == ("SUCCEEDED", 6)
    assert (await user(admin, f"{NAME}-m0"))["enabled"] is False


async def test_what_makes_no_sense_is_refused_and_a_wrong_password_told(admin: Gateway, server: Slapd) -> None:
    for wrong, status in (
        ({"url": "http://127.0.0.1"}, 422),
        ({"url": "ldaps://10.0.0.1"}, 422),
        ({"password": ""}, 422),
        ({"groups": [{"group": "desk", "team": "roles/operator"}]}, 422),
        ({"groups": [{"group": "desk", "role": "operator"}]}, 403),
        ({"userFilter": "(uid=*)(uid=*)"}, 422),
    ):
        answer = await admin.send("POST", "directories", wanted(server, **wrong))
        assert answer.status_code == status, answer.text
    directory = await admin.post("directories", wanted(server, name=f"{NAME}-wrong", password="not-this-one"))
    tried = await admin.post(f"directories/{directory['id']}:test")
    assert (tried["good"], "password is wrong" in tried["findings"][-1]) == (False, True)
    assert (await synced(admin, directory["id"]))["state"] == "FAILED"
    moved = {"url": server.secure_url}
    refused = await admin.send("PATCH", f"directories/{directory['id']}", moved, version=directory["etag"])
    assert refused.status_code == 422, "the password goes to no other address"
    shown = await admin.get(f"directories/{directory['id']}")
    assert "not-this-one" not in str(shown) + str(await admin.get("directories"))
    removed = await admin.send("DELETE", f"directories/{directory['id']}", version=shown["etag"])
    assert removed.status_code == 200, removed.text
    assert (await admin.send("GET", f"directories/{directory['id']}")).status_code == 404


async def test_only_administrators_reach_directories(admin: Gateway, server: Slapd, stack: dict[str, Any]) -> None:
    directory = await admin.post("directories", wanted(server, name=f"{NAME}-closed"))
    async with Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        assert (await agent.send("GET", "directories")).status_code == 403
        assert (await agent.send("POST", f"directories/{directory['id']}:sync", {})).status_code == 403
        assert (await agent.send("POST", "directories", wanted(server))).status_code == 403
    assert answered(await admin.send("GET", f"directories/{directory['id']}"))["id"] == directory["id"]
