"""A service that dies is there again for everybody from the moment on in which it is ready: nobody asks in vain."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.platform import READS, Breakable

WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "auth": ("tokens", {}),
    "incident": ("incidents", {}),
    "asset": ("assets", {"class": "server"}),
    "monitor": ("checks", {"kind": "TCP", "target": "127.0.0.1:1", "enabled": False}),
}


async def dead(breakable: Breakable, keeper: Gateway, name: str) -> None:
    """Returns when a service has been away for so long that the gateway says so."""
    breakable.stack.process(name).kill()
    assert (await keeper.send("GET", READS[name])).status_code == httpx.codes.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("name", READS)
async def test_who_asks_once_after_a_death_is_answered(breakable: Breakable, keeper: Gateway, name: str) -> None:
    await dead(breakable, keeper, name)
    await breakable.stack.restart(name)
    answer = await keeper.send("GET", READS[name])
    assert answer.status_code == httpx.codes.OK, answer.text


@pytest.mark.parametrize("name", WRITES)
async def test_who_writes_once_after_a_death_has_written_once(breakable: Breakable, keeper: Gateway, name: str) -> None:
    path, body = WRITES[name]
    title = f"after a death {uuid4().hex}"
    await dead(breakable, keeper, name)
    await breakable.stack.restart(name)
    answer = await keeper.send("POST", path, body | {"title" if name == "incident" else "name": title})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    rows = [row async for row in keeper.pages(path, path) if title in (row.get("title"), row.get("name"))]
    assert len(rows) == 1
