"""Making and exchanging credentials, over the database in memory."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from chassis import context as ctx
from chassis.auth import Issuer, Keys, Principal, Verifier
from chassis.errors import Denied, Invalid, Unauthenticated
from chassis.proof import LEVEL, LONGEST
from chassis.testing import FakeClock
from services.auth.app import POLICY
from services.auth.domain.credential import Credential, Kind
from services.auth.domain.roles import SENSITIVE
from services.auth.usecases.credentials import Credentials
from services.auth.usecases.signing import Signer
from tests.unit.auth.test_people import House

ISSUER = "urn:itsm:test:auth"


class Desk:
    """A house with its credentials, and a service that believes its tokens."""

    def __init__(self) -> None:
        self.house = House()
        self.clock = FakeClock(datetime.now().astimezone())
        signer = Signer(self.house.backend, ISSUER, "secret", now=lambda: self.clock.now.timestamp())
        self.credentials = Credentials(self.house.store, self.house.people, signer, lambda: POLICY, self.clock)
        own = Issuer(name=ISSUER, keys=Keys("", httpx.AsyncClient(), load=signer.jwks))
        self.verifier = Verifier(keycloak=Issuer(name="-", keys=own.keys), own=own, now=lambda: self.clock.now.timestamp())

    async def principal(self, secret: str) -> Principal:
        return await self.verifier.verify((await self.credentials.exchange(secret)).token)

    async def signed_in(
        self, subject: str, *roles: str, tenant: str = "main", session_id: str = "sid-1", acr: str = LEVEL, ago: int = 0
    ) -> str:
        principal = Principal(
            subject=subject,
            kind="user",
            tenant=tenant,
            roles=frozenset(roles),
            expires_at=0,
            issuer="keycloak",
            auth_time=int(self.clock.now.timestamp()) - ago,
            acr=acr,
            session_id=session_id,
        )
        _, secret = await self.credentials.open_session(principal)
        return secret.text

    async def create(self, secret: str, kind: Kind = Kind.PERSONAL, **asked: Any) -> tuple[Credential, str]:
        """As somebody who shows this secret, through the edge."""
        who = await self.principal(secret)
        caller = ctx.Context(
            tenant=who.tenant,
            actor=ctx.Actor(id=who.subject, kind=who.kind),
            roles=who.roles,
            permissions=POLICY.allowed(who.roles, who.limits),
            attended=who.attended,
            acr=who.acr,
            auth_time=who.auth_time,
        )
        fields: dict[str, Any] = {"name": "t", "roles": (), "permissions": (), "expire_time": None} | asked
        with ctx.use(caller):
            credential, made = await self.credentials.create(kind, **fields)
        return credential, made.text


@pytest.fixture
async def desk() -> Desk:
    built = Desk()
    await built.house.mirror.pull()
    return built


async def test_a_session_brings_the_roles_of_this_moment(desk: Desk) -> None:
    secret = await desk.signed_in("u-2", "agent")
    assert (await desk.principal(secret)).roles == {"agent"}
    await desk.house.give("u-1", "u-2", "auditor")
    desk.clock.advance(seconds=1)
    assert (await desk.principal(secret)).roles == {"agent", "auditor"}


async def test_somebody_whom_the_mirror_has_not_seen_has_what_the_sign_in_said(desk: Desk) -> None:
    assert (await desk.principal(await desk.signed_in("u-9", "viewer"))).roles == {"viewer"}


async def test_a_session_in_use_lives_on_and_an_idle_one_ends(desk: Desk) -> None:
    secret = await desk.signed_in("u-2", "agent")
    for _ in range(2):
        desk.clock.advance(hours=7)
        await desk.principal(secret)
    desk.clock.advance(hours=8)
    with pytest.raises(Unauthenticated):
        await desk.principal(secret)


async def test_a_token_with_some_roles_cannot_make_one_with_more(desk: Desk) -> None:
    await desk.house.give("u-1", "u-2", "admin")
    secret = await desk.signed_in("u-2", "agent")
    _, narrow = await desk.create(secret, roles=["agent"])
    assert (await desk.principal(narrow)).roles == {"agent"}
    _, offspring = await desk.create(narrow)
    assert (await desk.principal(offspring)).roles == {"agent"}
    with pytest.raises(Denied):
        await desk.create(narrow, roles=["admin"])


async def test_a_token_of_an_unlimited_caller_follows_the_persons_roles(desk: Desk) -> None:
    _, token = await desk.create(await desk.signed_in("u-2", "agent"))
    await desk.house.give("u-1", "u-2", "analyst")
    assert (await desk.principal(token)).roles == {"agent", "analyst"}


async def test_a_token_with_some_permissions_cannot_make_one_with_more(desk: Desk) -> None:
    secret = await desk.signed_in("u-2", "agent")
    _, narrow = await desk.create(secret, permissions=["tokens.create", "incidents.get"])
    assert (await desk.principal(narrow)).limits == {"tokens.create", "incidents.get"}
    _, offspring = await desk.create(narrow, permissions=["incidents.get"])
    assert (await desk.principal(offspring)).limits == {"incidents.get"}
    for asked in ({}, {"permissions": ["incidents.list"]}, {"roles": ["agent"]}):
        with pytest.raises(Denied):
            await desk.create(narrow, **asked)


async def test_a_session_is_not_made_by_hand_and_a_key_makes_nothing(desk: Desk) -> None:
    admin = await desk.signed_in("u-1", "admin")
    with pytest.raises(Invalid):
        await desk.create(admin, Kind.SESSION)
    _, key = await desk.create(admin, Kind.INTEGRATION, roles=["admin"])
    assert (await desk.principal(key)).kind == "service"
    with pytest.raises(Denied):
        await desk.create(key)


async def test_a_disabled_person_has_no_good_secret_left_but_keys_go_on(desk: Desk) -> None:
    session = await desk.signed_in("u-1", "admin")
    _, token = await desk.create(session)
    _, key = await desk.create(session, Kind.AGENT, roles=["admin"])
    desk.house.realm.disable("u-1")
    await desk.house.mirror.pull()
    for secret in (session, token):
        with pytest.raises(Unauthenticated):
            await desk.principal(secret)
    assert await desk.principal(key)


async def test_a_secret_of_another_kind_than_asked_for_is_unknown(desk: Desk) -> None:
    secret = await desk.signed_in("u-2", "agent")
    assert await desk.credentials.exchange(secret, Kind.SESSION)
    with pytest.raises(Unauthenticated):
        await desk.credentials.exchange(secret, Kind.PERSONAL)


async def test_the_realm_ends_one_session_or_all_of_a_person(desk: Desk) -> None:
    one = await desk.signed_in("u-2", session_id="sid-1")
    two = await desk.signed_in("u-2", session_id="sid-2")
    other = await desk.signed_in("u-1", session_id="sid-3")
    _, token = await desk.create(two)
    assert await desk.credentials.end_sessions(["main", "acme"], session_id="sid-1", subject="u-2") == 1
    with pytest.raises(Unauthenticated):
        await desk.principal(one)
    assert await desk.principal(two)
    assert await desk.credentials.end_sessions(["main", "acme"], session_id="", subject="u-2") == 1
    with pytest.raises(Unauthenticated):
        await desk.principal(two)
    assert await desk.principal(other)
    assert await desk.principal(token)


async def test_a_use_is_written_down_once_a_minute(desk: Desk) -> None:
    credential, token = await desk.create(await desk.signed_in("u-2", "agent"))
    await desk.principal(token)
    first = desk.clock.now
    desk.clock.advance(seconds=30)
    await desk.principal(token)
    row = desk.house.backend.collections["credentials"][credential.id]
    assert row["use_time"] == first
    desk.clock.advance(seconds=31)
    await desk.principal(token)
    assert desk.house.backend.collections["credentials"][credential.id]["use_time"] - first == timedelta(seconds=61)


async def as_service(desk: Desk, role: str, kind: Kind, roles: set[str]) -> tuple[Credential, str]:
    caller = ctx.Context(
        tenant="main",
        actor=ctx.Actor(id="svc-1", kind="service"),
        roles=frozenset({role}),
        permissions=POLICY.allowed(frozenset({role}), None),
    )
    with ctx.use(caller):
        credential, made = await desk.credentials.create(kind, "web01", roles, (), None)
    return credential, made.text


async def test_the_asset_service_makes_keys_of_agents_and_nothing_else(desk: Desk) -> None:
    _, secret = await as_service(desk, "service:asset", Kind.AGENT, {"endpoint"})
    assert (await desk.principal(secret)).roles == {"endpoint"}
    for kind, roles in (
        (Kind.AGENT, {"enroller"}),
        (Kind.AGENT, {"service:asset"}),
        (Kind.AGENT, {"admin"}),
        (Kind.PERSONAL, {"endpoint"}),
        (Kind.PERSONAL, set()),
    ):
        with pytest.raises((Denied, Invalid)):
            await as_service(desk, "service:asset", kind, roles)
    with pytest.raises(Denied):
        await as_service(desk, "service:incident", Kind.AGENT, {"endpoint"})


async def test_an_asset_manager_makes_an_enrollment_key_that_can_only_enroll(desk: Desk) -> None:
    await desk.house.give("u-1", "u-2", "asset-manager")
    manager = await desk.signed_in("u-2")
    _, secret = await desk.create(manager, Kind.AGENT, roles={"enroller"})
    who = await desk.principal(secret)
    assert (who.kind, POLICY.allowed(who.roles, who.limits)) == ("service", {"agents.enroll"})
    with pytest.raises(Denied):
        await desk.create(secret, Kind.AGENT, roles={"endpoint"})
    for roles in ({"endpoint"}, {"admin"}):
        with pytest.raises(Denied):
            await desk.create(manager, Kind.AGENT, roles=roles)
    with pytest.raises(Denied):
        await desk.create(manager, Kind.PERSONAL, roles={"enroller"})


async def test_a_key_with_a_persons_role_makes_no_keys(desk: Desk) -> None:
    await desk.house.give("u-1", "u-2", "asset-manager")
    manager = await desk.signed_in("u-2")
    _, secret = await desk.create(manager, Kind.AGENT, roles={"asset-manager"})
    with pytest.raises(Denied):
        await desk.create(secret, Kind.AGENT, roles={"enroller"})


@pytest.mark.parametrize(("acr", "ago"), [("urn:itsm:loa:1", 0), ("", 0), (LEVEL, LONGEST + 60)])
async def test_a_token_that_may_do_something_sensitive_needs_a_strong_and_fresh_sign_in(acr: str, ago: int) -> None:
    desk = Desk()
    weak = await desk.signed_in("boss", "admin", acr=acr, ago=ago)
    for asked in ({}, {"permissions": ["roles.grant"]}, {"kind": Kind.INTEGRATION, "roles": ["integration"]}):
        with pytest.raises(Unauthenticated) as refused:
            await desk.create(weak, **asked)
        assert refused.value.reason == "INSUFFICIENT_USER_AUTHENTICATION"
    await desk.create(weak, permissions=["incidents.list"])
    _, parent = await desk.create(await desk.signed_in("boss", "admin"))
    assert await desk.create(parent), "whoever made the token was asked then"


@pytest.mark.parametrize("acr", ["urn:itsm:loa:1", LEVEL])
async def test_a_token_does_what_is_sensitive_only_if_its_maker_had_proved_who_he_is(desk: Desk, acr: str) -> None:
    _, token = await desk.create(await desk.signed_in("u-2", "agent", acr=acr))
    _, offspring = await desk.create(token)
    await desk.house.give("u-1", "u-2", "admin")
    who, later = await desk.principal(token), await desk.principal(offspring)
    may = POLICY.allowed(who.roles, who.limits)
    assert who.roles == {"agent", "admin"} and "users.get" in may
    assert may & SENSITIVE == (POLICY.permissions(who.roles) & SENSITIVE if acr == LEVEL else set())
    assert not POLICY.allowed(later.roles, later.limits) & SENSITIVE, "nobody was asked when it was made by a token"
    if acr != LEVEL:
        with pytest.raises(Denied):
            await desk.create(token)


async def test_a_token_of_a_token_that_may_do_what_is_sensitive_may_as_well(desk: Desk) -> None:
    _, token = await desk.create(await desk.signed_in("u-1", "admin"))
    _, offspring = await desk.create(token)
    who = await desk.principal(offspring)
    assert "webhooks.rotate" in POLICY.allowed(who.roles, who.limits)


async def test_nothing_is_left_of_a_token_for_what_is_sensitive_alone_that_nobody_proved(desk: Desk) -> None:
    made, token = await desk.create(await desk.signed_in("u-1", "admin"), permissions=["roles.grant"])
    desk.house.backend.collections["credentials"][made.id]["proved"] = False
    who = await desk.principal(token)
    assert who.limits == frozenset() and not POLICY.allowed(who.roles, who.limits)
