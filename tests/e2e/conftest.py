"""What the stories of the whole stack share: callers at the gateway, the inside of the stack, short or stated durations."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether stated durations and counts are wanted (`make soak`) instead of their short forms."""
    return os.environ.get("ITSM_TEST_SOAK") == "true"


@pytest.fixture(scope="session")
async def agent(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody of the service desk, with a personal access token."""
    async with Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="session")
async def keeper(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who may make assets and checks."""
    async with Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="session")
async def auditor(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who may read the audit log."""
    async with Gateway(stack["gateway"], stack["users"]["auditor"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def aftermath(backing: dict[str, Any]) -> AsyncIterator[Aftermath]:
    """The inside of the stack."""
    inside = Aftermath(backing)
    yield inside
    await inside.close()


@pytest.fixture(scope="session")
async def machine(stack: dict[str, Any]) -> dict[str, Any]:
    """The asset that the stack's endpoint agent has made of this machine; asking for it is what has the agent started."""
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as gateway:
        for _ in range(300):
            agents = (await gateway.get("agents", filter='state = "ACTIVE"'))["agents"]
            if agents:
                found: dict[str, Any] = await gateway.get(f"assets/{agents[-1]['assetId']}")
                return found
            await asyncio.sleep(0.2)
    pytest.fail("the agent of this machine has not enrolled; its log says why")
