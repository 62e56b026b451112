"""Two people look at the same thing: what one does, the other sees, without asking again."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway
from tests.support.ingest import ZERO, an_alert
from tests.support.senders import Key, Sender


def firing(run: str) -> dict[str, Any]:
    """An alert as Alertmanager sends it."""
    labels = {"alertname": f"Down-{run}", "instance": f"{run}.example:9100", "severity": "critical"}
    start = datetime.now(UTC) - timedelta(minutes=1)
    told = {"summary": f"Down-{run} does not answer"}
    return an_alert(labels=labels, annotations=told, fingerprint=run, startsAt=start.isoformat(), endsAt=ZERO)


async def test_an_alert_becomes_an_incident_and_is_over_before_two_pairs_of_eyes(enter: Enter, stack: dict[str, Any]) -> None:
    run = uuid4().hex[:16]
    watcher, desk = await enter("monitor-manager"), await enter("agent")
    await watcher.open(f"/alerts?text=Down-{run}")
    await desk.open(f"/incidents?text=Down-{run}")
    for person in (watcher, desk):
        await expect(person.page.get_by_role("heading", level=2, name="Nothing here")).to_be_visible()
        await person.live()
    async with (
        Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as manager,
        Sender(stack["ingest"], (await Key.made(manager)).secret) as sender,
    ):
        alert = firing(run)
        await sender.notify(alert)
        for person in (watcher, desk):
            news = person.page.get_by_role("button", name=re.compile("1 new"))
            await expect(news).to_be_visible()
            await person.press("u")
        row = watcher.page.get_by_role("row").filter(has_text=run)
        await expect(row.get_by_text("Firing", exact=True)).to_be_visible()
        await expect(row.get_by_text(re.compile(r"^INC\d+$"))).to_be_visible()
        await watcher.check()

        await expect(desk.page.get_by_role("row").filter(has_text=run)).to_be_visible()
        await desk.press("j", "Enter")
        peek = desk.page.get_by_role("complementary")
        await expect(peek.get_by_text("1 alert", exact=True)).to_be_visible()
        await desk.press("Enter")
        await expect(desk.page.get_by_role("heading", level=1)).to_contain_text(run)
        await desk.press("s")
        await expect(desk.page.get_by_text("In progress", exact=True).first).to_be_visible()

        await watcher.press("j", "Enter")
        await expect(watcher.page.get_by_role("complementary")).to_be_visible()
        await watcher.page.get_by_role("button", name="Why?").click()
        await expect(watcher.page.get_by_role("dialog").get_by_role("table")).to_contain_text("ROUTED")
        await watcher.check()
        await watcher.press("Escape")
        await expect(watcher.page.get_by_role("dialog")).to_have_count(0)

        await sender.notify({**alert, "status": "resolved", "endsAt": datetime.now(UTC).isoformat()})
        await expect(row.get_by_text("Resolved", exact=True)).to_be_visible()
        await expect(desk.page.get_by_text("Resolved", exact=True).first).to_be_visible()
        await desk.check()


async def test_what_one_does_with_an_incident_another_sees_on_it(enter: Enter, agent: Gateway) -> None:
    incident = await agent.post("incidents", {"title": f"Seen by two {uuid4().hex[:8]}"})
    one, other = await enter("agent"), await enter("incident-manager")
    for person in (one, other):
        await person.open(f"/incidents/{incident['number']}")
        await person.live()
    await one.press("s")
    await expect(other.page.get_by_text("In progress", exact=True).first).to_be_visible()
    await expect(other.page.get_by_role("list", name="Timeline")).to_contain_text("started work")
    await one.press("n")
    await expect(one.page.get_by_label("Note", exact=True)).to_be_focused()
    await one.page.keyboard.type("A note that the other waits for")
    await one.press("Control+Enter")
    await expect(other.page.get_by_role("list", name="Timeline")).to_contain_text("A note that the other waits for")


async def test_tabs_of_one_browser_share_one_stream_and_the_next_takes_over(enter: Enter, agent: Gateway) -> None:
    incident = await agent.post("incidents", {"title": f"Heard by tabs {uuid4().hex[:8]}"})
    me = await enter("agent")
    leading: set[Page] = set()
    # One tab may begin its stream anew where the machine is slow.
    me.context.on("request", lambda request: leading.add(request.frame.page) if "/api/v1/stream" in request.url else None)
    await me.open(f"/incidents/{incident['number']}")
    await me.live()
    second = await me.context.new_page()
    await second.goto(f"{me.url}/incidents/{incident['number']}")
    await expect(second.get_by_role("heading", level=1, name=incident["title"])).to_be_visible()
    await expect(second.locator(".pulse[data-state=live]")).to_be_visible()
    assert leading == {me.page}, "the second tab hears through the first"
    await agent.post(f"incidents/{incident['id']}:start")
    for page in (me.page, second):
        await expect(page.get_by_text("In progress", exact=True).first).to_be_visible()
    await me.page.close()
    await expect(second.locator(".pulse[data-state=live]")).to_be_visible()
    await agent.post(f"incidents/{incident['id']}:hold", {"reason": "VENDOR"})
    await expect(second.get_by_text("On hold", exact=True).first).to_be_visible()
    assert leading == {me.page, second}, "the second tab leads now"
