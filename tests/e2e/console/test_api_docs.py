"""The page of the API in a real browser: everything of the document, from files that lie here, under the console's policy."""

import re
from typing import Any

from playwright.async_api import Browser, expect

from tests.support.console import PATIENCE_MS, Person


async def test_the_page_of_the_api_shows_every_resource_and_breaks_no_rule_of_its_own(
    stack: dict[str, Any], browser: Browser
) -> None:
    url = stack["gateway"]
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    try:
        visitor = Person(url, context, await context.new_page())
        visitor.watch()
        visitor.page.on("request", lambda request: asked.append(request.url))
        answer = await visitor.page.goto(f"{url}/api/v1/docs")
        assert answer is not None
        assert "unsafe" not in answer.headers["content-security-policy"]
        document = await visitor.page.evaluate("async () => (await fetch('/api/v1/openapi.json')).json()")
        await expect(visitor.page.locator(".opblock-tag")).to_have_count(len(document["tags"]))
        await visitor.page.locator("#operations-tag-incidents").click()
        creating = visitor.page.locator("#operations-incidents-incidents_create")
        await creating.locator(".opblock-summary-control").click()
        await expect(creating).to_contain_text("Mail is down in the north building")
        await expect(creating).to_contain_text(re.compile("428|422"))
        assert not visitor.defects, visitor.defects
        assert not [address for address in asked if not address.startswith((url, "data:"))], asked
    finally:
        await context.close()
