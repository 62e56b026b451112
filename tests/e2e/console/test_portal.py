"""Somebody with a phone asks for help: an answer that does not help, a report that loses nothing, an order, a rating."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

PHONE = {"width": 390, "height": 844}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc00000030101"
    "0018dd8db00000000049454e44ae426082"
)
FORM = {
    "type": "object",
    "properties": {"work": {"title": "What do you work as?", "enum": ["Office", "Developer"]}},
    "required": ["work"],
    "if": {"properties": {"work": {"const": "Developer"}}, "required": ["work"]},
    "then": {"properties": {"memory": {"title": "Memory in GiB", "type": "integer", "minimum": 16}}, "required": ["memory"]},
}
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], object]) -> None:
    """Asks again until the answer is as it should become; fails with the last one after a minute."""
    answer = None
    for _ in range(300):
        answer = await ask()
        if holds(answer):
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"still {answer}")


@pytest.fixture
async def house(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    """Those whom somebody who asks for help has to do with."""
    roles = ("requester", "agent", "viewer", "admin", "asset-manager")
    made = {role: Gateway(stack["gateway"], stack["users"][role]["token"]) for role in roles}
    yield made
    for gateway in made.values():
        await gateway.http.aclose()


@pytest.fixture
async def question(house: dict[str, Gateway]) -> AsyncIterator[str]:
    """What everybody is asked after an incident was closed; a tenant has one such policy, which the next test may want."""
    words = "How did we do?"
    asked = await house["admin"].post("surveyPolicies", {"name": "All", "question": words, "samplingPercent": 100})
    yield words
    await house["admin"].send("DELETE", f"surveyPolicies/{asked['id']}", version=asked["etag"])


async def prepared(house: dict[str, Gateway], run: str) -> dict[str, Any]:
    """An article, a device of the requester, and a laptop in the catalog that the viewer approves."""
    admin, requester = house["admin"], house["requester"]
    text = "## Try this\n\n1. Open **Settings**.\n2. Connect again, see [the list](https://example.org/vpn)."
    said = {"title": f"Tunnel {run} does not connect", "summary": "What to try first.", "body": text, "visibility": "PUBLIC"}
    article = await admin.post("articles", {**said, "language": "en"})
    await admin.post(f"articles/{article['id']}:submit")
    await admin.post(f"articles/{article['id']}:publish", {"changeNote": "first"})
    me = (await requester.get("users:whoami"))["subject"]
    device = await house["asset-manager"].post("assets", {"name": f"laptop-{run}", "class": "computer", "ownerId": me})
    voter = (await house["viewer"].get("users:whoami"))["subject"]
    stage = {"name": "manager", "quorum": "ANY", "voters": [{"userId": voter}]}
    policy = await admin.post("approvalPolicies", {"name": f"laptops {run}", "resource": "requests", "stages": [stage]})
    offer = {
        "title": f"New laptop {run}",
        "category": "Devices",
        "description": "Set up for you, ready to work.",
        "form": FORM,
        "price": {"amount": "1804.46", "currency": "EUR"},
        "approvalPolicyId": policy["id"],
        "plan": [{"key": "setup", "title": "Set it up"}],
    }
    item = await admin.post("catalogItems", offer)
    await admin.post(f"catalogItems/{item['id']}:publish")
    await until(lambda: requester.get("search", query=f"tunnel {run}", kinds="articles"), lambda found: found["hits"])
    return {"article": article, "device": device, "item": item}


def step(page: Page, text: str) -> Any:
    """A step of the tracker."""
    return page.get_by_role("list", name="How far it is").get_by_role("listitem").filter(has_text=text)


@pytest.mark.timeout(300)
async def test_from_a_question_on_the_phone_to_a_rating(enter: Enter, house: dict[str, Gateway], question: str) -> None:
    run = uuid4().hex[:8]
    agent, requester = house["agent"], house["requester"]
    made = await prepared(house, run)
    await requester.post("drafts:drop", {"about": "portal/report"})
    me = await enter("requester")
    page = me.page
    await page.set_viewport_size(PHONE)

    # Answers come first, whatever the fingers slipped on; this one does not help.
    await me.open("/")
    await expect(page, "who only asks has a place of his own").to_have_url(re.compile("/portal"))
    await me.live()
    await page.get_by_role("searchbox", name="What do you need").fill(f"tunel {run}")
    answers = page.get_by_role("region", name="Answers")
    await expect(answers.get_by_role("link")).to_have_count(1)
    await me.check()
    await answers.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1, name=made["article"]["title"])).to_be_visible()
    await expect(page.get_by_role("article").get_by_role("listitem")).to_have_count(2)
    await page.get_by_role("button", name="No, it did not help").click()
    await me.check()
    await page.get_by_role("link", name="Tell us about it").click()

    # What was typed, and the device, are in the form. The network goes; nothing that was written does.
    title = page.get_by_role("textbox", name="In one line")
    await expect(title).to_have_value(f"tunel {run}")
    await expect(page.get_by_role("combobox", name="Which device")).to_have_value(made["device"]["id"])
    await page.get_by_role("textbox", name="What do you see?").fill("It says: no route.")
    await page.get_by_role("radio", name="I cannot work").check()
    file = {"name": "screen.png", "mimeType": "image/png", "buffer": PNG}
    await page.get_by_label("Add a picture or file").set_input_files(files=[file])
    await expect(page.get_by_text("Kept", exact=True)).to_be_visible()
    await me.check()
    await me.context.set_offline(True)
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("There is no connection")
    await expect(page.get_by_text("You are offline")).to_be_visible()
    await me.context.set_offline(False)
    me.forgive(OFFLINE)
    await page.reload()
    await expect(title).to_have_value(f"tunel {run}")
    await expect(page.get_by_role("textbox", name="What do you see?")).to_have_value("It says: no route.")
    await expect(page.get_by_role("radio", name="I cannot work")).to_be_checked()
    await expect(page.get_by_role("list", name="Files that go along").get_by_text("screen.png")).to_be_visible()
    assert run in (await requester.get("drafts", about="portal/report"))["drafts"][0]["text"]
    await page.get_by_role("button", name="Send", exact=True).click()

    # It is there once, with its file, its device and its clock, and nobody else's is to be seen.
    await expect(page.get_by_text("is with us; you hear from us here")).to_be_visible()
    mine = (await requester.get("incidents", filter=f'title:"{run}"'))["incidents"]
    assert len(mine) == 1
    incident = mine[0]
    path = f"incidents/{incident['id']}"
    assert (incident["source"], incident["urgency"], incident["assetIds"]) == ("PORTAL", "HIGH", [made["device"]["id"]])
    assert "RUNNING" in {clock["state"] for clock in incident["clocks"]}, "what is promised counts from now on"
    files = (await requester.get(f"{path}/attachments"))["attachments"]
    assert [(each["fileName"], each["mediaType"], each["size"]) for each in files] == [("screen.png", "image/png", len(PNG))]
    await until(lambda: requester.get("drafts", about="portal/report"), lambda found: not found["drafts"])
    other = await agent.post("incidents", {"title": f"somebody else's {run}"})
    assert (await requester.send("GET", f"incidents/{other['id']}")).status_code == httpx.codes.NOT_FOUND

    # What becomes of it is heard without asking.
    await me.live()
    await agent.post(f"{path}:assign", {"teamId": "network"})
    await agent.post(f"{path}:start")
    await expect(step(page, "Being worked on")).to_contain_text("Right now")
    await agent.post(f"{path}/notes", {"text": f"Which building are you in, {run}?", "public": True})
    await expect(page.get_by_text(f"Which building are you in, {run}?")).to_be_visible()
    await page.get_by_role("textbox", name="Your message").fill("The one by the river.")
    await page.get_by_role("button", name="Send message").click()
    await expect(page.get_by_role("textbox", name="Your message")).to_have_value("")
    await expect(page.get_by_text("The one by the river.")).to_be_visible()
    await me.check()

    # A form asks for more where an answer calls for it; the price and who has to agree are known before.
    await page.get_by_role("link", name="Services", exact=True).click()
    await page.get_by_role("link", name=made["item"]["title"]).click()
    memory = page.get_by_role("spinbutton", name="Memory in GiB")
    await page.get_by_role("radio", name="Office").check()
    await expect(page.get_by_text("What happens then: 1 step")).to_be_visible()
    await expect(memory).to_have_count(0)
    await page.get_by_role("radio", name="Developer").check()
    await memory.fill("8")
    await expect(page.get_by_text("8 is less than the minimum of 16")).to_be_visible()
    await memory.fill("32")
    await expect(page.get_by_text("8 is less than")).to_have_count(0)
    await me.check()
    await page.get_by_role("button", name="Order · €1,804.46").click()
    await expect(page.get_by_text("here you see how far it is")).to_be_visible()
    await expect(step(page, "Approval")).to_contain_text("0 of 1 asked have agreed")
    await me.check()
    request = (await requester.get("requests", filter=f'title:"{run}"'))["requests"][0]
    assert (request["state"], request["answers"]) == ("WAITING_FOR_APPROVAL", {"work": "Developer", "memory": 32})

    # Whoever has to agree finds it in a portal of his own; the tracker moves here.
    boss = await enter("viewer")
    await boss.open("/portal/approvals")
    waiting = boss.page.get_by_role("article").filter(has_text=run)
    await boss.check()
    await waiting.get_by_role("button", name="Approve").click()
    await expect(waiting).to_have_count(0)
    await expect(step(page, "Approval")).to_contain_text("given")
    assert (await requester.get(f"requests/{request['id']}"))["state"] == "APPROVED"

    # It is solved, and he says how it was.
    await agent.post(f"{path}:resolve", {"resolutionCode": "fixed", "resolution": "A new route."})
    await agent.post(f"{path}:close")
    await page.get_by_role("link", name="My requests").first.click()
    await page.get_by_role("button", name=re.compile("^Over")).click()
    await page.get_by_role("link", name=re.compile(run)).click()
    await expect(step(page, "Solved")).to_contain_text("A new route.")
    rating = page.get_by_role("group", name=question)
    await rating.get_by_role("radio", name="Good").check()
    await page.get_by_role("textbox", name="Anything that we should know?").fill("Quick.")
    await me.check()
    await page.get_by_role("button", name="Send rating").click()
    await expect(page.get_by_text("Thank you for your rating!")).to_be_visible()
    survey = (await requester.get("surveys", filter=f'about = "{path}"'))["surveys"][0]
    assert (survey["state"], survey["score"], survey["comment"]) == ("ANSWERED", 4, "Quick.")
    await me.check()
