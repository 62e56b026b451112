"""A promise in the browser, from in time to missed: what is left of it is the server's to say, whatever a laptop says."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

GOAL_MINUTES = 8
"""Short, so that the clock that all tests share is moved by minutes only; long enough for hands on a busy machine."""
AMBER_LEFT = 100
SECONDS_LEFT = 45
APART = 2.0
SKEW = timedelta(hours=1)
NEXT_LOOK_MS = 16_000


class ServerTime:
    """The clock of all services, which a file moves."""

    def __init__(self, file: Path) -> None:
        self._file, self._ahead = file, timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def leave(self, due: datetime, seconds: float) -> None:
        """Moves on until so much is left until an instant; less than nothing is past it."""
        self._ahead += due - timedelta(seconds=seconds) - self()
        self._file.write_text(str(self._ahead.total_seconds()))

    def back(self) -> None:
        """As if nothing had been."""
        self._file.write_text("0")


@pytest.fixture
async def server(backing: dict[str, Any]) -> AsyncIterator[ServerTime]:
    """The clock of the platform, right again after the test."""
    moved = ServerTime(Path(backing["clock_file"]))
    yield moved
    moved.back()


@pytest.fixture
async def promised(agent: Gateway, keeper: Gateway, stack: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """An incident of somebody's, in the hands of an agent, promised to be solved in minutes; its team lead hears of misses."""
    word = f"sla-{uuid4().hex[:8]}"
    async with (
        Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as requester,
        Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as lead,
    ):
        people = {name: (await each.get("users:whoami"))["subject"] for name, each in (("eve", requester), ("lead", lead))}
        policy = await keeper.post(
            "slaPolicies",
            {
                "name": word,
                "categories": [word],
                "targets": [{"priority": "P3", "kind": "RESOLVE", "amount": GOAL_MINUTES}],
                "pauseReasons": ["CALLER"],
            },
        )
        rule = await keeper.post(
            "notificationRules",
            {
                "name": word,
                "eventTypes": ["itsm.incident.v1.IncidentEscalated"],
                "filter": f'category = "{word}" AND clocks.breached = true',
                "userIds": [people["lead"]],
                "channels": ["PUSH"],
                "template": "incident-escalated",
            },
        )
        said = {"title": f"{word} has to be quick", "category": word, "requesterId": people["eve"]}
        incident = await agent.post("incidents", said)
        me = (await agent.get("users:whoami"))["subject"]
        await agent.post(f"incidents/{incident['id']}:assign", {"teamId": "Desk", "assigneeId": me})
        yield {"word": word, "incident": incident, "eve": requester, "lead": lead}
    await keeper.send("DELETE", f"notificationRules/{rule['id']}", version=rule["etag"])
    await keeper.send("DELETE", f"slaPolicies/{policy['id']}", version=policy["etag"])


async def resolving(agent: Gateway, incident: dict[str, Any]) -> dict[str, Any]:
    """The clock of the promise, as the interface for programs tells it."""
    found: dict[str, Any] = await agent.get(f"incidents/{incident['id']}")
    (clock,) = [clock for clock in found["clocks"] if clock["kind"] == "RESOLVE"]
    return clock | {"dueTime": datetime.fromisoformat(clock["dueTime"]) if clock.get("dueTime") else None}


async def told(who: Gateway, incident: dict[str, Any]) -> list[str]:
    """What somebody finds in the inbox about promises to it."""
    items = (await who.get("inbox"))["items"]
    about = [each for each in items if each["subject"] == f"incidents/{incident['id']}"]
    return [each["title"] for each in about if each["eventType"].endswith("IncidentEscalated")]


async def expect_chip(chip: Locator, tone: str, text: str) -> None:
    """A color, a sign and a text that says the same."""
    await expect(chip).to_have_attribute("data-tone", tone)
    await expect(chip).to_have_text(re.compile(text))
    await expect(chip.locator("svg")).to_be_attached()


async def test_a_promise_is_warned_of_waits_goes_on_and_is_missed_by_the_clock_of_the_server(
    enter: Enter, agent: Gateway, promised: dict[str, Any], server: ServerTime
) -> None:
    incident, word = promised["incident"], promised["word"]
    ann, mia = await enter("agent"), await enter("analyst")
    await ann.context.clock.install(time=datetime.now(UTC) + SKEW)  # a laptop that is an hour ahead
    await ann.open(f"/incidents/{incident['number']}")
    await ann.live()
    chip = ann.page.locator(".clock").filter(has_text="Resolution").locator(".chip")
    await expect_chip(chip, "still", "[67] m")

    tile = {"id": "a", "kind": "NUMBER", "kpi": "sla-attainment", "measure": "COUNT", "title": "Decided"}
    place = {"x": 0, "y": 0, "w": 3, "h": 2, "series": ["RESOLVE"], "allTime": True, "filter": f'category = "{word}"'}
    await mia.open("/dashboards")
    board = await mia.page.evaluate(
        "body => fetch('/api/v1/dashboards', {method: 'POST', headers: {'content-type': 'application/json',"
        " 'x-itsm-csrf': '1'}, body: JSON.stringify(body)}).then(answer => answer.json())",
        {"name": word, "tiles": [tile | place]},
    )
    await mia.open(f"/dashboards/{board['id']}")
    await mia.live()
    lead = await enter("incident-manager")
    await lead.open(f'/incidents?view=all&filter=category = "{word}" AND clocks.breached = true')
    await expect(lead.page.get_by_role("heading", level=2, name="Nothing here")).to_be_visible()
    await lead.live()

    # Three quarters are used.
    due = (await resolving(agent, incident))["dueTime"]
    server.leave(due, AMBER_LEFT)
    warned = ann.page.locator(".toast").filter(has_text="A promise is at risk")
    await expect(warned).to_be_visible()
    await expect(warned).to_have_count(1)
    await ann.page.clock.fast_forward(NEXT_LOOK_MS)  # the page asks by whose clock it counts every so often
    await expect_chip(chip, "warn", "^1 m$|^[0-9]+ s$")
    assert await told(agent, incident) == [f"[{incident['number']}] A promise is at risk: {incident['title']}"]
    await ann.check()

    # It waits for whom it is for, and goes on with what was left.
    await ann.press("h")
    await ann.page.get_by_role("dialog").get_by_label("Note", exact=True).fill("Does it still happen?")
    await ann.page.get_by_role("dialog").get_by_role("button", name="Put on hold").click()
    await expect_chip(chip, "still", "paused, ")
    held = await resolving(agent, incident)
    left = float(held["target"][:-1]) - float(held["elapsed"][:-1])
    assert (held["state"], 0 < left < AMBER_LEFT) == ("PAUSED", True)
    asked = server()
    await promised["eve"].post(f"incidents/{incident['id']}/notes", {"text": "It still is.", "public": True})
    answered = server()
    await expect_chip(chip, "warn", "^1 m$|^[0-9]+ s$")
    due = (await resolving(agent, incident))["dueTime"]
    assert asked <= due - timedelta(seconds=left - 0.1)
    assert due - timedelta(seconds=left) <= answered + timedelta(seconds=0.1)

    # What the page says is left is what the server says.
    server.leave(due, SECONDS_LEFT)
    await ann.page.clock.fast_forward(NEXT_LOOK_MS)
    await expect(chip).to_have_text(re.compile("^[0-9]+ s$"))
    before = (due - server()).total_seconds()
    shown = int(((await chip.text_content()) or "").removesuffix(" s"))
    after = (due - server()).total_seconds()
    assert after - APART <= shown <= before + APART

    # Missed: its team lead hears of it, a list tells that it has news, a figure counts it.
    server.leave(due, -5)
    await ann.page.clock.fast_forward(NEXT_LOOK_MS)
    await expect_chip(chip, "bad", "^\N{MINUS SIGN}")
    await expect(lead.page.get_by_role("button", name=re.compile("1 new"))).to_be_visible()
    await expect(lead.page.get_by_role("row").filter(has_text=word)).to_have_count(0)
    await lead.press("u")
    await expect(lead.page.get_by_role("row").filter(has_text=word)).to_have_count(1)
    await expect(mia.page.get_by_role("region", name="Decided").locator(".figure-value")).to_have_text("1")
    assert await told(promised["lead"], incident) == [f"[{incident['number']}] A promise is at risk: {incident['title']}"]
    assert len(await told(agent, incident)) == 2

    await ann.press("e")
    resolve = ann.page.get_by_role("dialog")
    await resolve.get_by_label("Resolution", exact=True).fill("Done, late.")
    await resolve.get_by_role("button", name="Resolve").click()
    await expect_chip(chip, "bad", "missed")
    clock = await resolving(agent, incident)
    assert (clock["state"], clock["breached"]) == ("STOPPED", True)
    for person in (ann, mia, lead):
        await person.check()
