"""What the console may cost whoever works in it: the time to the first picture, of a scroll, of a key, on a slow machine.

Three tries, of which the best counts. Other tests keep the machine busy meanwhile, so each try says how much slower the same
piece of work ran than at its best moment, and the limits, which are those of a machine for oneself, wait that much longer.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from playwright.async_api import CDPSession, Page, Route, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway

ROWS = 10_000
PAGE = 100
TRIES = 3
SLOWER = 4
"""How many times slower than this machine the processor is made."""
LCP_MS = 1_800
WARM_LCP_MS = 900
FRAME_P50_MS, FRAME_P95_MS = 33, 120
KEY_P95_MS = 200
PEEK_MS = 150
NODES = 1_500

_SCROLL = """async () => {
  const list = document.querySelector('.grid-scroll');
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let step = 0; step < 60; step += 1) {
    list.scrollTop += 300;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames.sort((a, b) => a - b);
}"""
_KEY = """async key => {
  const begun = performance.now();
  document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  await new Promise(requestAnimationFrame);
  await new Promise(resolve => setTimeout(resolve));
  return performance.now() - begun;
}"""
_BUSY = """() => {
  const times = [];
  for (let run = 0; run < 60; run += 1) {
    const begun = performance.now();
    let sum = 0;
    for (let step = 0; step < 400000; step += 1) sum += Math.sqrt(step % 1013);
    if (sum > 0) times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const mean = times.reduce((total, each) => total + each, 0) / times.length;
  return Math.max(1, mean / times[0]);
}"""
_LCP = """() => new Promise(resolve => {
  new PerformanceObserver(list => resolve(list.getEntries().at(-1).startTime))
    .observe({ type: 'largest-contentful-paint', buffered: true });
})"""


def row(pattern: dict[str, Any], number: int) -> dict[str, Any]:
    """One of many incidents that look like a real one."""
    name = f"INC{number:07d}"
    return {**pattern, "id": f"inc_{number:026d}", "number": name, "title": f"disk {number} of rack {number % 97} is full"}


async def serve_many(page: Page, pattern: dict[str, Any]) -> None:
    """Ten thousand incidents behind the list, in pages, as the gateway would give them."""

    async def answer(route: Route) -> None:
        found = re.search(r"pageToken=(\d+)", route.request.url)
        start = int(found.group(1)) if found else 0
        last = min(start + PAGE, ROWS)
        body = {
            "incidents": [row(pattern, number) for number in range(start, last)],
            "nextPageToken": str(last) if last < ROWS else "",
        }
        await route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    await page.route(re.compile(r"/api/v1/incidents\?"), answer)


async def best(page: Page, measure: Callable[[], Awaitable[dict[str, float]]], limits: dict[str, float]) -> None:
    """Raises `AssertionError` where no try keeps all limits, with what was measured."""
    tries = []
    for _ in range(TRIES):
        before = await page.evaluate(_BUSY)
        found = await measure()
        slower = max(before, await page.evaluate(_BUSY))
        if all(found[name] <= limit * slower for name, limit in limits.items()):
            return
        tries.append({**found, "slower": slower})
    raise AssertionError(f"no try is within {limits}: {tries}")


async def test_a_queue_of_ten_thousand_stays_light_on_a_slow_machine(enter: Enter, agent: Gateway) -> None:
    pattern = await agent.post("incidents", {"title": f"pattern {uuid4().hex}"})
    me = await enter("agent")
    page = me.page
    me.forgiven.append("404")  # what is looked at beside the list is made up
    await serve_many(page, pattern)
    await me.open("/incidents?view=all")
    await expect(page.get_by_role("row").nth(5)).to_be_visible()
    session: CDPSession = await me.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})

    async def scroll() -> dict[str, float]:
        frames = await page.evaluate(_SCROLL)
        return {
            "p50": frames[len(frames) // 2],
            "p95": frames[int(len(frames) * 0.95)],
        }

    await best(page, scroll, {"p50": FRAME_P50_MS, "p95": FRAME_P95_MS})

    assert await page.evaluate("document.querySelectorAll('*').length") <= NODES

    async def keys() -> dict[str, float]:
        await page.evaluate("document.querySelector('.grid-scroll').focus()")
        moves = sorted([await page.evaluate(_KEY, "j") for _ in range(20)])
        return {"p95": moves[18]}

    await best(page, keys, {"p95": KEY_P95_MS})

    async def peek() -> dict[str, float]:
        await page.evaluate(_KEY, "Escape")
        return {"opened": await page.evaluate(_KEY, "Enter")}

    await best(page, peek, {"opened": PEEK_MS})
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})


async def test_the_first_picture_comes_soon_over_a_slow_line(enter: Enter) -> None:
    me = await enter("agent")
    page = me.page
    await me.open("/incidents")
    session = await me.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    line = {"offline": False, "latency": 40, "downloadThroughput": 10_000_000 / 8, "uploadThroughput": 10_000_000 / 8}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", line)

    def loaded(cold: bool) -> Callable[[], Awaitable[dict[str, float]]]:
        async def measure() -> dict[str, float]:
            if cold:
                await session.send("Network.clearBrowserCache")
            await page.reload()
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            return {"lcp": await page.evaluate(_LCP)}

        return measure

    await best(page, loaded(cold=True), {"lcp": LCP_MS})
    await best(page, loaded(cold=False), {"lcp": WARM_LCP_MS})
