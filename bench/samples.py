"""`python -m bench.samples`: what samples cost on their way in. One JSON object on the standard output.

Two rows: a minute of many series that are looked at every 15 seconds, sent as fast as answers come, with all that moves the
samples to their series afterwards; and a steady rate, for how soon an answer comes. CPU is that of the monitor and mongod, with
what they do for the rest of the stack meanwhile.
Exit status 1 when a request failed; a missed target is in the report.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import cramjam
import httpx
from itsm.monitor import v1 as pb
from pymongo import AsyncMongoClient

from bench.cpu import Meter, foreign_share, per_operation
from bench.plan import Target
from stack.options import ROOT, Options
from stack.supervisor import running

SERVING = ("monitor", "mongo")
COST, ANSWER = Target("cpu_ms_per_1000", 50), Target("p99", 500)
BATCH = 2_000
"""What Prometheus sends at once by default."""
SETTINGS = {"ITSM_SERIES_FOLD_SECONDS": "20", "ITSM_SERIES_PER_MINUTE": "1000000", "ITSM_SERIES_LIMIT": "1000000"}
"""Of the stack: so many series are new at once here as nowhere else."""

_STEP = 15_000
_PATIENCE = 240.0


class Sender:
    """Writes as Prometheus does: one sample of each series a round, in requests of 2,000."""

    def __init__(self, http: httpx.AsyncClient, series: int) -> None:
        self._http = http
        self._errors: list[str] = []
        self.latencies: list[float] = []
        run = uuid4().hex[:8]
        self._labels = [self._labels_of(run, number) for number in range(series)]

    @staticmethod
    def _labels_of(run: str, number: int) -> list[bytes]:
        labels = {
            "__name__": f"node_metric_{number % 1000}_total",
            "cluster": "bench",
            "device": f"sd{number % 7}",
            "env": run,
            "instance": f"host-{number // 1000}.example.org:9100",
            "job": "node",
            "mode": "idle",
        }
        return [pb.RemoteLabel(name=name, value=value).SerializeToString() for name, value in labels.items()]

    def bodies(self, at: int) -> Iterator[tuple[bytes, int]]:
        """The requests of one round and how many samples each has; `at` in milliseconds since 1970."""
        for start in range(0, len(self._labels), BATCH):
            request = pb.RemoteWrite()
            portion = self._labels[start : start + BATCH]
            for number, labels in enumerate(portion, start):
                series = request.timeseries.add(labels=labels)
                series.samples.add(value=float(at // 1000 * (number % 13 + 1)), timestamp=at)
            yield bytes(cramjam.snappy.compress_raw(request.SerializeToString())), len(portion)

    async def send(self, body: bytes) -> None:
        """One request; what is not 2xx counts as an error."""
        began = time.perf_counter()
        try:
            answer = await self._http.post("/api/v1/write", content=body)
            if answer.status_code != 204:
                self._errors.append(f"{answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as problem:
            self._errors.append(repr(problem))
        self.latencies.append(1000 * (time.perf_counter() - began))

    def figures(self) -> dict[str, Any]:
        """Errors and how long answers took, in milliseconds."""
        ordered = sorted(self.latencies)
        parts = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        told = {name: round(ordered[min(int(len(ordered) * part), len(ordered) - 1)], 2) for name, part in parts.items()}
        return {**told, "errors": len(self._errors), "first_error": self._errors[0] if self._errors else ""}


async def measured(description: dict[str, Any], *, series: int, rounds: int, seconds: float, rate: int) -> list[dict[str, Any]]:
    """Both rows, on a running stack."""
    key = await _key(description)
    headers = {
        "authorization": f"Bearer {key}",
        "content-encoding": "snappy",
        "content-type": "application/x-protobuf",
    }
    limits = httpx.Limits(max_connections=4)
    async with httpx.AsyncClient(
        base_url=description["ingest"], headers=headers, limits=limits, timeout=60, trust_env=False
    ) as http:
        return [
            await _minute(description, Sender(http, series), rounds),
            await _steady(description, Sender(http, rate * 5 // 2), seconds, rate),
        ]


async def _minute(description: dict[str, Any], sender: Sender, rounds: int) -> dict[str, Any]:
    """All series are registered first, which happens once in their life."""
    now = round(time.time() * 1000) - (rounds + 1) * _STEP
    for body, _ in sender.bodies(now):
        await sender.send(body)
    await _folded(description)
    sender.latencies.clear()
    made = [body for number in range(rounds) for body in sender.bodies(now + (number + 1) * _STEP)]
    count = sum(size for _, size in made)
    meter = Meter({name: description["processes"][name] for name in SERVING})
    before, began = meter.read(), time.perf_counter()
    waiting = iter(made)

    async def work() -> None:
        for body, _ in waiting:
            await sender.send(body)

    await asyncio.gather(*(work() for _ in range(4)))
    sent = time.perf_counter() - began
    await _folded(description)
    row = _row("a minute of series seen every 15 s", sender, count, sent, before, meter.read(), time.perf_counter() - began)
    return row | {"targets": [COST.judge(row[COST.figure])]}


async def _steady(description: dict[str, Any], sender: Sender, seconds: float, rate: int) -> dict[str, Any]:
    """Requests at even distances, whether or not the one before was answered."""
    start = round(time.time() * 1000) - 60_000
    for body, _ in sender.bodies(start):
        await sender.send(body)
    await _folded(description)
    sender.latencies.clear()
    meter = Meter({name: description["processes"][name] for name in SERVING})
    before, began, count, at = meter.read(), time.perf_counter(), 0, start
    running_now: set[asyncio.Task[None]] = set()
    while time.perf_counter() - began < seconds:
        at += 2_500
        for body, size in sender.bodies(at):
            await asyncio.sleep(max(began + count / rate - time.perf_counter(), 0))
            task = asyncio.create_task(sender.send(body))
            running_now.add(task)
            task.add_done_callback(running_now.discard)
            count += size
    await asyncio.gather(*running_now)
    sent = time.perf_counter() - began
    await _folded(description)
    row = _row(f"{rate} samples/s", sender, count, sent, before, meter.read(), time.perf_counter() - began)
    return row | {"targets": [ANSWER.judge(row[ANSWER.figure])]}


def _row(
    name: str, sender: Sender, count: int, sent: float, before: dict[str, float], after: dict[str, float], lasted: float
) -> dict[str, Any]:
    cpu = per_operation(before, after, max(count // 1000, 1))
    total = round(sum(cpu.values()), 2)
    figures = {**sender.figures(), "cpu_ms_per_1000": total}
    return {
        "operation": f"remote write: {name}",
        "count": count,
        "throughput": round(count / sent, 1),
        "samples_per_core_second": round(1_000_000 / total) if total else 0,
        "cpu": cpu,
        "foreign_share": foreign_share(before, after, lasted),
        **figures,
    }


async def _key(description: dict[str, Any]) -> str:
    """A key that may send samples."""
    headers = {"authorization": f"Bearer {description['users']['admin']['token']}"}
    async with httpx.AsyncClient(base_url=description["gateway"], headers=headers, timeout=30, trust_env=False) as http:
        answer = await http.post("/api/v1/tokens", json={"kind": "INTEGRATION", "name": "bench", "roles": ["integration"]})
        answer.raise_for_status()
        return str(answer.json()["secret"])


async def _folded(description: dict[str, Any]) -> None:
    """Until all samples are with their series."""
    client: Any = AsyncMongoClient(description["backing"]["mongo"]["uris"]["monitor"])
    try:
        async with asyncio.timeout(_PATIENCE):
            while await client.get_default_database()["sample_blocks"].find_one({}, {"_id": 1}):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.2)
    finally:
        await client.close()


@asynccontextmanager
async def _stack(parsed: argparse.Namespace) -> AsyncIterator[dict[str, Any]]:
    if parsed.stack:
        yield json.loads(parsed.stack.read_text())
        return
    async with running(Options(state=parsed.state, fresh=True, agent=False, extra=SETTINGS)) as stack:
        yield stack.describe()


async def _main(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    async with _stack(parsed) as description:
        return await measured(description, series=parsed.series, rounds=parsed.rounds, seconds=parsed.seconds, rate=parsed.rate)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; see the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.samples", description="What samples cost on their way in.")
    parser.add_argument("--stack", type=Path, help="description of a running stack; without it one is started")
    parser.add_argument("--state", type=Path, default=ROOT / ".state" / "bench", help="folder of the stack that is started")
    parser.add_argument("--series", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=4, help="how many samples each of them gets")
    parser.add_argument("--seconds", type=float, default=30, help="length of the steady block")
    parser.add_argument("--rate", type=int, default=2_000, help="samples a second in the steady block")
    rows = asyncio.run(_main(parser.parse_args(arguments)))
    print(json.dumps(rows, indent=1))
    return 1 if any(row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
