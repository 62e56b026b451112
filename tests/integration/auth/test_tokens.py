"""Tokens of the real Keycloak: what a sign-in brings, what the verifier makes of it, what both refuse."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from chassis.auth import Issuer, Keys, ServiceAccount, Verifier
from chassis.errors import Denied, Unauthenticated, Unavailable
from tests.integration.auth.conftest import Realm
from tests.support.signin import Client, SignInRefused, code_for, redeem, sign_in


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def verifier(realm: Realm, http: httpx.AsyncClient) -> Verifier:
    return Verifier(
        keycloak=Issuer(name=realm.issuer, keys=Keys(realm.certs, http)),
        own=Issuer(name="urn:itsm:test:auth", keys=Keys("http://127.0.0.1:1/jwks.json", http)),
        service_clients=frozenset({"itsm-monitor", "itsm-incident"}),
    )


async def test_a_person_who_signed_in_is_recognized_with_tenant_and_role(realm: Realm, verifier: Verifier) -> None:
    tokens = await sign_in(realm.console(), "agent", realm.password("agent"))
    principal = await verifier.verify(tokens["access_token"])
    assert (principal.kind, principal.tenant, principal.roles) == ("user", "main", frozenset({"agent"}))
    assert principal.session_id
    assert principal.auth_time > 0
    assert principal.acr == "urn:itsm:loa:1"


async def test_the_other_tokens_of_a_sign_in_are_no_access_tokens(realm: Realm, verifier: Verifier) -> None:
    tokens = await sign_in(realm.console(), "viewer", realm.password("viewer"))
    for name in ("id_token", "refresh_token"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(tokens[name])


async def test_a_member_of_two_tenants_must_name_one_and_brings_no_roles(realm: Realm, verifier: Verifier) -> None:
    tokens = await sign_in(realm.console(), "both", realm.password("both"))
    with pytest.raises(Denied):
        await verifier.verify(tokens["access_token"])
    principal = await verifier.verify(tokens["access_token"], "acme")
    assert (principal.tenant, principal.roles) == ("acme", frozenset())


async def test_a_member_of_two_tenants_who_asks_for_one_is_no_admin_of_the_other(realm: Realm, verifier: Verifier) -> None:
    tokens = await sign_in(realm.console(), "both", realm.password("both"), scope="openid organization:acme")
    principal = await verifier.verify(tokens["access_token"])
    assert (principal.tenant, principal.roles) == ("acme", frozenset())
    tokens = await sign_in(realm.console(), "both", realm.password("both"), scope="openid organization:main")
    assert (await verifier.verify(tokens["access_token"])).roles == frozenset({"admin"})


async def test_without_the_organization_scope_there_is_no_tenant(realm: Realm, verifier: Verifier) -> None:
    tokens = await sign_in(realm.console(), "agent", realm.password("agent"), scope="openid")
    with pytest.raises(Denied):
        await verifier.verify(tokens["access_token"], "main")


async def test_a_service_account_is_recognized_and_names_its_tenant(
    realm: Realm, verifier: Verifier, http: httpx.AsyncClient
) -> None:
    account = ServiceAccount(realm.token_url, "itsm-monitor", realm.secret("itsm-monitor"), http)
    principal = await verifier.verify(await account.token(), "acme")
    assert (principal.kind, principal.tenant, principal.roles) == ("service", "acme", frozenset({"service:monitor"}))
    with pytest.raises(Denied):
        await verifier.verify(await account.token())


async def test_a_service_account_that_is_not_listed_gets_nowhere(
    realm: Realm, verifier: Verifier, http: httpx.AsyncClient
) -> None:
    account = ServiceAccount(realm.token_url, "itsm-analytics", realm.secret("itsm-analytics"), http)
    with pytest.raises(Denied):
        await verifier.verify(await account.token(), "main")


async def test_a_wrong_secret_gets_no_token(realm: Realm, http: httpx.AsyncClient) -> None:
    with pytest.raises(Unavailable):
        await ServiceAccount(realm.token_url, "itsm-monitor", "wrong", http).token()


async def test_no_client_takes_a_password(realm: Realm) -> None:
    clients = [
        realm.console(),
        Client(realm.issuer, "itsm-cli", ""),
        Client(realm.issuer, "itsm-auth", "", realm.secret("itsm-auth")),
    ]
    for client in clients:
        with pytest.raises(SignInRefused, match="unauthorized_client"):
            await redeem(client, grant_type="password", username="agent", password=realm.password("agent"))


async def test_a_code_needs_its_verifier_and_works_once(realm: Realm) -> None:
    console, verifier = realm.console(), secrets.token_urlsafe(48)
    form = {"grant_type": "authorization_code", "redirect_uri": console.redirect_uri}
    code = await code_for(console, "agent", realm.password("agent"), verifier=verifier)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await redeem(console, code=code, code_verifier=secrets.token_urlsafe(48), **form)
    code = await code_for(console, "agent", realm.password("agent"), verifier=verifier)
    assert await redeem(console, code=code, code_verifier=verifier, **form)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await redeem(console, code=code, code_verifier=verifier, **form)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:20080/auth/callback/more",
        "http://127.0.0.1:20080/auth/callback#fragment",
        "http://127.0.0.1:20080@evil.example/auth/callback",
        "http://127.0.0.1:20080/auth%2Fcallback",
        "https://evil.example/",
    ],
)
async def test_a_redirect_to_any_other_address_is_refused(realm: Realm, address: str) -> None:
    console = realm.console()
    stranger = Client(console.issuer, console.client_id, address, console.secret)
    with pytest.raises(SignInRefused, match="status 400"):
        await code_for(stranger, "agent", realm.password("agent"), verifier=secrets.token_urlsafe(48))


async def test_a_refresh_token_works_once(realm: Realm) -> None:
    console = realm.console()
    tokens = await sign_in(console, "agent", realm.password("agent"))
    assert await redeem(console, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await redeem(console, grant_type="refresh_token", refresh_token=tokens["refresh_token"])


async def test_a_wrong_password_and_an_unknown_name_are_told_alike(realm: Realm) -> None:
    told = set()
    for name in ("auditor", "nobody-of-that-name"):
        with pytest.raises(SignInRefused) as caught:
            await sign_in(realm.console(), name, "wrong-password-1")
        told.add(str(caught.value))
    assert told == {"Invalid username or password."}


async def test_after_a_key_rotation_old_and_new_tokens_are_good(realm: Realm, http: httpx.AsyncClient) -> None:
    verifier = Verifier(
        keycloak=Issuer(name=realm.issuer, keys=Keys(realm.certs, http)),
        own=Issuer(name="urn:itsm:test:auth", keys=Keys("http://127.0.0.1:1/jwks.json", http)),
        service_clients=frozenset({"itsm-monitor"}),
    )
    client = Client(realm.issuer, "itsm-monitor", "", realm.secret("itsm-monitor"))
    old = (await redeem(client, grant_type="client_credentials"))["access_token"]
    await verifier.verify(old, "main")
    details = await realm.admin.a_get_realm(realm.name)
    await realm.admin.a_create_component(
        {
            "name": "rotated",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": details["id"],
            "config": {"priority": ["200"], "algorithm": ["RS256"], "keySize": ["2048"]},
        }
    )
    fresh = (await redeem(client, grant_type="client_credentials"))["access_token"]
    assert fresh.split(".")[0] != old.split(".")[0]
    answers = await asyncio.gather(*(verifier.verify(token, "acme") for token in (fresh, old, fresh, old)))
    assert {principal.tenant for principal in answers} == {"acme"}
