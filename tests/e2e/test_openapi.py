"""The OpenAPI document of the running platform: it is the committed one, and all that is answered is as it says.

In a tenant of its own: what is made up here must not silence the alerts of other tests.
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.callers import Callers
from tests.support.fuzzing import LEFT_OUT, Fuzzer
from tests.support.gateway import Gateway

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
ROLES = ("admin", "requester")


@pytest.fixture(scope="module")
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    callers = Callers(stack)
    yield callers
    await callers.close()


@pytest.fixture(scope="module")
async def document(agent: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.http.get("/api/v1/openapi.json")).raise_for_status().json()
    return found


async def test_the_served_document_is_the_committed_one(stack: dict[str, Any], document: dict[str, Any]) -> None:
    issuer = stack["backing"]["service_environment"]["gateway"]["ITSM_OIDC_ISSUER"]
    oidc = document["components"]["securitySchemes"]["oidc"]
    assert oidc["openIdConnectUrl"] == f"{issuer}/.well-known/openid-configuration"
    oidc["openIdConnectUrl"] = "/"  # each installation has its own
    assert document == orjson.loads(COMMITTED.read_bytes())


@pytest.mark.timeout(1800)
async def test_nothing_that_is_made_up_from_the_document_is_answered_otherwise_than_it_says(
    stack: dict[str, Any], document: dict[str, Any], callers: Callers, *, soak: bool
) -> None:
    tenant = f"fuzz-{uuid.uuid4().hex[:8]}"

    async def token(role: str) -> str:
        return await callers.person(role, tenant)

    counts = {"positive": 20, "negative": 10} if soak else {"positive": 2, "negative": 1}
    fuzzer = Fuzzer(document, stack["gateway"], token, **counts)
    found = await fuzzer.run(ROLES)
    named = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert named >= LEFT_OUT.keys(), "what is left out is there"
    assert not found.faults, found.told()
    assert {200, 201, 403, 404, 422} <= found.answers.keys(), "callers came far enough to be refused by each kind of rule"
    assert len(found.created) >= len([name for name in named if name.endswith("_create")]) // 2
