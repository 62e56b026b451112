"""Dashboards through REST: drafts, versions, who sees and changes what, all figures in one answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway
from tests.support.platform import Breakable


@pytest.fixture
async def analyst(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who looks at figures, and shows them to others."""
    async with Gateway(stack["gateway"], stack["users"]["analyst"]["token"]) as gateway:
        yield gateway


def number(name: str, word: str, **more: Any) -> dict[str, Any]:
    """A tile that counts incidents of a category."""
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    said = {"kpi": "incidents-by-state", "filter": f'category = "{word}"', "allTime": True}
    return {"id": name, "kind": "NUMBER", **said, **place, **more}


async def shown(who: Gateway, path: str) -> float:
    """The sum of the first tile."""
    first = (await who.get(f"{path}:data"))["tiles"][0]
    assert first["fault"] == "", first
    return sum(row["value"] for row in first["kpi"]["rows"])


async def test_a_dashboard_from_a_private_draft_to_what_everybody_sees_though_the_service_dies(
    breakable: Breakable, stack: dict[str, Any], analyst: Gateway, agent: Gateway
) -> None:
    word = f"c{uuid4().hex[:10]}"
    made = await analyst.post("dashboards", {"name": word, "tiles": [number("a", word)]})
    path = f"dashboards/{made['id']}"
    assert (made["edition"], made["sharing"]) == (1, "PRIVATE")
    assert (await agent.send("GET", path)).status_code == 404
    draft = await analyst.post(f"{path}:draft", {"name": word, "tiles": [number("a", word), number("b", word)]})
    over = await analyst.send("POST", f"{path}:publish", {})
    assert (over.status_code, over.json()["errors"][0]["pointer"]) == (422, "/tiles/1")
    await breakable.stack.restart("analytics")
    assert (await analyst.get(f"{path}/draft"))["etag"] == draft["etag"], "a death loses no draft"
    stale = await analyst.send("POST", f"{path}:draft", {"name": "an older tab"}, version="1")
    assert stale.status_code == 412
    await analyst.post(f"{path}:draft", {"name": word, "tiles": [number("a", word), number("b", word, x=3)]})
    published = await analyst.post(f"{path}:publish", {"note": "two"})
    assert (published["edition"], len(published["tiles"])) == (2, 2)

    assert (await agent.send("POST", f"{path}:shareWithAll", {})).status_code == 403
    await analyst.post(f"{path}:shareWithAll")
    assert (await agent.get(path))["sharing"] == "EVERYBODY"
    refused = await agent.send("POST", f"{path}:draft", {"name": "mine"})
    assert (refused.status_code, refused.json()["permission"]) == (403, "dashboards.shareWithAll")
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        assert (await requester.send("GET", f"{path}:data")).status_code == 403

    before = await analyst.send("GET", f"{path}:data")
    same = await analyst.send("GET", f"{path}:data", if_none_match=before.headers["etag"])
    assert (same.status_code, before.json()["questionCount"]) == (304, 1), "two tiles ask the same"
    for _ in range(2):
        await agent.post("incidents", {"title": word, "category": word})
    async with asyncio.timeout(60):
        while await shown(agent, path) != 2:  # noqa: ASYNC110 - events take their time
            await asyncio.sleep(0.2)
    changed = await analyst.send("GET", f"{path}:data", if_none_match=before.headers["etag"])
    assert changed.status_code == 200

    assert [each["edition"] for each in (await analyst.get(f"{path}/versions"))["versions"]] == [2, 1]
    restored = await analyst.post(f"{path}:restore", {"edition": 1})
    assert (restored["edition"], len(restored["tiles"])) == (3, 1)
    gone = await analyst.send("DELETE", path, version=restored["etag"])
    assert (gone.status_code, (await agent.send("GET", path)).status_code) == (200, 404)


async def test_every_tenant_has_two_that_nobody_changes_and_a_preview_says_what_is_wrong_with_each_tile(agent: Gateway) -> None:
    listed = [each["id"] for each in (await agent.get("dashboards", filter="builtIn = true"))["dashboards"]]
    assert listed == ["service-desk", "alerts"]
    for each in listed:
        data = await agent.get(f"dashboards/{each}:data")
        assert [tile["fault"] for tile in data["tiles"]] == [""] * len(data["tiles"])
    assert (await agent.send("PATCH", "dashboards/service-desk", {"name": "mine"}, version="1")).status_code == 409
    tiles = [number("a", "x"), {**number("b", "x"), "kpi": "mttx"}, {**number("c", "x"), "filter": "color = 1"}]
    faults = [each["fault"] for each in (await agent.post("dashboards:preview", {"tiles": tiles}))["tiles"]]
    assert (faults[0], "no such figure" in faults[1], "color" in faults[2]) == ("", True, True)
