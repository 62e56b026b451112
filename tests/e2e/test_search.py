"""The search on the running platform: what was just written is found, by whom it is for, and a lost index is made anew."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.test_knowledge import published
from tests.support.gateway import Gateway
from tests.support.platform import Breakable


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who only asks for things."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


@pytest.fixture
async def manager(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who publishes."""
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as gateway:
        yield gateway


async def found(who: Gateway, query: str, **more: Any) -> set[str]:
    """What somebody finds, as subjects."""
    hits = (await who.get("search", query=query, pageSize=50, **more))["hits"]
    return {f"{hit['kind']}/{hit['id']}" for hit in hits}


async def until(who: Gateway, query: str, wanted: set[str]) -> None:
    """Returns when somebody finds just this; events take their time."""
    seen: set[str] = set()
    for _ in range(300):
        if (answer := await who.send("GET", f"search?query={query}&pageSize=50")).status_code == 200:
            seen = {f"{hit['kind']}/{hit['id']}" for hit in answer.json()["hits"]}
            if seen == wanted:
                return
        await asyncio.sleep(0.2)
    pytest.fail(f"found {seen}, not {wanted}")


@pytest.mark.timeout(300)
async def test_everybody_finds_what_he_may_read_with_slips_and_a_lost_index_is_made_anew(
    breakable: Breakable, stack: dict[str, Any], agent: Gateway, manager: Gateway, keeper: Gateway, requester: Gateway
) -> None:
    mark = f"q{uuid4().hex[:10]}"
    mine = await requester.post("incidents", {"title": f"Printer {mark} burns", "description": "It smells of toast."})
    other = await agent.post("incidents", {"title": f"Printer {mark} is wet"})
    open_note = await agent.post(f"incidents/{mine['id']}/notes", {"text": f"Look at {mark}", "public": True})
    secret_note = await agent.post(f"incidents/{mine['id']}/notes", {"text": f"He broke {mark} himself", "public": False})
    article = await published(agent, manager, title=f"How to put out {mark}")
    internal = await published(agent, manager, title=f"What we tell people about {mark}", visibility="INTERNAL")
    draft = await agent.post("articles", {"title": f"Burning {mark}"})
    asset = await keeper.post("assets", {"name": f"printer-{mark}", "class": "server"})
    his = {f"incidents/{mine['id']}", f"notes/{open_note['id']}", f"articles/{article['id']}"}
    works = his | {f"incidents/{other['id']}", f"notes/{secret_note['id']}", f"assets/{asset['id']}"}
    works |= {f"articles/{each['id']}" for each in (internal, draft)}
    await until(agent, mark, works)
    await until(requester, mark, his)
    assert await found(requester, mark, kinds="incidents,assets") == {f"incidents/{mine['id']}"}

    best = (await requester.get("search", query=f"{mark} tosat"))["hits"][0]  # a slip, in the description
    assert (best["id"], best["number"], best["excerpt"]) == (mine["id"], mine["number"], "It smells of toast.")
    assert best["excerptMatches"] == [{"start": 13, "length": 5}]
    assert (await agent.get("search", query=mine["number"].lower()))["hits"][0]["id"] == mine["id"]
    for query, problem in (
        ("query=", 422),
        (f"query={'x' * 201}", 422),
        ("query=a&kinds=tokens", 422),
        ("query=a&pageSize=0", 422),
    ):
        answer = await agent.send("GET", f"search?{query}")
        assert answer.status_code == problem, answer.text
    async with Gateway(stack["gateway"]) as nobody:
        assert (await nobody.send("GET", f"search?query={mark}")).status_code == 401

    given = await agent.send("PATCH", f"incidents/{mine['id']}", {"requesterId": "somebody-else"}, version=mine["etag"])
    assert given.status_code == 200, given.text
    await manager.post(f"articles/{article['id']}:retire", {"reason": "It is out."})
    await until(requester, mark, set())

    process = breakable.stack.process("analytics")
    folder = Path(process.spec.environment["ITSM_SEARCH_PATH"])
    process.kill()
    for index in folder.glob("v*"):
        shutil.rmtree(index)
    await breakable.stack.restart("analytics")
    await until(agent, mark, works)
    await until(requester, mark, set())
