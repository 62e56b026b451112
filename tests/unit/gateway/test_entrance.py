"""Who is let in before anything behind the gateway is asked."""

from typing import Any

import httpx
import pytest

from chassis.auth import Issuer, Keys, Policy, Verifier
from chassis.guard import Guard
from chassis.testing import MemoryBackend
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.rates import Rates
from services.gateway.rest.routes import declared
from services.gateway.rest.transcode import Transcoder
from tests.support.issuers import KEYCLOAK, OWN, FakeIssuer, person

INCIDENTS = "/api/v1/incidents"
BATCH = {"operations": [{"method": "POST", "path": f"inc_{n}:close"} for n in range(50)]}


async def _policy() -> Policy:
    return Policy(1, {})


@pytest.mark.parametrize("rates", [Rates(), Rates(principal=1000)])
async def test_many_operations_of_nobody_reach_no_service(rates: Rates) -> None:
    keycloak, asked = FakeIssuer(KEYCLOAK), [0]

    async def call(_service: str, rpc: Any, *_: Any, **__: Any) -> Any:
        asked[0] += 1
        return rpc.response()

    async def credentials(scope: Any, _route: Any) -> list[tuple[str, str]]:
        return [("authorization", dict(scope["headers"])[b"authorization"].decode())]

    own = Issuer(name=OWN, keys=Keys("https://auth.example/jwks.json", FakeIssuer(OWN, "Ed25519").client()))
    verifier = Verifier(Issuer(name=KEYCLOAK, keys=Keys("https://sign-in.example/certs", keycloak.client())), own)
    entrance = Entrance(rates, guard=Guard(verifier, _policy, MemoryBackend()))
    transport = httpx.ASGITransport(Transcoder(declared(), call, credentials, entrance=entrance))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:

        async def statuses(token: str) -> list[int]:
            client.headers["authorization"] = f"Bearer {token}"
            many = await client.get(f"{INCIDENTS}:batchGet", params={"ids": ",".join(f"inc_{n}" for n in range(50))})
            batch = await client.post(f"{INCIDENTS}:batch", json=BATCH, headers={"idempotency-key": "k-1"})
            return [many.status_code, batch.status_code]

        for token in ("a.b.c", FakeIssuer(KEYCLOAK).sign(person())):
            assert (await statuses(token), asked[0]) == ([401, 401], 0)
        assert (await statuses(keycloak.sign(person())), asked[0]) == ([200, 207], 100)


async def test_where_keys_are_wanted_nothing_is_made_without_one() -> None:
    asked: list[str] = []

    async def call(_service: str, rpc: Any, *_: Any, **__: Any) -> Any:
        asked.append(rpc.path)
        return rpc.response()

    async def credentials(_scope: Any, _route: Any) -> list[tuple[str, str]]:
        return []

    async def statuses(*, keyed: bool) -> list[int]:
        transport = httpx.ASGITransport(Transcoder(declared(), call, credentials, entrance=Entrance(keyed=keyed)))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            made = [
                await client.post(INCIDENTS, json={"title": "a"}),
                await client.post(INCIDENTS, json={"title": "a"}, headers={"idempotency-key": "k-1"}),
                await client.post(f"{INCIDENTS}?dryRun=true", json={"title": "a"}),
                await client.post(f"{INCIDENTS}/inc_1:close", json={}),
            ]
            if keyed:
                assert made[0].json()["reason"] == "IDEMPOTENCY_KEY_REQUIRED"
            return [answer.status_code for answer in made]

    assert (await statuses(keyed=False), len(asked)) == ([201, 201, 200, 200], 4)
    assert (await statuses(keyed=True), len(asked)) == ([400, 201, 200, 200], 7)
