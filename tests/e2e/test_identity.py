"""Who is believed, for how long and where from: keys that change, an issuer that is away, sessions that end elsewhere."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from itsm.incident import v1 as incident_pb
from keycloak import KeycloakAdmin

from services.auth.domain.realm_event import RealmEvent
from tests.e2e.test_sign_in import Visitor
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.gateways import gateway
from tests.support.issuers import FakeIssuer, person
from tests.support.platform import Breakable
from tests.support.prefixed import Prefixed, prefixed
from tests.support.rpcs import rpcs

CERTS = "/realms/itsm/protocol/openid-connect/certs"
FLOOD = 240
LIST = next(rpc for rpc in rpcs() if rpc.name == "incident.v1.IncidentService/ListIncidents")


@pytest.fixture(scope="module")
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    callers = Callers(stack)
    yield callers
    await callers.close()


@pytest.fixture(scope="module")
def realm(stack: dict[str, Any]) -> KeycloakAdmin:
    """The realm as its administrator sees it."""
    login = stack["backing"]["keycloak"]["admin"]
    return KeycloakAdmin(
        server_url=stack["keycloak"],
        username=login["username"],
        password=login["password"],
        realm_name="itsm",
        user_realm_name="master",
    )


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
async def elsewhere(stack: dict[str, Any]) -> AsyncIterator[tuple[str, Prefixed]]:
    """A gateway that reaches the realm at another address than its issuer's: on another port, below `/auth`."""
    async with prefixed(stack["keycloak"], "/auth") as inside:
        internal = {"ITSM_OIDC_INTERNAL_URL": f"{inside.url}/realms/itsm", "ITSM_RATE_PRINCIPAL": "100000"}
        async with gateway(stack["backing"], **internal) as url:
            yield url, inside


async def called(url: str, token: str, http: httpx.AsyncClient) -> int:
    """How a gateway answers to a token."""
    headers = {"authorization": f"Bearer {token}"}
    return (await http.get(f"{url}/api/v1/incidents?pageSize=1", headers=headers)).status_code


def forged(issuer: str, kid: str, signer: FakeIssuer) -> str:
    return signer.sign(person(iss=issuer), kid=kid)


async def refreshes(management: str) -> float:
    """How often a process has fetched keys, of any issuer."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{management}/metrics", headers={"connection": "close"})).text
    return sum(float(value) for value in re.findall(r"^itsm_jwks_refresh_total\{[^}]*\} ([0-9.e+]+)$", text, re.MULTILINE))


async def test_the_realm_may_be_reached_at_another_address_than_its_issuers(
    elsewhere: tuple[str, Prefixed], stack: dict[str, Any], callers: Callers, http: httpx.AsyncClient
) -> None:
    url, inside = elsewhere
    token = (await callers.keycloak("agent"))["access_token"]
    assert await called(url, token, http) == 200
    assert inside.asked[CERTS] >= 1, "keys come from the inner address"
    async with Visitor({**stack, "gateway": url}) as visitor:
        begun = await visitor.request("GET", "/auth/login")
        assert begun.headers["location"].startswith(stack["keycloak"]), "browsers go to the outer one"
        visitor.cookies.clear()
        back = urlsplit(await visitor.go_to_keycloak("agent"))
        answer = await visitor.request("GET", f"{back.path}?{back.query}")
        assert answer.status_code == 303, answer.text
        assert await visitor.signed_in()
    assert inside.asked["/realms/itsm/protocol/openid-connect/token"] >= 1


async def test_keys_that_change_lock_nobody_out_and_strange_ones_cost_one_look(
    elsewhere: tuple[str, Prefixed], stack: dict[str, Any], callers: Callers, realm: KeycloakAdmin, http: httpx.AsyncClient
) -> None:
    url, inside = elsewhere
    old = (await callers.keycloak("agent"))["access_token"]
    assert await called(url, old, http) == 200
    details = await realm.a_get_realm("itsm")
    config = {"priority": [str(int(time.time()))], "algorithm": ["RS256"], "keySize": ["2048"]}
    await realm.a_create_component(
        {
            "name": "rotated",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": details["id"],
            "config": config,
        }
    )
    fresh = (await callers.keycloak("agent"))["access_token"]
    assert fresh.split(".")[0] != old.split(".")[0], "signed with the new key"
    request = incident_pb.ListIncidentsRequest(page_size=1)
    for token in (fresh, old):
        assert await called(url, token, http) == 200
        assert await called(stack["gateway"], token, http) == 200
        assert (await callers.call(LIST, request, token, "main")).code is grpc.StatusCode.OK

    issuer = stack["backing"]["service_environment"]["incident"]["ITSM_OIDC_ISSUER"]
    signer, management = FakeIssuer(issuer), stack["services"]["incident"]["management"]
    asked, fetched, began = inside.asked[CERTS], await refreshes(management), time.monotonic()
    limit = asyncio.Semaphore(16)

    async def knock(number: int) -> tuple[str, Any]:
        async with limit:
            if number % 10 == 0:
                return "valid", await called(url, fresh if number % 20 else old, http)
            token = forged(issuer, f"kid-{number}", signer)
            if number % 2:
                return "strange", await called(url, token, http)
            return "inside", (await callers.call(LIST, request, token, "main")).code

    answers = await asyncio.gather(*(knock(number) for number in range(FLOOD)))
    took = time.monotonic() - began
    assert {answer for kind, answer in answers if kind == "valid"} == {200}
    assert {answer for kind, answer in answers if kind == "strange"} == {401}
    assert {answer for kind, answer in answers if kind == "inside"} == {grpc.StatusCode.UNAUTHENTICATED}
    # One look for strange keys each 30 s, and the regular one each 45 s, whoever asks.
    regular, strange = took / 45 + 1, took / 30 + 1
    assert inside.asked[CERTS] - asked <= regular + strange
    assert await refreshes(management) - fetched <= 2 * regular + strange, "the process behind it, of both issuers"


async def test_of_two_sessions_the_one_that_ended_elsewhere_is_over_and_without_its_name_all_are(
    stack: dict[str, Any], realm: KeycloakAdmin
) -> None:
    console = await realm.a_get_client_id("itsm-console")
    client = await realm.a_get_client(console)
    subject = str(await realm.a_get_user_id("auditor"))
    async with Visitor(stack) as first, Visitor(stack) as second, Visitor(stack) as third, Visitor(stack) as bystander:
        await bystander.come_in("viewer")
        await first.come_in("auditor")
        before = {each["id"] for each in await realm.a_get_sessions(subject)}
        await second.come_in("auditor")
        (own,) = {each["id"] for each in await realm.a_get_sessions(subject)} - before
        await _ended(realm, own)
        await _over(second)
        assert await first.signed_in(), "another session of the same person"
        try:
            without = client["attributes"] | {"backchannel.logout.session.required": "false"}
            await realm.a_update_client(console, client | {"attributes": without})
            before = {each["id"] for each in await realm.a_get_sessions(subject)}
            await third.come_in("auditor")
            (own,) = {each["id"] for each in await realm.a_get_sessions(subject)} - before
            await _ended(realm, own)
            await _over(third)
            await _over(first)
        finally:
            await realm.a_update_client(console, client)
        assert await bystander.signed_in(), "another person"


async def _ended(realm: KeycloakAdmin, session: str) -> None:
    answer = await realm.connection.a_raw_delete(f"admin/realms/itsm/sessions/{session}")
    assert answer.status_code == httpx.codes.NO_CONTENT, answer.text


async def _over(visitor: Visitor) -> None:
    async with asyncio.timeout(60):
        while await visitor.signed_in():  # noqa: ASYNC110 - Keycloak tells of it in its own time
            await asyncio.sleep(0.05)


async def test_what_happens_in_the_realm_is_told_once_over_a_restart_of_auth(
    breakable: Breakable, callers: Callers, stack: dict[str, Any], realm: KeycloakAdmin
) -> None:
    subject = str(await realm.a_get_user_id("analyst"))
    began = int(time.time() * 1000) - 1
    await callers.keycloak("analyst")
    breakable.stack.process("auth").kill()
    await callers.keycloak("analyst")  # while nobody listens
    group = await realm.a_create_group({"name": f"told-{began}"})
    await breakable.stack.restart("auth")
    await callers.keycloak("analyst")
    await realm.a_delete_group(group)
    query = {"dateFrom": str(began), "max": 500}
    people = [each for each in await realm.a_get_events(query) if each.get("userId") == subject]
    changes = [each for each in await realm.a_get_admin_events(query) if each["resourcePath"] == f"groups/{group}"]
    assert len([each for each in people if each["type"] == "LOGIN"]) == 3
    assert {each["operationType"] for each in changes} == {"CREATE", "DELETE"}
    wanted = {f"realmEvents/{RealmEvent.of('user', each).id}" for each in people}
    wanted |= {f"realmEvents/{RealmEvent.of('admin', each).id}" for each in changes}
    async with Gateway(stack["gateway"], stack["users"]["auditor"]["token"]) as auditor:
        told = 'action = "itsm.auth.v1.RealmEventMirrored"'
        async with asyncio.timeout(90):
            while True:
                rows = [each["subject"] async for each in auditor.pages("auditEntries", "auditEntries", filter=told)]
                if wanted <= set(rows):
                    break
                await asyncio.sleep(0.5)
    assert len(rows) == len(set(rows)), "each once"
