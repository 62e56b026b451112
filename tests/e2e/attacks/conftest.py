"""What the attacks share: somebody who tries them, and what must be as it was afterwards."""

from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.universal import Reader


@pytest.fixture
def unchanged(agent: Gateway) -> Reader:
    """The last incident that somebody opened through the API, with its version: refused input makes no other."""

    async def read() -> Any:
        query: dict[str, Any] = {"filter": "source = API", "orderBy": "createTime desc", "pageSize": 3, "fields": "id,etag"}
        return (await agent.get("incidents", **query))["incidents"]

    return read
