"""What an installation shows to somebody who only looks: what it asks of the internet, its metrics, its log."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from chassis.peers import SERVICES
from tests.k8s import stranger
from tests.k8s.cluster import Cluster
from tests.k8s.connections import connected
from tests.k8s.steps import Run
from tests.support.console import chromium, sign_in
from tests.support.gateway import Gateway

# Addresses that answer everybody who has a way out.
_OUTSIDE = ("1.1.1.1:443", "8.8.8.8:53")
_STRANGE = 10_000  # requests for ids that are not there and addresses that nobody has
_AT_ONCE = 8
_GROWTH = 0.05
_SEARCH = """
import json, os, re
wanted = re.compile(
    "(ba|da|a|z|k|c|tc|fi)?sh|busybox|toybox|apt(-get)?|dpkg|rpm|apk|yum|dnf|pip[0-9.]*|uv|conda|npm|perl[0-9.]*|curl|wget|nc|ssh"
)
found = []
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
    paths = [os.path.join(folder, name) for name in files if wanted.fullmatch(name)]
    found += [path for path in paths if os.access(path, os.X_OK)]
print(json.dumps(sorted(found)))
"""


async def outside(at: Run) -> dict[str, Any]:
    """Whether pods have a way out, which this installation then did without; the console asks nobody but its own addresses."""
    reached = await stranger.tried(at.cluster, [*_OUTSIDE, "kubernetes.default.svc:443"])
    asked: set[str] = set()
    async with connected(at.cluster, at.ports) as stack, chromium() as browser:
        page = await browser.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        await sign_in(page, stack["gateway"], "/incidents", "agent", stack["users"]["agent"]["password"])
        await page.get_by_role("navigation").first.wait_for()
        title = await page.title()
    own = {urlsplit(stack[name]).netloc for name in ("gateway", "keycloak")} | {""}
    outcome = {"reached": reached, "console": title, "asked": sorted(asked - {""}), "strangers": sorted(asked - own)}
    if asked - own or not reached["kubernetes.default.svc:443"]:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def shells(at: Run) -> dict[str, Any]:
    """Nobody who gets into a container of ours finds a shell, a package manager, or a program that fetches things."""
    found: dict[str, list[str]] = {}
    for name in SERVICES:
        pod = (await at.cluster.pods(name))[0]["metadata"]["name"]
        found[name] = json.loads(await at.cluster.kubectl("exec", pod, "--", "python", "-c", _SEARCH))
    outcome = {"found": found}
    if any(found.values()):
        raise AssertionError(json.dumps(outcome))
    return outcome


async def strange_requests(at: Run) -> dict[str, Any]:
    """Ids that are not there and addresses that nobody has add no series to the metrics of any process."""
    async with (
        connected(at.cluster, at.ports) as stack,
        Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent,
        at.cluster.api() as api,
    ):
        await _strange(agent, 200)
        before = await _series(at.cluster, api)
        begun = time.monotonic()
        statuses = await _strange(agent, _STRANGE)
        took = time.monotonic() - begun
        after = await _series(at.cluster, api)
    growth = {name: round(after[name] / before[name] - 1, 4) for name in before}
    outcome = {
        "requests": _STRANGE,
        "seconds_for_them": round(took, 1),
        "statuses": statuses,
        "series_before": before,
        "series_after": after,
        "growth": growth,
    }
    if max(map(abs, growth.values())) > _GROWTH or max(map(int, statuses)) >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def _strange(agent: Gateway, requests: int) -> dict[str, int]:
    """How often each status was the answer."""
    statuses: dict[str, int] = {}
    numbers = iter(range(requests))

    async def one_after_the_other() -> None:
        for number in numbers:
            mark = uuid4().hex[:26]
            paths = (f"/api/v1/incidents/inc_{mark}", f"/api/v1/assets/ast_{mark}", f"/api/v1/{mark}", f"/{mark}/{number}")
            method = "DELETE" if number % 50 == 0 else "GET"
            answer = await agent.http.request(method, paths[number % len(paths)])
            status = str(answer.status_code)
            statuses[status] = statuses.get(status, 0) + 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_the_other())
    return statuses


async def _series(cluster: Cluster, api: httpx.AsyncClient) -> dict[str, int]:
    counted = {}
    for name in SERVICES:
        pod = (await cluster.pods(name))[0]["metadata"]["name"]
        text = (await api.get(f"pods/{pod}:8081/proxy/metrics")).raise_for_status().text
        counted[name] = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    return counted
