"""A change from the proposal over the board to the approval: planned by one, talked about by many, agreed to by another."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

PLANS = {"implementationPlan": "Swap the disk.", "testPlan": "Read it back.", "backOutPlan": "Put the old one in."}
ROLES = ("agent", "viewer", "auditor", "change-manager", "asset-manager")
LOCAL = "%Y-%m-%dT%H:%M"


@pytest.fixture
async def desk(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    """Those who have to do with a change."""
    async with AsyncExitStack() as opened:
        yield {
            role: await opened.enter_async_context(Gateway(stack["gateway"], stack["users"][role]["token"])) for role in ROLES
        }


async def prepared(desk: dict[str, Gateway], run: str, day: datetime) -> dict[str, Any]:
    """A machine on which nothing is to be changed then and somebody changes something, and two more changes for the board."""
    machine = await desk["asset-manager"].post("assets", {"class": "server", "name": f"db-{run}"})
    voter = (await desk["viewer"].get("users:whoami"))["subject"]
    maker = (await desk["auditor"].get("users:whoami"))["subject"]
    stage = {"name": "Owner of the service", "voters": [{"userId": voter}]}
    await desk["change-manager"].post("approvalPolicies", {"name": f"Board {run}", "categories": [run], "stages": [stage]})
    others = []
    for place in range(3):
        begin = day + timedelta(days=place, minutes=30)
        window = {"startTime": begin.isoformat(), "endTime": (begin + timedelta(hours=2)).isoformat()}
        words = {"title": f"{run} other {place}", "category": run, "implementerId": f"u-{run}-{place}", **PLANS, **window}
        assets = {"assetIds": [machine["id"]]} if place == 0 else {}
        others.append(await desk["agent"].post("changes", {**words, **assets}))
    for other in others:
        await desk["agent"].post(f"changes/{other['id']}:assess")
        await desk["agent"].post(f"changes/{other['id']}:submit")
    # Afterwards: what is planned in a blackout is not submitted.
    frozen = {"startTime": day.isoformat(), "endTime": (day + timedelta(hours=3)).isoformat()}
    blackout = {"title": f"Stocktaking {run}", "assetIds": [machine["id"]], **frozen}
    await desk["change-manager"].post("blackouts", blackout)
    return {"machine": machine, "others": others, "maker": maker}


async def propose(page: Page, run: str, day: datetime) -> None:
    """Fills in what a new change is asked for, in the dialog."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Title").fill(f"{run} new disk")
    await dialog.get_by_role("combobox", name="Assets").fill(f"db-{run}")
    await dialog.get_by_role("option", name=re.compile(f"db-{run}")).click()
    await dialog.get_by_label("Begins").fill((day + timedelta(hours=1)).strftime(LOCAL))
    await dialog.get_by_label("Ends").fill((day + timedelta(hours=2)).strftime(LOCAL))
    for label, text in zip(("How it is made", "How it is seen to work", "How it is taken back"), PLANS.values(), strict=True):
        await dialog.get_by_label(label).fill(text)
    await dialog.get_by_label("Category").fill(run)
    await dialog.get_by_role("button", name="Create").click()


async def test_a_change_is_planned_around_what_stands_against_it_talked_about_and_agreed_to(
    enter: Enter, desk: dict[str, Gateway]
) -> None:
    run = f"c{uuid4().hex[:8]}"
    # So far ahead that it is in the way of no other test, and in the zone of this machine, which is that of the browser.
    day = (datetime.now().astimezone() + timedelta(days=20)).replace(hour=10, minute=0, second=0, microsecond=0)
    known = await prepared(desk, run, day)

    ann = await enter("agent")
    page = ann.page
    await ann.open("/changes")
    await ann.press("c")
    await propose(page, run, day)
    await expect(page.get_by_role("heading", level=1, name=f"{run} new disk")).to_be_visible()
    number = page.url.rpartition("/")[2]
    conflicts = page.get_by_role("list", name="What stands against it")
    await expect(conflicts.get_by_text("Blackout", exact=True)).to_be_visible()
    await expect(conflicts.get_by_text("Same asset", exact=True)).to_be_visible()
    await ann.check()

    await page.get_by_role("button", name="Answer the questions").click()
    await page.get_by_role("dialog").get_by_label("People cannot work while it is made").check()
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("list", name="Why?").get_by_role("listitem").first).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await ann.open(f"/changes/calendar?day={day.date()}")
    mine = page.get_by_role("link", name=re.compile(f"{run} new disk"))
    await expect(mine).to_be_visible()
    await expect(mine).to_contain_text(f"Collides with {known['others'][0]['number']}")
    await expect(page.get_by_text(f"Blackout: Stocktaking {run}")).to_be_visible()
    await ann.check()
    await ann.press("l")
    await expect(page.get_by_role("row").filter(has_text=f"{run} new disk")).to_contain_text(f"Stocktaking {run}")
    await ann.press("m")
    await expect(mine).to_be_visible()
    await ann.check()

    change = await desk["agent"].get(f"changes/{number}")
    early = await desk["agent"].send("POST", f"changes/{number}:start", {})
    assert early.status_code == httpx.codes.CONFLICT, "nothing is skipped"
    await mine.click()
    await expect(page.get_by_role("heading", level=1, name=f"{run} new disk")).to_be_visible()
    await ann.press("i")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Begins").fill((day + timedelta(hours=5)).strftime(LOCAL))
    await dialog.get_by_label("Ends").fill((day + timedelta(hours=6)).strftime(LOCAL))
    await dialog.get_by_role("combobox", name="Implementer").fill("auditor")
    await dialog.get_by_role("option", name=re.compile("auditor$")).first.click()
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nothing stands against it in its window.")).to_be_visible()
    await ann.press("s")
    await expect(page.get_by_text("Assessing", exact=True).first).to_be_visible()
    await ann.press("s")
    await expect(page.get_by_text("Waits for approval", exact=True).first).to_be_visible()
    await expect(page.get_by_role("region", name="Approval").get_by_text("Owner of the service", exact=True)).to_be_visible()

    # The agenda is that of this story alone, whatever else waits on this platform.
    order = [known["others"][1]["id"], known["others"][2]["id"], change["id"]]
    begin = datetime.now(UTC) + timedelta(hours=1)
    times = {"startTime": begin.isoformat(), "endTime": (begin + timedelta(hours=1)).isoformat()}
    planned = {"title": f"Board {run}", **times, "items": [{"changeId": each} for each in order]}
    meeting = await desk["change-manager"].post("cabMeetings", planned)

    cab = await enter("change-manager")
    board = cab.page
    await cab.open("/changes/cab")
    await board.get_by_role("link", name=f"Board {run}").click()
    agenda = board.get_by_role("region", name="Agenda")
    await expect(agenda.get_by_role("listitem")).to_have_count(3)
    await board.get_by_role("button", name="Start the meeting").click()
    await expect(agenda.get_by_text(re.compile(r"^\s*\d+ s$"))).to_be_visible()
    await board.get_by_role("button", name="Pause").click()
    await board.get_by_role("button", name="Go on").click()
    await board.get_by_role("button", name=f"Bring {number} forward").click()
    await expect(agenda.get_by_role("listitem").nth(1)).to_contain_text(number)
    await cab.check()

    async def advise(choice: str, words: str) -> None:
        await board.get_by_role("group", name="Recommendation").get_by_role("button", name=choice).click()
        await board.get_by_label("What was said", exact=True).fill(words)
        await board.get_by_role("button", name="Save", exact=True).click()
        await expect(agenda.locator("[data-current]").get_by_text(choice, exact=True)).to_be_visible()

    await board.get_by_role("group", name="Recommendation").get_by_role("button", name="Reject").click()
    await expect(board.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    await advise("Reject", "Not in this month.")
    await board.get_by_role("button", name="Next change").click()
    await expect(board.get_by_role("heading", level=2, name=re.compile(f"{run} new disk"))).to_be_visible()

    asked = await desk["agent"].get(f"changes/{number}")
    own = await desk["auditor"].send("POST", f"approvals/{asked['approvalId']}:vote", {"choice": "APPROVE", "comment": "mine"})
    assert own.status_code == httpx.codes.FORBIDDEN, "who makes it does not approve it"
    sam = await enter("viewer")
    await sam.open("/approvals")
    await expect(sam.page.get_by_role("row").filter(has_text=f"{run} new disk")).to_be_visible()
    await sam.open(f"/approvals/{asked['approvalId']}")
    await expect(sam.page.get_by_role("heading", level=1)).to_contain_text(f"{run} new disk")
    await sam.check()
    await sam.page.get_by_role("button", name="Approve").first.click()
    await sam.page.get_by_role("dialog").get_by_label("Why").fill("The window is good.")
    await sam.page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(sam.page.get_by_text("Approved", exact=True).first).to_be_visible()

    await expect(board.get_by_role("region", name="Approval").get_by_text("The window is good.")).to_be_visible()
    await advise("Approve", "Everybody agrees.")
    await board.get_by_role("button", name="Next change").click()
    await advise("Later", "")
    await board.get_by_role("button", name="End the meeting").click()
    await board.get_by_role("dialog").get_by_role("button", name="End the meeting").click()
    await expect(board.get_by_text("Held", exact=True)).to_be_visible()
    await cab.check()
    await expect(page.get_by_text("Scheduled", exact=True).first).to_be_visible()
    await ann.check()

    held = await desk["viewer"].get(f"cabMeetings/{meeting['id']}")
    assert held["state"] == "HELD"
    said = {item["changeId"]: (item["advice"], item["minutes"]) for item in held["items"]}
    assert said[order[0]] == ("REJECT", "Not in this month.")
    assert said[change["id"]] == ("APPROVE", "Everybody agrees.")
    after = await desk["agent"].get(f"changes/{number}")
    assert (after["state"], after["approval"], after["implementerId"]) == ("SCHEDULED", "APPROVED", known["maker"])
    other = await desk["agent"].get(f"changes/{order[1]}")
    assert other["state"] == "AUTHORIZE", "what the board says is advice: votes are cast on the approval"
    early = await desk["agent"].send("POST", f"changes/{number}:start", {})
    assert early.status_code == httpx.codes.CONFLICT, "it is made in its window and nowhere else"
