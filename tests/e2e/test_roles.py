"""Roles that a tenant makes itself, through REST: made from another, previewed, changed while people work."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable

SOON = 30.0
"""Seconds until a change of a role counts everywhere: five, and what a busy machine adds."""
MISSING = "rol_00000000000000000000000000"


@pytest.fixture
async def admin(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def viewer(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as gateway:
        yield gateway


async def _subject(gateway: Gateway, name: str) -> str:
    (user,) = (await gateway.get("users", filter=f'username = "{name}"'))["users"]
    return str(user["id"])


async def _becomes(gateway: Gateway, method: str, path: str, body: Any, status: int) -> None:
    """Waits until a request is answered so."""
    async with asyncio.timeout(SOON):
        while (await gateway.send(method, path, body)).status_code != status:  # noqa: ASYNC110 - other processes hear of it
            await asyncio.sleep(0.1)


async def test_a_role_is_made_from_another_previewed_changed_and_counts_within_seconds(
    admin: Gateway, viewer: Gateway, breakable: Breakable
) -> None:
    name = f"desk-{uuid.uuid4().hex[:8]}"
    who = await _subject(admin, "viewer")
    made = await admin.post("roles", {"name": name, "displayName": "Our desk", "baseRole": "agent"})
    agent = await admin.get("roles/agent")
    assert (made["permissions"], made["builtIn"], agent["builtIn"]) == (agent["permissions"], False, True)
    assert (await admin.get(f"roles/{name}"))["id"] == made["id"]
    assert name in {role["name"] for role in (await viewer.get("roles"))["roles"]}
    incident = {"title": f"Of {name}", "impact": "LOW", "urgency": "LOW"}
    assert (await viewer.send("POST", "incidents", incident)).status_code == 403
    await admin.post(f"users/{who}:grantRole", {"role": name})
    try:
        await _becomes(viewer, "POST", "incidents", incident, 201)
        less = [each for each in made["permissions"] if each != "incidents.create"]
        wanted = {"role": {"permissions": [*less, "auditEntries.list"]}, "updateMask": "permissions"}
        told = await admin.post(f"roles/{made['id']}:preview", wanted)
        assert (told["gained"], told["lost"], told["holderCount"]) == (["auditEntries.list"], ["incidents.create"], 1)
        assert [each["userId"] for each in told["affected"]] == [who]
        rights = {each["permission"]: each for each in (await admin.get(f"users/{who}:permissions"))["permissions"]}
        assert rights["incidents.create"]["roles"] == [name]
        assert rights["incidents.get"]["roles"] == sorted([name, "viewer"])
        changed = await admin.send("PATCH", f"roles/{made['id']}?updateMask=permissions", wanted["role"], version=made["etag"])
        assert changed.status_code == 200, changed.text
        await _becomes(viewer, "POST", "incidents", incident, 403)
        await _becomes(viewer, "GET", "auditEntries", None, 200)

        breakable.stack.process("auth").kill()
        await breakable.stack.restart("auth")
        assert (await viewer.send("POST", "incidents", incident)).status_code == 403
        await _becomes(viewer, "GET", "auditEntries", None, 200)

        version = changed.json()["etag"]
        held = await admin.send("DELETE", f"roles/{made['id']}", version=version)
        assert (held.status_code, "1 people hold the role" in held.json()["detail"]) == (409, True), held.text
    finally:
        await admin.post(f"users/{who}:revokeRole", {"role": name})
    assert (await admin.send("DELETE", f"roles/{made['id']}", version=version)).status_code == 200
    assert (await admin.send("GET", f"roles/{name}")).status_code == 404
    await _becomes(viewer, "GET", "auditEntries", None, 403)

    query = f'subject = "roles/{made["id"]}"'
    async with asyncio.timeout(60):  # the log follows a moment later
        while len(rows := (await admin.get("auditEntries", filter=query))["auditEntries"]) < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.2)
    actions = sorted(row["action"].rpartition(".")[2] for row in rows)
    assert actions == ["RoleCreated", "RoleDeleted", "RoleUpdated"]


async def test_what_is_wrong_with_a_role_is_named_and_changes_nothing(admin: Gateway) -> None:
    before = (await admin.get("roles"))["roles"]
    for body, said in (
        ({"name": "agent", "permissions": ["incidents.get"]}, "every tenant has"),
        ({"name": "x-y-z", "permissions": ["incidents.resolv"]}, "incidents.resolve"),
        ({"name": "x-y-z"}, "name at least one"),
        ({"name": "x-y-z", "baseRole": "nobody"}, "there is no role nobody"),
        ({"name": "x-y-z", "permissions": ["incidents.get"], "teamIds": ["nowhere"]}, "there is no team nowhere"),
    ):
        answer = await admin.send("POST", "roles", body)
        assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert (await admin.send("POST", "roles", {"name": "x-y-z", "permissions": ["deadLetters.list"]})).status_code == 403
    builtin = await admin.send("PATCH", "roles/agent?updateMask=description", {"description": "ours"}, version=1)
    assert (builtin.status_code, "every tenant has" in builtin.json()["detail"]) == (409, True), builtin.text
    assert (await admin.send("DELETE", f"roles/{MISSING}", version=1)).status_code == 404
    assert (await admin.get("roles"))["roles"] == before


async def test_who_does_not_administer_roles_is_refused(viewer: Gateway) -> None:
    body = {"name": "of-a-viewer", "permissions": ["incidents.get"]}
    for method, path, given, permission in (
        ("POST", "roles", body, "roles.create"),
        ("PATCH", f"roles/{MISSING}", body, "roles.update"),
        ("DELETE", f"roles/{MISSING}", None, "roles.delete"),
        ("POST", f"roles/{MISSING}:preview", {"role": body}, "roles.inspect"),
        ("GET", "users/somebody:permissions", None, "roles.inspect"),
    ):
        answer = await viewer.send(method, path, given, version=1)
        assert (answer.status_code, answer.json()["permission"]) == (403, permission), answer.text
