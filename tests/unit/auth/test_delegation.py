"""Tokens for work that goes on while nobody waits: whose they are, what they permit, and when there are none."""

from collections.abc import Collection

import pytest

from chassis import context as ctx
from chassis.auth import Principal
from chassis.errors import ForbiddenMove
from services.auth.app import POLICY
from services.auth.domain.roles import ROLES, SENSITIVE
from tests.unit.auth.test_credentials import Desk

ASKED = ("incidents.update", "incidents.get")


@pytest.fixture
async def desk() -> Desk:
    built = Desk()
    await built.house.mirror.pull()
    return built


async def delegated(
    desk: Desk,
    subject: str,
    roles: Collection[str],
    permissions: Collection[str] = ASKED,
    *,
    credential_id: str = "",
    tenant: str = "main",
) -> Principal:
    """Whom a token stands for that the gateway was given."""
    gateway = ctx.Context(tenant=tenant, actor=ctx.Actor(id="itsm-gateway", kind="service"))
    with ctx.use(gateway):
        token, end = await desk.credentials.delegate(subject, roles, permissions, credential_id)
    assert end - desk.clock.now.timestamp() <= 60
    return await desk.verifier.verify(token)


async def test_a_token_stands_for_the_person_and_names_who_acts(desk: Desk) -> None:
    found = await delegated(desk, "u-2", ["agent"])
    assert (found.subject, found.kind, found.tenant, found.act) == ("u-2", "user", "main", "itsm-gateway")
    assert (found.roles, found.limits, found.attended) == ({"agent"}, set(ASKED), False)


async def test_it_has_the_roles_of_this_moment_and_none_that_came_later(desk: Desk) -> None:
    await desk.house.give("u-1", "u-2", "auditor")
    assert (await delegated(desk, "u-2", ["agent", "auditor", "admin"])).roles == {"agent", "auditor"}
    assert (await delegated(desk, "u-2", ["agent"])).roles == {"agent"}
    await desk.house.take("u-1", "u-2", "auditor")
    assert (await delegated(desk, "u-2", ["agent", "auditor"])).roles == {"agent"}
    with pytest.raises(ForbiddenMove):
        await delegated(desk, "u-2", ["auditor"])


async def test_it_never_permits_what_is_sensitive(desk: Desk) -> None:
    found = await delegated(desk, "u-1", ["admin"], ROLES["admin"])
    assert not POLICY.allowed(found.roles, found.limits) & SENSITIVE
    nothing = await delegated(desk, "u-1", ["admin"], ["webhooks.rotate"])
    assert not POLICY.allowed(nothing.roles, nothing.limits)


async def test_there_is_none_for_whom_the_realm_has_disabled_or_does_not_know_here(desk: Desk) -> None:
    for subject, tenant in (("u-9", "main"), ("u-2", "acme"), ("u-3", "main")):
        with pytest.raises(ForbiddenMove):
            await delegated(desk, subject, ["agent"], tenant=tenant)
    desk.house.realm.disable("u-2")
    await desk.house.mirror.pull()
    with pytest.raises(ForbiddenMove):
        await delegated(desk, "u-2", ["agent"])


async def test_a_token_made_beforehand_bounds_it_and_ends_it(desk: Desk) -> None:
    await desk.house.give("u-1", "u-2", "admin")
    secret = await desk.signed_in("u-2", "agent", "admin")
    narrow, _ = await desk.create(secret, roles=["agent"])
    found = await delegated(desk, "u-2", ["agent", "admin"], credential_id=narrow.id)
    assert (found.roles, found.session_id) == ({"agent"}, narrow.id)
    with pytest.raises(ForbiddenMove):
        await delegated(desk, "u-1", ["admin"], credential_id=narrow.id)
    with ctx.use(ctx.Context(tenant="main", actor=ctx.Actor(id="u-2"))):
        await desk.credentials.revoke(narrow.id)
    with pytest.raises(ForbiddenMove):
        await delegated(desk, "u-2", ["agent"], credential_id=narrow.id)
    with pytest.raises(ForbiddenMove):
        await delegated(desk, "u-2", ["agent"], credential_id="crd_none")


async def test_the_use_of_a_token_made_beforehand_is_noted(desk: Desk) -> None:
    secret = await desk.signed_in("u-2", "agent")
    made, _ = await desk.create(secret)
    desk.clock.advance(hours=2)
    await delegated(desk, "u-2", ["agent"], credential_id=made.id)
    row = await desk.house.backend.find_one("credentials", {"_id": made.id})
    assert row is not None
    assert row["use_time"] == desk.clock.now


def test_the_gateway_alone_may_ask_for_one() -> None:
    assert [role for role, permissions in ROLES.items() if "tokens.delegate" in permissions] == ["service:gateway"]
