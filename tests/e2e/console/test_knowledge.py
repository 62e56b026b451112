"""Knowledge from a ticket to its readers: written, looked at, shown, found by whom it is for and by nobody else."""

import re
from typing import Any
from uuid import uuid4

from playwright.async_api import expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

SCRIPT = "<script>window.broken = true</script>"


async def test_what_helped_is_written_down_looked_at_and_read_by_whom_it_is_for(
    enter: Enter, agent: Gateway, stack: dict[str, Any]
) -> None:
    word = f"k{uuid4().hex[:10]}"
    incident = await agent.post("incidents", {"title": f"{word} printer prints stars"})
    writer = await enter("agent")
    page = writer.page
    await writer.open(f"/incidents/{incident['number']}")
    await page.get_by_role("button", name="Write an article").click()
    body = page.get_by_label("Text, as Markdown")
    await expect(body).to_be_visible()
    number = re.search(r"KB\d+", page.url)
    assert number is not None
    await body.fill(f"## Turn it off\n\n| step | what |\n| --- | --- |\n| 1 | pull |\n\n{SCRIPT}\n\nأعد تشغيل الطابعة")
    preview = page.get_by_role("region", name="How it reads")
    await expect(preview.get_by_role("cell", name="pull")).to_be_visible()
    await expect(preview.get_by_text(SCRIPT)).to_be_visible()
    assert await page.evaluate("window.broken") is None, "what is written never runs"
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Draft kept")).to_have_count(0)
    await page.get_by_role("button", name="Submit for review").click()
    await expect(page.get_by_text("In review", exact=True).first).to_be_visible()
    await writer.check()

    reviewer = await enter("incident-manager")
    await reviewer.open(f"/articles/{number[0]}?tab=review")
    await expect(reviewer.page.get_by_text("## Turn it off")).to_be_visible()
    await reviewer.page.locator(".page-scroll").get_by_role("button", name="Publish").click()
    dialog = reviewer.page.get_by_role("dialog", name="Publish")
    await dialog.get_by_label("Ends").fill("2099-01-01T00:00")
    await dialog.get_by_role("button", name="Publish").click()
    await expect(reviewer.page.get_by_text("Published", exact=True).first).to_be_visible()
    await reviewer.check()

    article = await agent.get(f"articles/{number[0]}")
    assert (article["state"], article["edition"], article["visibility"]) == ("PUBLISHED", 1, "INTERNAL")
    assert SCRIPT in article["body"], "kept as it was written"
    assert article["expireTime"].startswith(("2098-12-31", "2099-01-01"))
    assert {link["target"] for link in article["links"]} == {f"incidents/{incident['id']}"}
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester:
        assert (await requester.send("GET", f"articles/{number[0]}")).status_code == 404, "by its address"
        assert (await requester.get("articles", filter=f'number = "{number[0]}"'))["articles"] == []
        assert (await requester.get("search", query=word))["hits"] == []
