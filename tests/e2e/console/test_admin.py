"""Who sets things up: forms that ask for what the interface takes, roles that count at once, and a log of all of it."""

import asyncio
import re
from typing import Any
from uuid import uuid4

from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway


async def test_a_calendar_is_made_by_its_form_and_the_log_tells_who_did(
    enter: Enter, keeper: Gateway, auditor: Gateway
) -> None:
    name = f"Office {uuid4().hex[:8]}"
    me = await enter("admin")
    page = me.page
    await me.open("/admin")
    await page.get_by_role("searchbox", name="Find a setting").fill("opening hours")
    await page.get_by_role("link", name=re.compile("Calendars")).click()
    await expect(page.get_by_role("heading", level=1, name="Calendars")).to_be_visible()
    await me.check()
    await page.get_by_role("button", name="New", exact=True).click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Zone", exact=True).fill("Nowhere/Land")
    await page.get_by_role("button", name="Add: Windows").click()
    window = page.get_by_role("group", name="Windows 1")
    await window.get_by_label("Weekday").select_option("MONDAY")
    await window.get_by_label("Start").fill("09:00")
    await window.get_by_label("End").fill("17:00")
    await expect(page.get_by_role("region", name="The same as code")).to_contain_text("resource: calendars")
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    me.forgive("422")
    await me.check()
    await page.get_by_label("Zone", exact=True).fill("Europe/Berlin")
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("link", name=name)).to_be_visible()
    (calendar,) = (await keeper.get("calendars", filter=f'name:"{name}"'))["calendars"]
    assert calendar["zone"] == "Europe/Berlin"
    assert [(each["weekday"], each["start"], each["end"]) for each in calendar["windows"]] == [("MONDAY", "09:00", "17:00")]

    subject = f"calendars/{calendar['id']}"

    async with asyncio.timeout(60):  # the log follows a moment later
        while not (await auditor.get("auditEntries", filter=f'subject = "{subject}"'))["auditEntries"]:  # noqa: ASYNC110  (another process keeps it)
            await asyncio.sleep(0.2)
    reader = await enter("auditor")
    await reader.open(f"/audit?subject={subject}")
    await reader.page.get_by_role("button", name=re.compile("Calendar created")).click()
    await expect(reader.page.get_by_role("cell", name=name)).to_be_visible()
    await reader.check()


async def test_two_roles_are_held_against_each_other_and_a_role_counts_in_a_page_that_is_open(
    enter: Enter, keeper: Gateway, stack: dict[str, Any]
) -> None:
    me, watcher = await enter("admin"), await enter("viewer")
    page = me.page
    await watcher.open("/incidents")
    audit = watcher.page.get_by_role("link", name="Audit")
    await expect(audit).to_have_count(0)
    await me.open("/admin/roles?role=agent&beside=viewer&differ=yes")
    await expect(page.get_by_role("columnheader", name="viewer")).to_be_visible()
    await me.check()
    (viewer,) = (await keeper.get("users", filter='username = "viewer"'))["users"]
    await me.open(f"/admin/users?text=viewer&user={viewer['id']}&role=auditor")
    await expect(page.get_by_role("dialog").get_by_label("Give a role")).to_have_value("auditor")
    await me.check()
    async with Gateway(stack["gateway"], stack["users"]["viewer"]["token"]) as asking:
        assert (await asking.send("GET", "auditEntries")).status_code == 403
        await keeper.post(f"users/{viewer['id']}:grantRole", {"role": "auditor"})
        try:
            await expect(audit).to_be_visible()
        finally:
            await keeper.post(f"users/{viewer['id']}:revokeRole", {"role": "auditor"})
        await expect(audit).to_have_count(0)
        refused = await asking.send("GET", "auditEntries")
        assert (refused.status_code, refused.json()["permission"]) == (403, "auditEntries.list")
