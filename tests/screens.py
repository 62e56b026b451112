"""Pictures of the console, the portal and the phone view for the guides: `python -m tests.screens STATE`.

`STATE` is the folder of a running stack that has a company to look around in. Each page is taken in both themes, on a desk and
on a phone, as JPEG into `docs/screens/`. Fails where a page shows no heading or the console reports a defect.
`--language ar` takes them in another language, with that in their names; the guides show a few of those, which `--only` picks.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from tests.support.console import PATIENCE_MS, Person, chromium, sign_in

SCREENS = Path(__file__).resolve().parents[1] / "docs" / "screens"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
QUALITY = 72
USUAL = "en"
SETTLE_MS = 900
CONSOLE = {
    "incidents": "/incidents",
    "requests": "/requests",
    "majors": "/majors",
    "problems": "/problems",
    "changes": "/changes",
    "change-calendar": "/changes/calendar",
    "board": "/changes/cab",
    "releases": "/releases",
    "approvals": "/approvals",
    "tasks": "/tasks",
    "knowledge": "/articles",
    "catalog": "/catalogItems",
    "alerts": "/alerts",
    "on-call": "/schedules",
    "assets": "/assets",
    "dashboards": "/dashboards",
    "dashboard": "/dashboards/service-desk",
    "search": "/search?query=mail",
    "inbox": "/inbox",
    "settings": "/admin",
    "audit": "/audit",
}
PORTAL = {"portal": "/portal", "portal-services": "/portal/services", "portal-mine": "/portal/mine"}
PHONE = {"on-call-phone": "/oncall"}
FIRST = {"incident": "incidents", "change": "changes", "request": "requests", "article": "articles"}
"""Pages of one record: the first of its list."""


async def take(person: Person, name: str, path: str, into: Path) -> None:
    """One page in both themes and sizes."""
    await person.open(path)
    language = await person.page.evaluate("document.documentElement.lang")
    spoken = "" if language == USUAL else f"-{language}"
    for size, (width, height) in SIZES.items():
        await person.page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            await person.page.evaluate("theme => { document.documentElement.dataset.mantineColorScheme = theme }", theme)
            await person.page.wait_for_timeout(SETTLE_MS)
            await person.page.screenshot(path=into / f"{name}-{size}-{theme}{spoken}.jpg", type="jpeg", quality=QUALITY)
    width, height = SIZES["desk"]
    await person.page.set_viewport_size({"width": width, "height": height})


async def enter(browser: Browser, url: str, path: str, user: dict[str, Any], language: str) -> Person:
    """Somebody who has signed in at the real pages."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", locale=language)
    context.set_default_timeout(PATIENCE_MS)
    person = Person(url, context, await context.new_page())
    await sign_in(person.page, url, path, user["username"], user["password"])
    person.watch()
    return person


async def screens(state: Path, only: str, language: str, into: Path) -> list[str]:
    """Takes them all, or those whose name holds `only`. Returns what pages reported that they should not."""
    url = json.loads((state / "services" / "demo-place.json").read_text())["url"]
    users = json.loads((state / "services" / "demo-people.json").read_text())["users"]

    def somebody(role: str) -> dict[str, str]:
        name = next(name for name, user in users.items() if any(group.endswith(f"/{role}") for group in user["groups"]))
        return {"username": name, "password": users[name]["password"]}

    into.mkdir(parents=True, exist_ok=True)
    defects: list[str] = []
    async with chromium() as browser:
        for role, path, pages in (
            ("admin", "/incidents", CONSOLE),
            ("requester", "/portal", PORTAL),
            ("monitor-manager", "/oncall", PHONE),
        ):
            wanted = {name: where for name, where in pages.items() if only in name}
            if not wanted and pages is not CONSOLE:
                continue
            person = await enter(browser, url, path, somebody(role), language)
            for name, where in wanted.items():
                await take(person, name, where, into)
            if pages is CONSOLE:
                for name, resources in FIRST.items():
                    if only not in name:
                        continue
                    found = await person.read_back(f"{resources}?pageSize=1")
                    await take(person, name, f"/{resources}/{found[resources][0]['number']}", into)
            defects += person.defects
            await person.context.close()
    return defects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--only", default="", help="only pages whose name holds this")
    parser.add_argument("--language", default=USUAL, help="the language that the browser asks for")
    parser.add_argument("--into", type=Path, default=SCREENS, help="the folder of the pictures")
    given = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    defects = asyncio.run(screens(given.state, given.only, given.language, given.into))
    if defects:
        raise SystemExit("\n".join(defects))


if __name__ == "__main__":
    main()
