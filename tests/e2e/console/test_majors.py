"""A war room: declared from an incident, led and told of by many who see the same, resolved with all that belongs to it."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

ROLES = ("agent", "incident-manager", "requester")


@pytest.fixture
async def desk(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    """Who reports, who works on it, who leads."""
    async with AsyncExitStack() as opened:
        yield {
            role: await opened.enter_async_context(Gateway(stack["gateway"], stack["users"][role]["token"])) for role in ROLES
        }


async def test_a_major_incident_is_declared_led_told_of_and_over_with_all_that_belongs_to_it(
    enter: Enter, desk: dict[str, Gateway]
) -> None:
    run = f"m{uuid4().hex[:8]}"
    incident = await desk["agent"].post("incidents", {"title": f"{run} no mail in the whole house", "impact": "HIGH"})
    hers = await desk["requester"].post("incidents", {"title": f"{run} no mail here"})
    children = [hers, *[await desk["agent"].post("incidents", {"title": f"{run} no mail {place}"}) for place in range(3)]]

    bob = await enter("incident-manager")
    page = bob.page
    await bob.open(f"/incidents/{incident['number']}")
    await page.get_by_role("button", name="Declare a major incident").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why it is a major one").fill("All of them call.")
    await dialog.get_by_role("button", name="Declare a major incident").click()
    await page.wait_for_url(re.compile(r"/majors/MAJ\d+"))
    number = page.url.rpartition("/")[2]
    await expect(page.get_by_text("Declared", exact=True).first).to_be_visible()

    max_ = await enter("agent")
    await max_.open(f"/majors/{number}")
    await max_.live()
    eve = await enter("requester")
    await eve.open("/portal")

    box = page.get_by_label("How it stands")
    await box.fill("Nobody gets mail; we look for the cause.")
    await page.get_by_label("Phase").select_option("investigating")
    await page.get_by_role("button", name="Tell", exact=True).click()
    updates = page.get_by_role("list", name="Status updates")
    await expect(updates.get_by_text("We look for the cause. Nobody gets mail")).to_be_visible()
    await expect(box).to_have_value("")
    await expect(max_.page.get_by_role("list", name="Status updates").get_by_text("Nobody gets mail")).to_be_visible()
    await expect(eve.page.get_by_text(re.compile("Nobody gets mail; we look"))).to_be_visible()
    await bob.check()

    checklist = page.get_by_role("list", name="Checklist")
    await checklist.get_by_role("checkbox").first.click()
    await expect(max_.page.get_by_role("list", name="Checklist").get_by_role("checkbox").first).to_be_checked()

    await page.get_by_role("button", name="Link incidents").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Words of a title").fill(run)
    await expect(dialog.get_by_role("checkbox")).to_have_count(len(children))
    await bob.check()
    await dialog.get_by_role("checkbox", name=f"Choose {hers['number']}").check()
    await dialog.get_by_role("button", name="Link all that match").click()
    family = page.get_by_role("list", name="Children")
    await expect(family.get_by_role("listitem")).to_have_count(len(children))

    await box.fill("The server runs without its broken disk.")
    await page.get_by_label("Phase").select_option("mitigated")
    await page.get_by_role("button", name="Tell", exact=True).click()
    await expect(eve.page.get_by_text(re.compile("It is mitigated. The server runs"))).to_be_visible()
    await page.get_by_role("button", name="Commander: Hand over").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("combobox", name="Who").fill("agent")
    await dialog.get_by_role("option", name=re.compile("agent$")).first.click()
    await dialog.get_by_role("button", name="Hand over").click()
    await expect(dialog).to_have_count(0)
    leader = (await desk["agent"].get("users:whoami"))["subject"]

    await page.get_by_role("button", name="Resolve").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Resolution").fill("The disk of the mail server is replaced.")
    await expect(dialog.get_by_label("Resolve the open children too")).to_be_checked()
    await dialog.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("Resolved", exact=True).first).to_be_visible()
    await expect(max_.page.get_by_text("Resolved", exact=True).first).to_be_visible()
    await expect(page.get_by_text(f"{len(children)} children, 0 open")).to_be_visible()

    await page.get_by_role("button", name="Write the review").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("What happened")).to_have_value(re.compile("Nobody gets mail"))
    await dialog.get_by_label("Actions").fill("Watch the disks\nBuy a second server")
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Done: Watch the disks").click()
    await expect(page.get_by_role("button", name="Done: Watch the disks")).to_have_count(0)
    await page.get_by_role("button", name="Make a problem").click()
    await expect(page.get_by_text(re.compile(r"PRB\d+ is there, and causes the incident"))).to_be_visible()
    await page.get_by_role("button", name="Close", exact=True).click()
    await expect(page.get_by_text("Closed", exact=True).first).to_be_visible()
    await bob.check()

    major = await desk["agent"].get(f"majors/{number}")
    assert (major["state"], major["assigneeId"]) == ("CLOSED", leader)
    assert [bool(action.get("doneTime")) for action in major["review"]["actions"]] == [True, False]
    for child in (incident, *children):
        after = await desk["agent"].get(f"incidents/{child['id']}")
        assert after["state"] == "RESOLVED", child["title"]
    links = (await desk["agent"].get(f"incidents/{incident['id']}"))["links"]
    assert [link["kind"] for link in links if link["target"].startswith("problems/")] == ["CAUSED_BY"]
    notes = (await desk["requester"].get(f"incidents/{hers['id']}/notes"))["notes"]
    assert any("It is mitigated" in note["text"] for note in notes), "reporters read what is published"
