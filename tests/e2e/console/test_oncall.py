"""Somebody is called: by phone he takes note, with and without a network, asks for help, has somebody stand in, hands over."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Enter
from tests.support.console import Person
from tests.support.gateway import Gateway, answered
from tests.support.ingest import ZERO, an_alert
from tests.support.senders import Key, Sender

PHONE = {"width": 320, "height": 720}
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"


async def until(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], object]) -> Any:
    """What is answered as soon as it is as it should become; fails with the last answer after a minute."""
    answer = None
    for _ in range(300):
        answer = await ask()
        if holds(answer):
            return answer
        await asyncio.sleep(0.2)
    pytest.fail(f"still {answer}")


@pytest.fixture
async def house(stack: dict[str, Any]) -> AsyncIterator[dict[str, Gateway]]:
    made = {role: Gateway(stack["gateway"], stack["users"][role]["token"]) for role in ("agent", "monitor-manager", "admin")}
    yield made
    for gateway in made.values():
        await gateway.http.aclose()


@pytest.fixture
async def duty(stack: dict[str, Any], house: dict[str, Gateway]) -> AsyncIterator[dict[str, Any]]:
    """The agent is on call, the admin comes after; what a sender says calls them."""
    manager, team = house["monitor-manager"], f"team-{uuid4().hex[:8]}"
    first, second = [(await house[role].get("users:whoami"))["subject"] for role in ("agent", "admin")]
    layer = {"userIds": [first], "start": "2026-01-05T09:00", "unit": "WEEKS"}
    schedule = await manager.post("schedules", {"name": team, "timeZone": "Europe/Berlin", "layers": [layer]})
    steps = [
        {"targets": [{"kind": "SCHEDULE", "id": schedule["id"]}], "wait": "600s"},
        {"targets": [{"kind": "USER", "id": second}], "wait": "600s"},
    ]
    policy = await manager.post("escalationPolicies", {"name": team, "teamIds": [team], "steps": steps})
    key = await Key.made(manager)
    await manager.post("integrations", {"name": team, "kind": "ALERTMANAGER", "keyId": key.token_id, "teamId": team})
    yield {"team": team, "schedule": schedule["id"], "key": key.secret, "ingest": stack["ingest"], "second": second}
    for path in (f"schedules/{schedule['id']}", f"escalationPolicies/{policy['id']}"):
        answered(await manager.send("DELETE", path, version=(await manager.get(path))["etag"]))


async def fire(duty: dict[str, Any], *titles: str) -> None:
    start = datetime.now(UTC) - timedelta(minutes=1)
    async with Sender(duty["ingest"], duty["key"]) as sender:
        for title in titles:
            labels = {"alertname": title, "instance": title, "severity": "critical"}
            said = an_alert(labels=labels, fingerprint=uuid4().hex[:16], startsAt=start.isoformat(), endsAt=ZERO)
            said["annotations"] = {"summary": title}
            assert (await sender.notify(said)).is_success


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=title))


async def sweep(page: Page, target: Locator) -> None:
    """A finger from one side to the other."""
    await target.scroll_into_view_if_needed()
    box = await target.bounding_box()
    assert box is not None
    y = box["y"] + 16
    await page.mouse.move(box["x"] + box["width"] - 24, y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 120, y, steps=4)
    await page.mouse.move(box["x"] + 24, y, steps=4)
    await page.mouse.up()


async def wide(me: Person) -> None:
    """Nothing is wider than the phone, and every control is large enough for a thumb."""
    assert await me.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await me.page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter(each => each.getBoundingClientRect().height < 24)"
        ".map(each => each.textContent)"
    )
    assert small == [], small


async def test_an_engineer_is_called_and_does_all_of_it_from_a_phone(
    enter: Enter, house: dict[str, Gateway], duty: dict[str, Any]
) -> None:
    agent, run = house["agent"], duty["team"]
    me = await enter("agent")
    page = me.page
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type] # the sizes are whole numbers
    await me.open("/oncall")
    await me.live()
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await fire(duty, f"button {run}", f"sweep {run}", f"later {run}")
    await expect(page.get_by_role("alert").filter(has_text="yours")).to_be_visible()

    await expect(card(page, f"sweep {run}")).to_be_visible()
    await card(page, f"button {run}").get_by_role("button", name="Acknowledge").click()
    await expect(card(page, f"button {run}")).to_contain_text("Acknowledged")
    await sweep(page, card(page, f"sweep {run}").get_by_role("article"))
    await expect(card(page, f"sweep {run}")).to_contain_text("Acknowledged")
    await wide(me)
    await me.check()

    # Without a network it waits, and is sent once when there is one.
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.headers["idempotency-key"]) if "cknowledge" in asked.url else None)
    await expect(card(page, f"later {run}").get_by_role("button", name="Acknowledge")).to_be_visible()
    await me.context.set_offline(True)
    await expect(page.get_by_text("You are offline")).to_be_visible()
    await card(page, f"later {run}").get_by_role("button", name="Acknowledge").click()
    await expect(card(page, f"later {run}")).to_contain_text("Queued")
    await me.context.set_offline(False)
    await expect(card(page, f"later {run}")).to_contain_text("Acknowledged")
    await expect(card(page, f"later {run}")).not_to_contain_text("Queued")
    assert len(sent) == len(set(sent)) == 1
    if any(OFFLINE in each for each in me.defects):
        me.forgive(OFFLINE)

    await page.get_by_role("button", name=f"button {run}").click()
    await page.get_by_role("button", name="Looking into it").click()
    await expect(page.get_by_role("listitem").filter(has_text="Looking into it")).to_be_visible()
    await page.get_by_label("Whom to call").select_option(duty["second"])
    await page.get_by_role("button", name="Call for help").click()
    await expect(page.get_by_text("asked for help")).to_be_visible()
    await wide(me)
    await me.check()
    await page.get_by_role("button", name="All pages").click()

    await page.get_by_label("Schedule", exact=True).select_option(duty["schedule"])
    await page.get_by_label("Who is on call").select_option(duty["second"])
    await page.get_by_role("button", name="Put on call").click()
    await expect(page.get_by_text("The schedule has it.")).to_be_visible()
    await page.get_by_label("What the next one has to know").fill(f"Watch the disks of {run}.")
    await page.get_by_role("button", name="Leave the note").click()
    await expect(page.get_by_text("The note is there")).to_be_visible()
    await page.get_by_role("button", name="Test my pager").click()
    await expect(page.get_by_role("status", name="Delivery receipts")).to_contain_text(re.compile("Mail|Push|Nothing was sent"))
    await me.check()

    pages = await until(
        lambda: agent.get("pages", filter=f'teamId = "{run}"'),
        lambda found: {each["state"] for each in found["pages"]} == {"ACKNOWLEDGED"},
    )
    assert sorted(len(each["calls"]) for each in pages["pages"]) == [1, 1, 2], "nobody else was called but for help"
    schedule = await agent.get(f"schedules/{duty['schedule']}")
    (override,) = schedule["overrides"]
    assert (override["userId"], datetime.fromisoformat(override["startTime"]).weekday()) == (duty["second"], 5)
    assert schedule["handover"]["text"] == f"Watch the disks of {run}."

    # The same in the console, for whoever plans.
    await page.set_viewport_size({"width": 1440, "height": 900})
    await me.open("/schedules")
    rota = page.get_by_role("region", name=run, exact=True)
    await expect(rota.get_by_text(f"Watch the disks of {run}.")).to_be_visible()
    await expect(page.get_by_role("heading", name=run, level=3)).to_be_visible()
    await rota.get_by_role("button", name="Take back").click()
    await until(lambda: agent.get(f"schedules/{duty['schedule']}"), lambda found: found["overrides"] == [])
    await me.check()


async def test_a_manager_makes_who_is_called_by_forms_and_sees_what_becomes_of_it(
    enter: Enter, house: dict[str, Gateway]
) -> None:
    manager, run = house["monitor-manager"], f"plan {uuid4().hex[:8]}"
    name = (await house["agent"].get("users:whoami"))["username"]
    me = await enter("monitor-manager")
    page = me.page
    await me.open("/schedules")
    await me.live()
    await me.press("c")
    await page.get_by_label("Name", exact=True).fill(run)
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await page.get_by_label("Add a person").fill(name)
    await page.get_by_role("option").filter(has_text=name).first.click()
    await page.get_by_role("button", name="Add: Hours").click()
    await expect(page.get_by_role("status").filter(has_text="gaps")).to_be_visible()
    await me.check()
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("heading", name=run, level=2)).to_be_visible()
    (schedule,) = (await manager.get("schedules", filter=f'name = "{run}"'))["schedules"]
    (hours,) = schedule["layers"][0]["restrictions"]
    assert (hours["begin"], hours["end"], schedule["timeZone"]) == ("09:00", "17:00", "Europe/Berlin")

    # A gap that is pressed is filled by somebody.
    rota = page.get_by_role("region", name=run, exact=True)
    await rota.get_by_role("button", name="Nobody is on call").last.click()
    await page.get_by_label("Who is on call").fill(name)
    await page.get_by_role("option").filter(has_text=name).first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Add an override").click()
    await until(lambda: manager.get(f"schedules/{schedule['id']}"), lambda found: len(found["overrides"]) == 1)

    # Somebody else writes the same field meanwhile: nothing is lost on either side, and who goes on knows.
    await rota.get_by_role("link", name="Edit").click()
    await page.get_by_label("Description").fill("mine")
    now = await manager.get(f"schedules/{schedule['id']}")
    answered(await manager.send("PATCH", f"schedules/{schedule['id']}", {"description": "theirs"}, version=now["etag"]))
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("theirs")
    me.forgive("412")
    await me.check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="On call", level=1)).to_be_visible()
    assert (await manager.get(f"schedules/{schedule['id']}"))["description"] == "mine"

    await page.get_by_role("link", name="New policy").click()
    await page.get_by_label("Name", exact=True).fill(run)
    await page.get_by_label("Which one").fill(run)
    await page.get_by_role("option").filter(has_text=run).first.click()
    await page.get_by_role("button", name="Add: Step").click()
    await page.get_by_label("Whom to call").last.select_option("USER")
    await page.get_by_label("Which one").last.fill(name)
    await page.get_by_role("option").filter(has_text=name).first.click()
    await page.get_by_label("Minutes to take note").last.fill("10")
    await page.get_by_role("checkbox", name="It counts").uncheck()
    await me.check()
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("heading", name=run, level=3)).to_be_visible()
    await me.check()
    (policy,) = (await manager.get("escalationPolicies", filter=f'name = "{run}"'))["escalationPolicies"]
    assert [each["wait"] for each in policy["steps"]] == ["300s", "600s"]
    assert policy["steps"][0]["targets"] == [{"kind": "SCHEDULE", "id": schedule["id"]}]
    assert not policy.get("enabled", False)

    await page.get_by_role("link", name=f"Edit {run}").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name=run, level=3)).to_be_hidden()
    await rota.get_by_role("link", name="Edit").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(rota).to_be_hidden()
