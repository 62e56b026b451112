"""Two people at the same work: they see each other, talk past nobody, and what is done with many can be taken back."""

from uuid import uuid4

from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

MANY = 7
WORDS = "Please install the new profile."


async def test_who_writes_at_the_same_record_is_seen_and_heard_before_one_sends(enter: Enter, agent: Gateway) -> None:
    name = f"vpn {uuid4().hex[:8]}"
    await agent.post("cannedReplies", {"name": name, "text": WORDS})
    incident = await agent.post("incidents", {"title": f"{name} does not connect"})
    ann, bob = await enter("agent"), await enter("incident-manager")
    await ann.open(f"/incidents/{incident['number']}")
    await bob.open(f"/incidents/{incident['number']}")
    await expect(ann.page.get_by_text("Incident Manager Demo is here")).to_be_attached()

    await ann.press("r")
    composer = ann.page.get_by_label("Note", exact=True)
    await expect(composer).to_be_focused()
    await expect(ann.page.get_by_role("checkbox", name="Visible to the requester")).to_be_checked()
    await ann.page.keyboard.type(f"::{name}")
    await expect(ann.page.get_by_role("option", name=name)).to_be_visible()
    await ann.press("Enter")
    await expect(composer).to_have_value(WORDS)
    await expect(bob.page.get_by_text("Agent Demo is writing").first).to_be_attached()
    await bob.press("n")
    await bob.page.keyboard.type("I am on it already.")
    await expect(ann.page.get_by_text("Incident Manager Demo is writing").first).to_be_attached()
    await bob.press("Control+Enter")
    missed = ann.page.get_by_role("alert").filter(has_text="I am on it already.")
    await expect(missed).to_be_visible()
    await ann.check()
    await ann.press("Control+Enter")
    await expect(ann.page.get_by_role("button", name="Send anyway")).to_be_visible()
    await expect(composer).to_have_value(WORDS)
    await ann.press("Control+Enter")
    await expect(composer).to_have_value("")
    notes = (await agent.get(f"incidents/{incident['id']}/notes"))["notes"]
    assert {note["text"] for note in notes} == {"I am on it already.", WORDS}


async def test_all_that_match_are_assigned_at_once_and_given_back_at_once(enter: Enter, agent: Gateway) -> None:
    word = f"w{uuid4().hex[:10]}"
    made = [await agent.post("incidents", {"title": f"{word} printer {number}"}) for number in range(MANY)]
    for each in made:  # what nobody had could not be given back
        await agent.post(f"incidents/{each['id']}:assign", {"teamId": "Desk"})
    me = await enter("agent")
    page = me.page
    await me.open(f"/incidents?text={word}")
    await expect(page.get_by_role("row").filter(has_text=word)).to_have_count(MANY)
    await me.press("j", "x")
    bar = page.get_by_role("toolbar")
    await bar.get_by_role("button", name="Select all that match").click()
    await expect(bar.get_by_text(f"All {MANY} that match")).to_be_visible()
    await bar.get_by_role("button", name="Assign").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(f"It is done with {MANY} records")).to_be_visible()
    await dialog.get_by_role("combobox", name="Team").fill("Printing")
    await me.press("Enter")
    await expect(dialog.get_by_role("button", name="Remove Printing")).to_be_visible()
    await me.check()
    await dialog.get_by_role("button", name=f"Assign: {MANY}").click()
    await expect(page.get_by_text(f"Done with {MANY} of {MANY}")).to_be_visible()

    async def teams() -> set[str]:
        return {(await agent.get(f"incidents/{each['id']}"))["teamId"] for each in made}

    assert await teams() == {"Printing"}
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text(f"Taken back: {MANY} of {MANY}")).to_be_visible()
    assert await teams() == {"Desk"}
