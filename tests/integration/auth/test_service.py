"""The auth service on the real realm and database: from a sign-in to a short token that any service believes."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import grpc
import httpx
import pytest
from itsm.auth import v1 as pb
from pymongo import AsyncMongoClient

from chassis.auth import Issuer, Keys, Verifier, own_issuer
from chassis.errors import Denied, Error, ForbiddenMove, Invalid, NotFound, Unauthenticated
from chassis.proof import LEVEL
from chassis.rpc import call
from chassis.service import Service, running
from chassis.settings import Environment
from services.auth.app import Settings, build
from services.auth.domain.credential import Kind, Secret
from services.auth.provision import issue_tokens, register_tokens
from tests.integration.auth.conftest import Realm
from tests.support.signin import Client, redeem, sign_in


class Auth:
    """The running service, and somebody who calls it."""

    def __init__(self, service: Service, settings: Settings, channel: grpc.aio.Channel, verifier: Verifier) -> None:
        self.service, self.settings, self.verifier = service, settings, verifier
        self.tokens = pb.TokenServiceStub(channel)
        self.exchange_ = pb.ExchangeServiceStub(channel)
        self.users = pb.UserServiceStub(channel)
        self.audit = pb.AuditServiceStub(channel)
        self.policy = pb.PolicyServiceStub(channel)

    async def exchange(self, secret: str) -> str:
        answer = await call(self.exchange_.Exchange, pb.ExchangeRequest(secret=secret))
        return answer.token

    async def signed_in(self, realm: Realm, name: str) -> str:
        """A short token of somebody who signed in with a browser."""
        return await self.exchange((await self.session(realm, name)).secret)

    async def session(self, realm: Realm, name: str, tenant: str = "", acr: str = LEVEL) -> pb.OpenSessionResponse:
        tokens = await sign_in(realm.console(), name, realm.password(name), acr=acr)
        request = pb.OpenSessionRequest(access_token=tokens["access_token"], tenant=tenant)
        return await call(self.exchange_.OpenSession, request)


@pytest.fixture(scope="module")
async def auth(backing: dict[str, Any], realm: Realm) -> AsyncIterator[Auth]:
    database = f"itsm_auth_test_{secrets.token_hex(3)}"
    uri = backing["mongo"]["root_uri"].replace("/?", f"/{database}?")
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        installation="test",
        mongo_uri=uri,
        oidc_issuer=realm.issuer,
        client_id="itsm-auth",
        client_secret=realm.secret("itsm-auth"),
        page_token_key="k" * 32,
        directory_seconds=0.5,
        drain_seconds=0,
    )
    service = build(settings)
    async with (
        running(service),
        httpx.AsyncClient(trust_env=False) as http,
        grpc.aio.insecure_channel(service.address) as channel,
    ):
        keys = Keys(f"http://{service.management_address}/jwks.json", http)
        service_keys = Issuer(name=own_issuer("test"), keys=keys)
        verifier = Verifier(keycloak=Issuer(name=realm.issuer, keys=Keys(realm.certs, http)), own=service_keys)
        yield Auth(service, settings, channel, verifier)
    async with AsyncMongoClient(uri) as client:
        await client.drop_database(database)


async def settled(check: Callable[[], Awaitable[Any]]) -> Any:
    """What `check` returns as soon as it raises nothing more: the mirror needs a moment."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await check()
            except (AssertionError, Error, pytest.fail.Exception):
                await asyncio.sleep(0.1)


async def user_id(auth: Auth, token: str, name: str) -> str:
    async def found() -> str:
        answer = await call(auth.users.ListUsers, pb.ListUsersRequest(filter=f'username = "{name}"'), token=token)
        assert len(answer.users) == 1
        return str(answer.users[0].id)

    return str(await settled(found))


async def test_a_sign_in_becomes_a_session_and_a_short_token(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "agent")
    assert session.secret.startswith("its_main_")
    principal = await auth.verifier.verify(await auth.exchange(session.secret))
    assert (principal.tenant, principal.roles, principal.kind) == ("main", frozenset({"agent"}), "user")
    assert principal.subject == session.subject
    assert principal.auth_time > 0
    assert principal.acr


async def test_a_member_of_two_tenants_works_in_the_one_that_was_chosen(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "both", tenant="acme")
    principal = await auth.verifier.verify(await auth.exchange(session.secret))
    assert (principal.tenant, principal.roles) == ("acme", frozenset())
    with pytest.raises(Denied):
        await auth.session(realm, "both", tenant="elsewhere")


async def test_a_machine_opens_no_session(auth: Auth, realm: Realm) -> None:
    client = Client(realm.issuer, "itsm-monitor", "", realm.secret("itsm-monitor"))
    token = (await redeem(client, grant_type="client_credentials"))["access_token"]
    with pytest.raises(Denied):
        await call(auth.exchange_.OpenSession, pb.OpenSessionRequest(access_token=token, tenant="main"))


@pytest.mark.parametrize("before", ["", "x", "its_main_", "its_other_", "itp__", "zzz_main_", "its_main_é", "its_main_\0"])
async def test_an_unknown_secret_gets_nothing(auth: Auth, before: str) -> None:
    for after in ("0" * 64, "f" * 63, ""):
        with pytest.raises((Unauthenticated, Invalid)):
            await auth.exchange(before + after)


async def test_the_sessions_secret_of_one_tenant_is_no_secret_of_another(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "agent")
    with pytest.raises(Unauthenticated):
        await auth.exchange(session.secret.replace("its_main_", "its_acme_"))


async def test_signing_out_ends_the_session_at_once(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "viewer")
    await auth.exchange(session.secret)
    await call(auth.exchange_.CloseSession, pb.CloseSessionRequest(secret=session.secret))
    with pytest.raises(Unauthenticated):
        await auth.exchange(session.secret)


async def test_a_personal_token_acts_for_its_owner_and_shows_its_secret_once(auth: Auth, realm: Realm) -> None:
    short = await auth.signed_in(realm, "agent")
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="script")), token=short)
    assert made.secret.startswith("itp_main_")
    principal = await auth.verifier.verify(await auth.exchange(made.secret))
    assert principal.roles == frozenset({"agent"})
    assert principal.auth_time == 0
    seen = await call(auth.tokens.GetToken, pb.GetTokenRequest(id=made.token.id), token=short)
    assert made.secret not in str(seen)
    assert seen.name == "script"


async def test_a_revoked_token_is_worth_nothing(auth: Auth, realm: Realm) -> None:
    short = await auth.signed_in(realm, "agent")
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="gone")), token=short)
    await call(auth.tokens.RevokeToken, pb.RevokeTokenRequest(id=made.token.id), token=short)
    with pytest.raises(Unauthenticated):
        await auth.exchange(made.secret)
    with pytest.raises(ForbiddenMove):
        await call(auth.tokens.RevokeToken, pb.RevokeTokenRequest(id=made.token.id), token=short)


async def test_nobody_sees_or_ends_the_tokens_of_others_but_an_administrator(auth: Auth, realm: Realm) -> None:
    short, other = await auth.signed_in(realm, "agent"), await auth.signed_in(realm, "viewer")
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="mine")), token=short)
    for method, request in (
        (auth.tokens.GetToken, pb.GetTokenRequest(id=made.token.id)),
        (auth.tokens.RevokeToken, pb.RevokeTokenRequest(id=made.token.id)),
    ):
        with pytest.raises(NotFound):
            await call(method, request, token=other)
    listed = await call(auth.tokens.ListTokens, pb.ListTokensRequest(), token=other)
    assert made.token.id not in {token.id for token in listed.tokens}
    admin = await auth.signed_in(realm, "admin")
    assert (await call(auth.tokens.RevokeToken, pb.RevokeTokenRequest(id=made.token.id), token=admin)).HasField("revoke_time")


async def test_a_token_may_do_less_than_its_owner_and_never_more(auth: Auth, realm: Realm) -> None:
    short = await auth.signed_in(realm, "agent")
    token = pb.Token(name="reads", permissions=["incidents.get", "tokens.create"])
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=token), token=short)
    limited = await auth.exchange(made.secret)
    assert (await auth.verifier.verify(limited)).limits == {"incidents.get", "tokens.create"}
    with pytest.raises(Denied):
        await call(auth.tokens.ListTokens, pb.ListTokensRequest(), token=limited)
    for wider in (
        pb.Token(name="all"),
        pb.Token(name="more", permissions=["incidents.close"]),
        pb.Token(name="r", roles=["agent"]),
    ):
        with pytest.raises(Denied):
            await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=wider), token=limited)
    for above in (pb.Token(name="a", roles=["admin"]), pb.Token(name="b", permissions=["roles.grant"])):
        with pytest.raises(Denied):
            await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=above), token=short)


async def test_keys_of_integrations_are_for_those_who_may_issue_them(auth: Auth, realm: Realm) -> None:
    key = pb.Token(name="prometheus", kind=pb.Token.INTEGRATION, roles=["monitor-manager"])
    manager = await auth.signed_in(realm, "monitor-manager")
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=key), token=manager)
    principal = await auth.verifier.verify(await auth.exchange(made.secret))
    assert (principal.kind, principal.subject, principal.roles) == ("service", made.token.id, frozenset({"monitor-manager"}))
    agent = await auth.signed_in(realm, "agent")
    with pytest.raises(Denied):
        await call(
            auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="k", kind=3, roles=["agent"])), token=agent
        )
    with pytest.raises(Denied):
        await call(
            auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="k")), token=await auth.exchange(made.secret)
        )


async def test_a_disabled_person_and_that_persons_tokens_get_nothing(auth: Auth, realm: Realm) -> None:
    short = await auth.signed_in(realm, "change-manager")
    made = await call(auth.tokens.CreateToken, pb.CreateTokenRequest(token=pb.Token(name="later")), token=short)
    subject = await user_id(auth, short, "change-manager")
    await realm.admin.a_update_user(subject, {"enabled": False})

    async def refused() -> None:
        with pytest.raises(Unauthenticated):
            await auth.exchange(made.secret)

    await settled(refused)
    user = await realm.admin.a_get_user(subject)
    await realm.admin.a_update_user(subject, {**user, "enabled": True})
    await settled(lambda: auth.exchange(made.secret))


async def test_people_roles_and_the_tenant_are_seen_within_the_tenant(auth: Auth, realm: Realm) -> None:
    short = await auth.signed_in(realm, "agent")
    subject = await user_id(auth, short, "agent")
    user = await call(auth.users.GetUser, pb.GetUserRequest(id=subject), token=short)
    assert (user.id, list(user.roles), user.enabled) == (subject, ["agent"], True)
    assert user.email == "agent@demo.example"
    me = await call(auth.users.WhoAmI, pb.WhoAmIRequest(), token=short)
    assert (me.subject, me.tenant, list(me.roles)) == (subject, "main", ["agent"])
    assert "incidents.resolve" in me.permissions
    roles = await call(auth.users.ListRoles, pb.ListRolesRequest(), token=short)
    assert len(roles.roles) == 11
    tenants = await call(auth.users.ListTenants, pb.ListTenantsRequest(), token=short)
    assert [tenant.id for tenant in tenants.tenants] == ["main"]
    with pytest.raises(NotFound):
        await call(auth.users.GetTenant, pb.GetTenantRequest(id="acme"), token=short)


async def test_a_granted_role_counts_with_the_next_short_token_and_ends_with_the_grant(auth: Auth, realm: Realm) -> None:
    session, admin = await auth.session(realm, "both", tenant="main"), await auth.signed_in(realm, "admin")
    subject = session.subject
    assert "analyst" not in (await auth.verifier.verify(await auth.exchange(session.secret))).roles
    await call(auth.users.GrantRole, pb.GrantRoleRequest(id=subject, role="analyst"), token=admin)
    assert "analyst" in (await auth.verifier.verify(await auth.exchange(session.secret))).roles
    other = await auth.session(realm, "both", tenant="acme")
    assert (await auth.verifier.verify(await auth.exchange(other.secret))).roles == frozenset()
    await call(auth.users.RevokeRole, pb.RevokeRoleRequest(id=subject, role="analyst"), token=admin)
    assert "analyst" not in (await auth.verifier.verify(await auth.exchange(session.secret))).roles


async def test_what_is_sensitive_needs_a_sign_in_of_the_second_level(auth: Auth, realm: Realm) -> None:
    weak = await auth.exchange((await auth.session(realm, "admin", acr="")).secret)
    grant = pb.GrantRoleRequest(id=await user_id(auth, weak, "viewer"), role="analyst")
    with pytest.raises(Unauthenticated) as refused:
        await call(auth.users.GrantRole, grant, token=weak)
    assert refused.value.facts == {"acr_values": LEVEL, "max_age": "900"}
    assert await call(auth.users.GrantRole, grant, token=await auth.signed_in(realm, "admin"))


async def test_roles_are_not_given_beyond_ones_own_nor_to_oneself(auth: Auth, realm: Realm) -> None:
    admin, agent = await auth.signed_in(realm, "admin"), await auth.signed_in(realm, "agent")
    subject = await user_id(auth, admin, "viewer")
    myself = await user_id(auth, admin, "admin")
    refusals: list[tuple[str, pb.GrantRoleRequest, type[Error]]] = [
        (admin, pb.GrantRoleRequest(id=subject, role="operator"), Denied),
        (admin, pb.GrantRoleRequest(id=myself, role="auditor"), Denied),
        (agent, pb.GrantRoleRequest(id=subject, role="viewer"), Denied),
        (admin, pb.GrantRoleRequest(id=subject, role="service:incident"), Invalid),
        (admin, pb.GrantRoleRequest(id=subject, role="root"), Invalid),
        (admin, pb.GrantRoleRequest(id="nobody", role="agent"), NotFound),
    ]
    for token, request, kind in refusals:
        with pytest.raises(kind):
            await call(auth.users.GrantRole, request, token=token)


async def test_the_realm_ends_sessions_with_a_logout_token_and_with_nothing_else(auth: Auth, realm: Realm) -> None:
    tokens = await sign_in(realm.console(), "auditor", realm.password("auditor"))
    session = await call(auth.exchange_.OpenSession, pb.OpenSessionRequest(access_token=tokens["access_token"]))
    for wrong in (tokens["access_token"], tokens["id_token"], tokens["refresh_token"], "x", "a.b.c"):
        with pytest.raises(Unauthenticated):
            await call(auth.exchange_.EndSessions, pb.EndSessionsRequest(logout_token=wrong))
    assert await auth.exchange(session.secret)


async def test_a_group_makes_the_first_administrator_of_a_tenant_and_teams_stay_in_theirs(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "acme-admin")

    async def administrator() -> str:
        token = await auth.exchange(session.secret)
        principal = await auth.verifier.verify(token)
        assert (principal.tenant, principal.roles) == ("acme", frozenset({"admin"}))
        return token

    token = str(await settled(administrator))
    both = await user_id(auth, token, "both")
    await call(auth.users.GrantRole, pb.GrantRoleRequest(id=both, role="agent"), token=token)
    teams = await call(auth.users.ListTeams, pb.ListTeamsRequest(), token=token)
    assert [team.name for team in teams.teams] == ["service-desk"]
    assert list(teams.teams[0].member_ids) == [session.subject]
    people = await call(auth.users.ListUsers, pb.ListUsersRequest(), token=token)
    assert {user.username for user in people.users} == {"both", "acme-admin"}
    for method, request in (
        (auth.users.GetUser, pb.GetUserRequest(id=await user_id(auth, await auth.signed_in(realm, "viewer"), "agent"))),
        (auth.users.GrantRole, pb.GrantRoleRequest(id="nobody", role="agent")),
    ):
        with pytest.raises(NotFound):
            await call(method, request, token=token)


@asynccontextmanager
async def told_of_logouts(port: int) -> AsyncIterator[asyncio.Queue[str]]:
    """Where the realm sends its logout tokens, as the gateway would listen."""
    tokens: asyncio.Queue[str] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        tokens.put_nowait(form["logout_token"][0])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield tokens


async def test_a_sign_out_in_the_realm_ends_that_session_and_no_other(auth: Auth, realm: Realm) -> None:
    first, second = await auth.session(realm, "incident-manager"), await auth.session(realm, "incident-manager")
    sessions = await realm.admin.a_get_sessions(first.subject)
    async with told_of_logouts(realm.logout_port) as tokens:
        await realm.admin.a_user_logout(first.subject)
        async with asyncio.timeout(60):
            told = [await tokens.get() for _ in sessions]
    ended = await call(auth.exchange_.EndSessions, pb.EndSessionsRequest(logout_token=told[0]))
    assert ended.ended == 1
    outcomes = await asyncio.gather(auth.exchange(first.secret), auth.exchange(second.secret), return_exceptions=True)
    assert sorted(isinstance(outcome, Unauthenticated) for outcome in outcomes) == [False, True]
    for token in told[1:]:
        await call(auth.exchange_.EndSessions, pb.EndSessionsRequest(logout_token=token))
    for session in (first, second):
        with pytest.raises(Unauthenticated):
            await auth.exchange(session.secret)
    again = await call(auth.exchange_.EndSessions, pb.EndSessionsRequest(logout_token=told[0]))
    assert again.ended == 0


async def test_the_policy_is_told_to_everybody(auth: Auth) -> None:
    policy = await call(auth.policy.GetPolicy, pb.GetPolicyRequest())
    roles = {role.role: role for role in policy.roles}
    assert "incidents.resolve" in roles["agent"].permissions
    scopes = {scope.resource: json.loads(scope.filter) for scope in roles["requester"].scopes}
    assert scopes["incidents"] == {"requester_id": "$subject"}


async def test_tokens_for_the_local_stack_work_and_are_kept(auth: Auth, realm: Realm, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    await issue_tokens(auth.settings, realm.admin, "main", ["agent", "admin", "nobody"], file)
    first = json.loads(file.read_text())
    assert first.keys() == {"agent", "admin"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await auth.verifier.verify(await auth.exchange(first["admin"]))).roles == frozenset({"admin"})
    await issue_tokens(auth.settings, realm.admin, "main", ["agent", "admin"], file)
    assert json.loads(file.read_text()) == first


async def test_many_exchanges_at_once_are_all_answered(auth: Auth, realm: Realm) -> None:
    session = await auth.session(realm, "analyst")
    tokens = await asyncio.gather(*(auth.exchange(session.secret) for _ in range(50)))
    assert len(set(tokens)) == 50


async def test_tokens_that_were_made_beforehand_are_made_to_work_once(auth: Auth, realm: Realm) -> None:
    given = {"agent": Secret.new(Kind.PERSONAL, "main").text, "nobody": Secret.new(Kind.PERSONAL, "main").text}
    for _ in range(2):
        await register_tokens(auth.settings, realm.admin, "main", given)
    assert (await auth.verifier.verify(await auth.exchange(given["agent"]))).roles == frozenset({"agent"})
    with pytest.raises(Unauthenticated):
        await auth.exchange(given["nobody"])
