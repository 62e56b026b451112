"""The palette and other dialogs in the hands of somebody who does not wait for them, and while services do not answer."""

import asyncio
import json
import re
from uuid import uuid4

import pytest
from playwright.async_api import Route, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

# A machine that draws one picture in two seconds. Keys do not wait for pictures.
SLOW_PICTURES = "window.requestAnimationFrame = run => setTimeout(() => run(performance.now()), 2_000)"
PALETTE = "Search and commands"
UNAVAILABLE = {
    "type": "urn:itsm:problem:dependency",
    "title": "Something that is needed does not answer",
    "status": 503,
    "detail": "a service that this needs does not answer",
    "reason": "UNAVAILABLE",
}


async def refuse(route: Route) -> None:
    """What the gateway says while a service is away."""
    await route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(UNAVAILABLE))


@pytest.fixture
def word() -> str:
    """A word that no other test uses."""
    return f"w{uuid4().hex[:10]}"


async def test_no_key_is_lost_to_a_dialog_that_opens_or_closes(enter: Enter, agent: Gateway, word: str) -> None:
    incident = await agent.post("incidents", {"title": f"{word} disk is full"})
    me = await enter("agent")
    page = me.page
    await page.add_init_script(SLOW_PICTURES)
    await me.open("/incidents")
    await me.press("?", "Escape", "Control+k")
    await page.keyboard.type(incident["number"])
    await me.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=incident["title"])).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    # The first of these letters opens a dialog, and `s`, had the page heard it, would start work.
    await me.press("e")
    await page.keyboard.type("solved by somebody fast")
    await expect(page.get_by_role("dialog").get_by_role("textbox", name="Resolution")).to_have_value("solved by somebody fast")
    await me.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await agent.get(f"incidents/{incident['id']}"))["state"] == "NEW"
    await expect(page, "what closes a dialog does nothing else").to_have_url(re.compile(f"/incidents/{incident['number']}$"))


async def test_a_command_has_the_keyboard_after_the_palette_and_a_closed_dialog_gives_it_back(enter: Enter) -> None:
    me = await enter("agent")
    page = me.page
    await me.open("/incidents")
    opener = page.get_by_role("button", name=PALETTE)
    await opener.focus()
    await me.press("Enter")
    await expect(page.get_by_role("combobox", name=PALETTE)).to_be_focused()
    await me.press("Escape")
    await expect(opener).to_be_focused()
    await me.press("Control+k")
    await page.keyboard.type("Filter by words")
    await me.press("Enter")
    await page.keyboard.type("nothing has this title")
    await expect(page.get_by_role("searchbox", name="Filter by words or number")).to_have_value("nothing has this title")


async def test_a_late_answer_to_another_text_is_never_shown(enter: Enter, agent: Gateway, word: str) -> None:
    early, late = [await agent.post("incidents", {"title": f"{word} disk {name} is full"}) for name in ("early", "late")]
    me = await enter("agent")
    page = me.page
    held = asyncio.Event()
    answered = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        answer = await route.fetch()
        await route.fulfill(response=answer)
        answered.set()

    await page.route(re.compile(f"number.*{early['number']}"), hold)
    await me.open("/incidents")
    await me.press("Control+k")
    field = page.get_by_role("combobox", name=PALETTE)
    options = page.get_by_role("listbox", name="Results").get_by_role("option")
    async with page.expect_request(re.compile(f"number.*{early['number']}")):
        await field.fill(early["number"])
    await expect(options).to_have_text(["Searching …"])
    await field.fill(late["number"])
    await expect(options).to_have_text([f"{late['number']} {late['title']}"])
    held.set()
    await answered.wait()
    await me.check()
    await expect(options).to_have_text([f"{late['number']} {late['title']}"])
    await me.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=late["title"])).to_be_visible()


async def test_what_one_service_does_not_find_hides_nothing_of_the_others(enter: Enter, agent: Gateway, word: str) -> None:
    incident = await agent.post("incidents", {"title": f"{word} disk is full"})
    me = await enter("agent")
    page = me.page
    assets = re.compile(r"/api/v1/assets\?")
    await page.route(assets, refuse)
    await me.open("/incidents")
    await me.press("Control+k")
    await page.keyboard.type(word)
    options = page.get_by_role("listbox", name="Results").get_by_role("option")
    await expect(options).to_have_text([f"{incident['number']} {incident['title']}"])
    dialog = page.get_by_role("dialog", name=PALETTE)
    await expect(dialog.get_by_role("alert")).to_contain_text("Not everything could be searched")
    me.forgive("503")
    await me.check()
    await page.unroute(assets)
    await dialog.get_by_role("button", name="Try again").click()
    await expect(dialog.get_by_role("alert")).to_have_count(0)
    await expect(options).to_have_text([f"{incident['number']} {incident['title']}"])
