"""A dashboard in the hands of somebody who makes one: by pointer, keyboard and menu, through a crash, to what others see."""

import asyncio
import re
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Enter
from tests.support.console import Person
from tests.support.gateway import Gateway


def place(board: dict[str, Any], title: str) -> tuple[int, int, int, int]:
    """Where a tile lies, and how large it is."""
    (tile,) = [tile for tile in board["tiles"] if tile["title"] == title]
    return tile["x"], tile["y"], tile["w"], tile["h"]


async def dragged(page: Page, name: str, across: int, down: int) -> None:
    """A tile by the pointer, so many columns and rows."""
    grip = page.get_by_role("button", name=f"Move {name}", exact=True)
    await grip.scroll_into_view_if_needed()
    held, grid = await grip.bounding_box(), await page.locator(".board").bounding_box()
    assert held is not None
    assert grid is not None
    x, y = held["x"] + held["width"] / 2, held["y"] + held["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 10, y, steps=2)
    await page.mouse.move(x + across * grid["width"] / 12, y + down * 80, steps=4)
    await page.mouse.up()


async def kept(page: Page) -> None:
    """Returns when the server has the draft."""
    await expect(page.get_by_role("status").filter(has_text="Draft kept")).to_be_visible()


async def read(me: Person, board: str) -> dict[str, Any]:
    """The draft as the server has it."""
    found: dict[str, Any] = await me.read_back(f"dashboards/{board}/draft")
    return found


async def test_a_dashboard_is_made_moved_lost_found_published_shared_and_taken_back(enter: Enter, agent: Gateway) -> None:
    word = f"w{uuid4().hex[:10]}"
    for _ in range(3):
        await agent.post("incidents", {"title": f"{word} is slow", "category": word})
    mia = await enter("analyst")
    page = mia.page
    await mia.open("/dashboards/service-desk")
    await expect(page.get_by_role("heading", level=1, name="Service desk overview")).to_be_visible()
    await expect(page.get_by_role("region", name="Open by priority").get_by_role("link").first).to_be_visible()
    await mia.check()
    await mia.press("e")
    await expect(page.get_by_role("heading", level=1, name="Service desk overview (copy)")).to_be_visible()
    board = page.url.split("/")[-2]
    assert (await read(mia, board))["etag"] == "", "who has changed nothing has no draft"

    await page.get_by_role("button", name="Add a tile").click()
    await page.get_by_role("dialog").get_by_role("button", name="Incidents by state: Bars").click()
    panel = page.get_by_role("complementary", name=re.compile("^Configure"))
    await panel.get_by_label("Title", exact=True).fill(word)
    await panel.get_by_label("By", exact=True).select_option("category")
    await panel.get_by_label("Period", exact=True).select_option("all")
    await panel.get_by_label("Which records").fill(f'category = "{word}"')
    await expect(page.get_by_role("region", name=word).locator(".bars")).to_contain_text(word)
    await kept(page)
    await mia.check()
    await panel.get_by_role("button", name="Done").click()

    first = await read(mia, board)
    told = page.locator("[aria-live=assertive]")
    await dragged(page, "Open incidents", 3, 0)
    await expect(told).to_contain_text("Open incidents is dropped at column 4, row 1")
    grip = page.get_by_role("button", name="Move Service levels met", exact=True)
    await grip.focus()
    await mia.press("Space", "ArrowDown", "ArrowLeft")
    await expect(told).to_contain_text("Service levels met: column 9, row 2")
    await mia.press("Escape")
    await expect(told).to_contain_text("back at column 10, row 1")
    await mia.press("Enter", "Shift+ArrowDown", "Enter")
    await expect(told).to_contain_text("dropped at column 10, row 1, 3 by 3")
    await expect(grip).to_be_focused()
    await page.get_by_role("button", name="Came back: what to do").click()
    await page.get_by_role("menuitem", name="Narrower").click()
    await expect(told).to_contain_text("3 by 2")
    async with asyncio.timeout(30):  # the draft is kept a moment after the last step
        while place(draft := await read(mia, board), "Came back")[2] != 3:  # noqa: ASYNC110  (it happens on the server)
            await asyncio.sleep(0.2)
    assert place(draft, "Open incidents")[:2] == (3, 0)
    assert place(draft, "Service levels met")[2:] == (3, 3)
    assert (place(first, "Came back")[2], place(draft, "Came back")[2]) == (4, 3)
    assert len(draft["tiles"]) == len(first["tiles"]) == 16

    await page.close()  # the tab is gone, as if it had crashed
    mia.page = page = await mia.context.new_page()
    mia.watch()
    await mia.open(f"/dashboards/{board}")
    waiting = page.get_by_role("status").filter(has_text="have not published it")
    await expect(waiting).to_be_visible()
    assert len((await mia.read_back(f"dashboards/{board}"))["tiles"]) == 15, "nobody else sees a draft"
    await waiting.get_by_role("button", name="Go on with it").click()
    await expect(page.get_by_role("region", name=word)).to_be_visible()
    await page.get_by_role("button", name="Publish").click()
    await page.get_by_role("dialog").get_by_label("What is new").fill("What we look at")
    await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Version 2 is published.")).to_be_visible()
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Share").click()
    await page.get_by_label("Who sees it").select_option("EVERYBODY")
    await page.get_by_role("dialog").get_by_role("button", name="Share").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)

    ann = await enter("agent")
    await ann.open(f"/dashboards/{board}?days=7")
    await expect(ann.page.get_by_role("button", name="Make a copy")).to_be_visible()
    await expect(ann.page.get_by_role("button", name="Edit", exact=True)).to_have_count(0)
    bars = ann.page.get_by_role("region", name=word)
    await expect(bars.locator(".number")).to_have_text("3")
    await ann.live()
    await agent.post("incidents", {"title": f"{word} is slow again", "category": word})
    await expect(bars.locator(".number"), "it follows what happens").to_have_text("4")
    await bars.get_by_role("link", name=word).click()
    await expect(ann.page.get_by_role("row").filter(has_text=word)).to_have_count(4)
    behind = re.search(r"filter=([^&]+)", ann.page.url)
    assert behind is not None
    counted = await ann.read_back(f"incidents:count?filter={behind[1]}")
    assert counted["value"] == 4

    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="History").click()
    versions = page.get_by_role("list", name="History").get_by_role("listitem")
    await expect(versions).to_have_count(2)
    await expect(versions.first).to_contain_text("What we look at")
    await versions.last.get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("Version 1 is shown again, as version 3.")).to_be_visible()
    await expect(page.get_by_role("region", name=word)).to_have_count(0)
    restored = await mia.read_back(f"dashboards/{board}")
    assert (restored["edition"], restored["sharing"], len(restored["tiles"])) == (3, "EVERYBODY", 15)

    await mia.press("e")
    await expect(page.get_by_text("Nothing changed")).to_be_visible()
    await page.get_by_role("button", name="Back", exact=True).click()
    await expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible()
    assert (await read(mia, board))["etag"] == "", "who changes nothing is asked nothing, and keeps nothing"
    await mia.open("/dashboards")
    await expect(page.get_by_role("region", name="Yours").get_by_role("link")).not_to_have_count(0)
    await mia.check()
