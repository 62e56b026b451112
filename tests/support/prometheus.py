"""Debian's Prometheus as a sender: it looks at targets every second and writes what it finds to us."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.ports import Ports
from tests.support.eventually import eventually

_CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: [{targets}]
remote_write:
  - url: {url}/api/v1/write
    authorization:
      credentials: {key}
    queue_config:
      batch_send_deadline: 1s
      min_backoff: 100ms
      max_backoff: 1s
"""


class Prometheus:
    """One that runs."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def samples(self, query: str) -> list[dict[str, Any]]:
        """What it holds itself: `metric` and `values`, pairs of seconds and text."""
        answer = await self._http.get("/api/v1/query", params={"query": query})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found


@asynccontextmanager
async def prometheus(
    folder: Path, *, url: str, key: str, targets: list[str], job: str, more: str = ""
) -> AsyncIterator[Prometheus]:
    """Runs for the block; `more` is further configuration. Skips the test where it is not there, which CI does not allow."""
    program = installed("prometheus", "prometheus")
    address = f"127.0.0.1:{Ports(folder / 'ports.json').get('prometheus')}"
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        _CONFIGURATION.format(url=url, key=key, job=job, targets=", ".join(f"'{each}'" for each in [*targets, address])) + more
    )
    arguments = (f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}")
    async with running(program, *arguments, address=address, log=folder / "prometheus.log") as http:
        yield Prometheus(http)


_RULES = """
groups:
  - name: availability
    interval: 1s
    rules:
      - alert: InstanceDown
        expr: up{{job="{job}"}} == 0
        for: 2s
        labels:
          severity: critical
        annotations:
          summary: "{{{{ $labels.instance }}}} is down"
"""
_ALERTING = """
rule_files: ['{rules}']
alerting:
  alertmanagers:
    - static_configs:
        - targets: ['{address}']
"""
_ALERTMANAGER = """
route:
  receiver: itsm
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 5s
receivers:
  - name: itsm
    webhook_configs:
      - url: {url}/ingest/alertmanager
        send_resolved: true
        http_config:
          authorization:
            credentials: {key}
"""


@asynccontextmanager
async def alertmanager(folder: Path, *, url: str, key: str, job: str) -> AsyncIterator[str]:
    """Debian's Alertmanager in front of us for the block. Gives what a Prometheus needs to be told to alert through it."""
    program = installed("prometheus-alertmanager", "prometheus-alertmanager")
    address = f"127.0.0.1:{Ports(folder / 'ports.json').get('alertmanager')}"
    configuration, rules = folder / "alertmanager.yml", folder / "rules.yml"
    configuration.write_text(_ALERTMANAGER.format(url=url, key=key))
    rules.write_text(_RULES.format(job=job))
    arguments = (
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
    )
    async with running(program, *arguments, address=address, log=folder / "alertmanager.log"):
        yield _ALERTING.format(rules=rules, address=address)


def installed(program: str, package: str) -> str:
    """Where a program is. Skips the test where it is not, which CI does not allow."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs the program {program} (Debian: apt-get install {package})")
    return found


@asynccontextmanager
async def running(program: str, *arguments: str, address: str, log: Path) -> AsyncIterator[httpx.AsyncClient]:
    """One of Prometheus' programs for the block, once it is ready."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, f"--web.listen-address={address}", stdout=out, stderr=out
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}", timeout=10, trust_env=False) as http:
                await _ready(http, process)
                yield http
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def _ready(http: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    found: list[int] = []

    async def ask() -> None:
        while process.returncode is None:
            try:
                found.append((await http.get("/-/ready")).status_code)
            except httpx.TransportError:
                found.append(0)
            await asyncio.sleep(0.2)

    asking = asyncio.create_task(ask())
    try:
        await eventually(lambda: found and found[-1] == httpx.codes.OK, within=60)
    finally:
        asking.cancel()
