"""The web console in a real browser: Debian's Chromium without a window, people who sign in at the real Keycloak.

A page that logs an error, throws, or asks for something that fails, is a defect; each `Person` collects these.
"""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
BUILT = ROOT / "web" / "dist" / "index.html"
PATIENCE_MS = 60_000
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SETTLED = """async () => {
  const fading = document.getAnimations().filter(each => each instanceof CSSTransition);
  await Promise.allSettled(fading.map(each => each.finished));
}"""
_WORTH_IT = ("serious", "critical")
# A page that is left ends what it still asks for; that is no failure.
_LEFT = ("net::ERR_ABORTED",)
# A network interface of the machine came or went, such as a container's: Chromium then ends whatever it asks for.
_INTERRUPTED = "net::ERR_NETWORK_CHANGED"
_OPENINGS = 3


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser. Fails with what is missing where the machine has none or the console is not built."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, "there is no Chromium on this machine; .ci/run installs it"
    assert BUILT.exists(), "the console is not built: make web"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=list(_FLAGS), timeout=PATIENCE_MS)
        yield browser
        await browser.close()


async def sign_in(page: Page, url: str, path: str, username: str, password: str) -> None:
    """From an address of the console to Keycloak's pages and back, as a person does it."""
    await page.goto(url + path)
    await page.locator("#username").fill(username)
    if not await page.locator("#password").is_visible():
        await page.locator("[type=submit]").click()
    await page.locator("#password").fill(password)
    await page.locator("[type=submit]").click()
    await page.wait_for_url(re.compile(re.escape(url) + "/(?!auth/)"))


@dataclass
class Person:
    """Somebody at the console, in a browser of his own."""

    url: str
    context: BrowserContext
    page: Page
    defects: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=lambda: [_INTERRUPTED])
    interruptions: int = 0

    def watch(self) -> None:
        """Collects what a page should not do."""
        self.page.on("console", lambda said: self._found(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._found(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", lambda answer: self._found(f"{answer.status} {answer.url}") if answer.status >= 400 else None)

    def _found(self, defect: str) -> None:
        if not any(text in defect for text in self.forgiven):
            self.defects.append(defect)

    def _failed(self, request: Request) -> None:
        if request.failure == _INTERRUPTED:
            self.interruptions += 1
        if request.failure not in _LEFT:
            self._found(f"{request.failure} {request.url}")

    def forgive(self, text: str) -> None:
        """From now on defects with this text are none; raises `AssertionError` where there was none so far.

        The browser tells of one refusal more than once, and of the last a moment later.
        """
        assert any(text in defect for defect in self.defects), f"the browser tells nothing of {text}: {self.defects}"
        self.forgiven.append(text)
        self.defects[:] = [defect for defect in self.defects if text not in defect]

    async def open(self, path: str) -> None:
        """Goes to a page of the console and waits until it is shown; again where the machine's network changed meanwhile."""
        for left in reversed(range(_OPENINGS)):
            interruptions, defects = self.interruptions, len(self.defects)
            try:
                await self.page.goto(self.url + path)
                await expect(self.page.get_by_role("heading", level=1)).to_be_visible()
            except (PlaywrightError, AssertionError):
                if left == 0 or self.interruptions == interruptions:
                    raise
                del self.defects[defects:]
            else:
                return

    async def live(self) -> None:
        """Waits until changes of others are heard."""
        await expect(self.page.locator(".pulse[data-state=live]")).to_be_visible()

    async def press(self, *keys: str) -> None:
        """Keys one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def read_back(self, path: str) -> Any:
        """What the interface for programs says, with this person's session."""
        return await self.page.evaluate("async path => (await fetch(`/api/v1/${path}`)).json()", path)

    async def check(self) -> None:
        """Raises `AssertionError` for what axe finds serious on the present page, in both themes, and for any defect so far."""
        for scheme in ("light", "dark"):
            await self.page.evaluate("scheme => { document.documentElement.dataset.mantineColorScheme = scheme }", scheme)
            found = await self.violations()
            assert not found, f"{self.page.url} ({scheme}): {found}"
        assert not self.defects, self.defects

    async def violations(self) -> list[str]:
        """What axe finds serious on the present page."""
        # What fades in or out has colors on the way that nobody reads.
        await self.page.evaluate(_SETTLED)
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{each['id']}: {each['help']}: " + "; ".join(node["html"][:160] for node in each["nodes"][:4])
            for each in found["violations"]
            if each["impact"] in _WORTH_IT
        ]
