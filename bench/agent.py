"""`python -m bench.agent`: what the endpoint agent costs the machine that it runs on. One JSON object on the standard output.

It talks to a server in this process, with a watch list as of a well watched machine; its start is measured apart, because
it happens once. Exit status 1 when a limit is missed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench.plan import Target
from stack.options import ROOT
from tests.support.endpoint import ENROLLMENT_KEY, Endpoint, endpoint
from tests.support.eventually import eventually

MEMORY, CORE = Target("memory_mib", 60), Target("core_percent", 1.0)
_START = 60.0
_SETTLED = 8.0
"""Seconds after the start until a machine in its everyday state is measured."""

CHECKS: list[dict[str, Any]] = [
    *({"kind": "PROCESS", "target": name} for name in ("sshd", "nginx", "postgres", "python*")),
    *({"kind": "PROCESS", "target": f"port:{port}"} for port in (22, 443)),
    {"kind": "DISK", "target": "/", "limits": {"degraded": 80, "down": 90}},
    {"kind": "MEMORY", "limits": {"degraded": 90, "down": 97}},
    {"kind": "CPU", "limits": {"degraded": 90, "down": 98}},
]


async def measured(seconds: float, *, interval: str = "30s") -> dict[str, Any]:
    """A row of the bench: memory at its highest and the part of a core used, over so many seconds of everyday work."""
    async with endpoint() as server:
        server.checks = [
            {"id": f"chk_{number}", "interval": interval, "timeout": "10s", "enabled": True, **told}
            for number, told in enumerate(CHECKS)
        ]
        with tempfile.TemporaryDirectory() as folder:
            return await _run(server, Path(folder), seconds, interval)


async def _run(server: Endpoint, folder: Path, seconds: float, interval: str) -> dict[str, Any]:
    key = folder / "key"
    key.write_text(ENROLLMENT_KEY)
    arguments = ("--server", server.url, "--key-file", str(key), "--state", str(folder / "state"), "--log-level", "warning")
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "agent", "run", *arguments, cwd=ROOT)
    process = psutil.Process(child.pid)
    try:
        await _until_reported(server)
        await asyncio.sleep(_SETTLED)
        start = _used(process)
        began, memory = time.monotonic(), 0.0
        counted = len(server.requests)
        while time.monotonic() - began < seconds:
            memory = max(memory, process.memory_info().rss / 2**20)
            await asyncio.sleep(1)
        lasted, used = time.monotonic() - began, _used(process) - start
    finally:
        child.terminate()
        await asyncio.wait_for(child.wait(), _START)
    figures = {"memory_mib": round(memory, 1), "core_percent": round(100 * used / lasted, 2)}
    return {
        "operation": "agent",
        "driver": "-",
        "seconds": round(lasted, 1),
        "start_cpu_seconds": round(start, 2),
        "checks": len(CHECKS),
        "check_interval": interval,
        "requests": len(server.requests) - counted,
        "processes": len(psutil.pids()),
        **figures,
        "targets": [target.judge(figures[target.figure]) for target in (MEMORY, CORE)],
    }


async def _until_reported(server: Endpoint) -> None:
    def told() -> bool:
        seen = {one["checkId"] for one in server.results}
        return bool(server.reports and server.samples) and len(seen) == len(CHECKS)

    await eventually(told, within=_START)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; see the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.agent", description="Memory and CPU of the endpoint agent.")
    parser.add_argument("--seconds", type=float, default=60, help="length of the measured block")
    parser.add_argument("--interval", default="30s", help="of its checks, as in 30s")
    parsed = parser.parse_args(arguments)
    row = asyncio.run(measured(parsed.seconds, interval=parsed.interval))
    print(json.dumps(row, indent=1))
    return 0 if all(target["met"] for target in row["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
