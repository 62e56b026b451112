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
async def prometheus(folder: Path, *, url: str, key: str, targets: list[str], job: str) -> AsyncIterator[Prometheus]:
    """Runs for the block. Skips the test where the program is not installed, which CI does not allow."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs the program prometheus (Debian: apt-get install prometheus)")
    address = f"127.0.0.1:{Ports(folder / 'ports.json').get('prometheus')}"
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        _CONFIGURATION.format(url=url, key=key, job=job, targets=", ".join(f"'{each}'" for each in [*targets, address]))
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}", timeout=10, trust_env=False) as http:
                await _ready(http, process)
                yield Prometheus(http)
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
