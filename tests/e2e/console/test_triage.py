"""A morning at the queue without a mouse: find, look, take, work, write, solve."""

import re
from contextlib import suppress
from uuid import uuid4

from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

NO_MOUSE = "window.presses = 0; addEventListener('pointerdown', () => { window.presses += 1 }, true)"


async def reported(agent: Gateway, count: int) -> tuple[str, list[dict[str, object]]]:
    """Incidents with a word that no other test uses."""
    word = f"w{uuid4().hex[:10]}"
    made = [await agent.post("incidents", {"title": f"{word} disk {number} is full"}) for number in range(count)]
    return word, list(reversed(made))


async def test_an_incident_is_taken_and_solved_by_keyboard_alone(enter: Enter, agent: Gateway) -> None:
    word, made = await reported(agent, 3)
    wanted = made[1]
    me = await enter("agent")
    page = me.page
    await page.add_init_script(NO_MOUSE)
    await me.open(f"/incidents?text={word}")
    rows = page.get_by_role("row").filter(has_text=word)
    await expect(rows).to_have_count(3)
    await me.press("j", "j", "Enter")
    peek = page.get_by_role("complementary", name=str(wanted["number"]))
    await expect(peek).to_be_visible()
    await expect(page).to_have_url(re.compile(f"peek={wanted['id']}"))
    await me.check()

    await me.press("a")
    await expect(page.get_by_role("dialog").get_by_label("Team")).to_be_focused()
    await page.keyboard.type("Storage")
    await me.check()
    await me.press("Enter")
    await expect(page.get_by_role("button", name="Remove Storage")).to_be_visible()
    await me.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(peek.get_by_text("Assigned", exact=True).first).to_be_visible()
    await expect(peek.get_by_text("Storage", exact=True).first).to_be_visible()

    await me.press("s")
    await expect(peek.get_by_text("In progress", exact=True).first).to_be_visible()

    await me.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=str(wanted["title"]))).to_be_visible()
    composer = page.get_by_label("Note", exact=True)
    await me.press("n")
    await expect(composer).to_be_focused()
    await page.keyboard.type("The old logs were never rotated.")
    await page.reload()
    await expect(composer).to_have_value("The old logs were never rotated.")
    await me.press("n")
    await me.press("Control+Enter")
    await expect(page.get_by_role("list", name="Timeline").get_by_text("The old logs were never rotated.")).to_be_visible()
    await expect(composer).to_have_value("")
    await me.press("Escape", "e")
    await expect(page.get_by_role("dialog").get_by_label("Resolution")).to_be_focused()
    await page.keyboard.type("Logs are rotated daily now.")
    await me.press("Tab", "Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_text("Resolved", exact=True).first).to_be_visible()
    await me.check()

    assert await page.evaluate("window.presses") == 0
    record = await agent.get(f"incidents/{wanted['id']}")
    assert (record["state"], record["teamId"], record["resolutionCode"]) == ("RESOLVED", "Storage", "repaired")
    assert record["resolution"] == "Logs are rotated daily now."
    notes = (await agent.get(f"incidents/{wanted['id']}/notes"))["notes"]
    assert [note["text"] for note in notes] == ["The old logs were never rotated."], "sent once"
    untouched = [await agent.get(f"incidents/{each['id']}") for each in (made[0], made[2])]
    assert {each["state"] for each in untouched} == {"NEW"}


async def test_what_is_done_with_a_selection_is_done_with_all_of_it_and_nothing_else(enter: Enter, agent: Gateway) -> None:
    word, made = await reported(agent, 4)
    me = await enter("agent")
    page = me.page
    await me.open(f"/incidents?text={word}")
    await expect(page.get_by_role("row").filter(has_text=word)).to_have_count(4)
    await me.press("j", "x", "j", "j", "Shift+X")
    await expect(page.get_by_role("toolbar", name="3 selected")).to_be_visible()
    await me.check()
    await me.press("s")
    await expect(page.get_by_text("3 incidents are in progress")).to_be_visible()
    states = [(await agent.get(f"incidents/{each['id']}"))["state"] for each in made]
    assert states == ["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "NEW"]


async def test_the_palette_finds_records_and_the_sheet_tells_every_key(enter: Enter, agent: Gateway) -> None:
    _, (incident,) = await reported(agent, 1)
    me = await enter("agent")
    page = me.page
    await me.open("/incidents")
    await me.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(sheet.get_by_text("Next row")).to_be_visible()
    await me.check()
    await me.press("Escape")
    await expect(sheet).to_be_hidden()
    await me.press("Control+k")
    await expect(page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await page.keyboard.type(str(incident["number"]))
    await expect(page.get_by_role("option").filter(has_text=str(incident["title"]))).to_be_visible()
    await me.check()
    await me.press("Enter")
    await expect(page).to_have_url(re.compile(f"/incidents/{incident['number']}$"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
    heading = page.get_by_role("heading", level=1, name="Dashboards")
    for _ in range(5):  # two keys make a step only when the second follows soon, which a busy machine may prevent
        await me.press("g", "d")
        with suppress(AssertionError):
            await expect(heading).to_be_visible(timeout=5_000)
            break
    await expect(heading).to_be_visible()
    await me.check()


async def test_a_refusal_is_shown_with_the_names_it_is_found_by(enter: Enter) -> None:
    me = await enter("viewer")
    await me.page.goto(f"{me.url}/incidents/INC9999999")
    alert = me.page.get_by_role("alert")
    await expect(alert.get_by_text("There is no such thing")).to_be_visible()
    await expect(alert.get_by_text("trace")).to_be_visible()
    me.forgive("404")
    await me.check()


async def test_a_session_that_ends_costs_no_word(enter: Enter, agent: Gateway) -> None:
    _, (incident,) = await reported(agent, 1)
    me = await enter("agent")
    page = me.page
    await me.open(f"/incidents/{incident['number']}")
    composer = page.get_by_label("Note", exact=True)
    await me.press("n")
    await expect(composer).to_be_focused()
    await page.keyboard.type("Written before the session ended.")
    await me.context.clear_cookies(name="__Host-itsm")
    await me.press("Control+Enter")
    ended = page.get_by_role("dialog", name="Your session has ended")
    await expect(ended).to_be_visible()
    async with me.context.expect_page() as opening:
        await ended.get_by_role("button", name="Sign in").click()
    await opening.value  # Keycloak still knows the person, so the window comes back at once and closes
    await expect(ended).to_be_hidden()
    await expect(composer).to_have_value("Written before the session ended.")
    await composer.focus()
    await me.press("Control+Enter")
    await expect(page.get_by_role("list", name="Timeline")).to_contain_text("Written before the session ended.")
    notes = (await agent.get(f"incidents/{incident['id']}/notes"))["notes"]
    assert len(notes) == 1
    me.forgive("401")
