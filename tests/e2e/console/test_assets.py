"""An asset, what it hangs on and what hangs on it: as a drawing, as a table, and as a list with its proof."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway


async def drawn(keeper: Gateway, ids: dict[str, str]) -> bool:
    """Whether the graph knows all of it."""
    for name, hits in (("host", 3), ("web-1", 2), ("web-2", 2), ("shop", 1), ("db", 2)):
        answer = await keeper.send("GET", f"assets/{ids[name]}:impact")
        if answer.status_code != httpx.codes.OK or len(answer.json()["hits"]) < hits:
            return False
    return True


@pytest.fixture
async def shop(stack: dict[str, Any]) -> dict[str, str]:
    """A shop that needs a database, which runs on one machine, and one of two web servers. Ids by name."""
    run = uuid4().hex[:6]
    async with Gateway(stack["gateway"], stack["users"]["asset-manager"]["token"]) as keeper:

        async def made(name: str, kind: str, **more: Any) -> str:
            body = {"name": f"{name} {run}", "class": kind, "state": "IN_USE", **more}
            asset: dict[str, str] = await keeper.post("assets", body)
            return asset["id"]

        ids = {
            "shop": await made(
                "shop", "business_service", criticality="CRITICAL", redundancy=[{"group": "web", "minimumCount": 1}]
            ),
            "db": await made("orders-db", "database", teamId="Databases", attributes={}),
            "host": await made("db-host", "server", location="Frankfurt"),
            "web-1": await made("web-1", "server"),
            "web-2": await made("web-2", "server"),
        }
        for provider, consumer, group in (
            ("db", "shop", ""),
            ("host", "db", ""),
            ("web-1", "shop", "web"),
            ("web-2", "shop", "web"),
        ):
            kind = "HOSTS" if provider == "host" else "USES"
            await keeper.post(
                "relations", {"providerId": ids[provider], "consumerId": ids[consumer], "kind": kind, "group": group}
            )
        # The graph hears of new assets a moment later; until then it does not know them.
        async with asyncio.timeout(60):
            while not await drawn(keeper, ids):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.2)
    return {**ids, "run": run}


async def test_the_drawing_the_table_and_the_list_tell_the_same(enter: Enter, shop: dict[str, str]) -> None:
    run = shop["run"]
    me = await enter("asset-manager")
    page = me.page
    await me.open("/assets?text=db-host")
    await page.get_by_role("row").filter(has_text=f"db-host {run}").click()
    await expect(page.get_by_role("heading", level=1, name=f"db-host {run}")).to_be_visible()
    await expect(page.get_by_text("Frankfurt")).to_be_visible()
    await me.check()

    await me.press("2")
    drawing = page.get_by_role("group", name="Relations of this asset")
    for name in ("db-host", "orders-db", "shop"):
        await expect(drawing.get_by_role("button", name=re.compile(f"^{name} {run}"))).to_be_visible()
    await me.check()
    await page.get_by_role("button", name="Show what fails with it").click()
    await expect(drawing.get_by_role("button", name=re.compile(f"^shop {run}.*down"))).to_be_visible()
    await me.check()
    await page.get_by_role("button", name="As a table").click()
    table = page.get_by_role("table", name="Relations of this asset")
    await expect(table.get_by_role("rowheader")).to_have_count(3)
    await me.check()

    await me.press("3")
    impact = page.get_by_role("table")
    told = await me.read_back(f"assets/{shop['host']}:impact")
    hits = [hit for hit in told["hits"] if not hit["root"]]
    assert [hit["assetId"] for hit in hits] == [shop["db"], shop["shop"]]
    await expect(impact.get_by_role("rowheader")).to_have_text([hit["name"] for hit in hits])
    proof = f"db-host {run} → orders-db {run} → shop {run}"
    await expect(impact.get_by_role("row").filter(has_text=proof)).to_have_count(1)
    await me.check()


async def test_a_drawing_is_walked_by_arrow_keys(enter: Enter, shop: dict[str, str]) -> None:
    run = shop["run"]
    me = await enter("asset-manager")
    page = me.page
    await me.open(f"/assets/{shop['db']}?tab=graph&depth=1")
    drawing = page.get_by_role("group", name="Relations of this asset")
    await drawing.get_by_role("button", name=re.compile(f"^orders-db {run}")).focus()
    await me.press("ArrowRight")
    await expect(drawing.get_by_role("button", name=re.compile(f"^shop {run}"))).to_be_focused()
    await me.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=f"shop {run}")).to_be_visible()
    await expect(drawing.get_by_role("button", name=re.compile(f"^web-1 {run}"))).to_be_visible()


async def test_one_of_two_is_a_risk_and_no_outage(enter: Enter, shop: dict[str, str]) -> None:
    me = await enter("viewer")
    await me.open(f"/assets/{shop['web-1']}?tab=impact")
    row = me.page.get_by_role("row").filter(has_text=f"shop {shop['run']}")
    await expect(row.get_by_text("no spare left")).to_be_visible()
    await me.check()
