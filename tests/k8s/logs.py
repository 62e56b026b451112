"""The log of an installation: 10,000 lines of all processes, none of which says too much, or too little."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httpx

from chassis.peers import SERVICES
from tests.k8s.cluster import Cluster, free_port
from tests.k8s.connections import connected
from tests.k8s.steps import Run

_LEAST = 10_000
# A gateway writes at most 50 lines a second about requests that it refuses.
_PACE = 40.0
_REFUSED = "Request refused."
_FIELDS = {"ts", "level", "logger", "message", "service"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MAIL = re.compile(r"[\w.+%-]+@[\w-]+\.[a-z]{2,}")
_TOKEN = re.compile(r"eyJ[\w-]{10,}|(?i:\bbearer\s+)[\w.~+/-]{8,}|-----BEGIN")


@dataclass(slots=True)
class Judgment:
    """What is in lines, and what is wrong with them."""

    lines: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)  # of requests that were refused, "" where a line has none

    def add(self, service: str, lines: Iterable[str], withheld: Iterable[str]) -> None:
        """Looks at lines of a process."""
        for line in lines:
            self.lines[service] += 1
            if _MAIL.search(unquote(line)) or _TOKEN.search(line) or any(secret in line for secret in withheld):
                self.leaks.append(f"{service}: {line[:200]}")
            try:
                told = json.loads(line)
            except ValueError:
                told = None
            if not isinstance(told, dict) or not _whole(told, service):
                self.broken.append(f"{service}: {line[:200]}")
                continue
            self.levels[told["level"]] += 1
            if told["message"] == _REFUSED:
                self.traces.append(told.get("trace_id", ""))


async def logs(at: Run) -> dict[str, Any]:
    """Every line of every process, outages included, is a JSON object with its fields, and without a secret or an address.

    A request that goes well writes no line: strangers are sent, each with a trace of its own, which its line has to name.
    """
    async with connected(at.cluster, at.ports) as stack:
        users = stack["users"].values()
        withheld = {user["password"] for user in users} | {user["token"] for user in users}
    there = sum([len(await lines(at.cluster, name)) for name in SERVICES])
    sent = await _strangers(at.cluster, _LEAST - there)
    judgment = Judgment()
    for name in SERVICES:
        judgment.add(name, await lines(at.cluster, name), withheld)
    told = set(judgment.traces)
    outcome = {
        "lines": dict(judgment.lines),
        "levels": dict(judgment.levels),
        "refused_requests": len(sent),
        "their_traces_in_lines": len(sent & told),
        "not_whole": judgment.broken[:5],
        "leaks": judgment.leaks[:5],
    }
    enough = sum(judgment.lines.values()) >= _LEAST and set(judgment.lines) == set(SERVICES)
    if judgment.broken or judgment.leaks or sent - told or len(sent) < _LEAST - there or not enough:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def lines(cluster: Cluster, component: str, since: str = "") -> list[str]:
    """What the pods of a component have written, those before a restart left out."""
    found: list[str] = []
    for pod in await cluster.pods(component):
        arguments = ["logs", pod["metadata"]["name"], "--tail=-1", *([f"--since-time={since}"] if since else [])]
        found += (await cluster.kubectl(*arguments)).splitlines()
    return found


def _whole(told: dict[str, Any], service: str) -> bool:
    texts = all(isinstance(told.get(name), str) for name in _FIELDS)
    return texts and told["service"] == service and bool(_TIME.fullmatch(told["ts"])) and bool(told["message"])


async def _strangers(cluster: Cluster, count: int) -> set[str]:
    """So many requests that are refused, by turns at all gateways, with what no log may keep; returns their traces."""
    pods = [pod["metadata"]["name"] for pod in await cluster.pods("gateway")]
    ports = [free_port(0) for _ in pods]
    traces: set[str] = set()
    async with AsyncExitStack() as opened:
        doors = []
        for pod, port in zip(pods, ports, strict=True):
            await opened.enter_async_context(cluster.forward(f"pod/{pod}", (port, 8080)))
            doors.append(
                await opened.enter_async_context(
                    httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
                )
            )

        async def strangers(door: httpx.AsyncClient, number: int) -> None:
            for _ in range(number):
                trace = uuid4().hex
                headers = {
                    "authorization": f"Bearer eyJ{uuid4().hex}.eyJ{uuid4().hex}.x",
                    "traceparent": f"00-{trace}-{trace[:16]}-00",
                    "user-agent": "someone@example.org",
                }
                answer, _ = await asyncio.gather(
                    door.get("/api/v1/incidents/someone@example.org", headers=headers),
                    asyncio.sleep(1 / _PACE),
                )
                if answer.status_code in {401, 429}:
                    traces.add(trace)

        async with asyncio.TaskGroup() as group:
            for door in doors:
                group.create_task(strangers(door, max(0, -(-count // len(doors)))))
    return traces
