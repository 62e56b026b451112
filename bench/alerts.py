"""`python -m bench.alerts`: what alerts cost from a sender to a visible incident. One JSON object on the standard output.

Rows: new alerts one by one, new alerts in notifications of 100, a storm of which 95 % are repeats, and a steady rate at which
each new alert is followed until its incident is on the live stream. `cpu_ms` is that of all processes between a sender and the
incident, consumers included, counted until nothing is under way any more; `all_ms` has everybody's who follows as well, and
`commands` what was asked of the database, an alert. Exit status 1 when a request failed or an
acknowledged alert is missing; a missed target is in the report.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
from pymongo import AsyncMongoClient

from bench.cpu import Meter, foreign_share, per_operation
from bench.load import percentiles
from bench.plan import Target
from stack.options import ROOT, Options
from stack.supervisor import running

SERVING = ("monitor", "incident", "mongo", "kafka")
FOLLOWING = ("asset", "analytics", "auth", "gateway")
"""They follow what happens; their share of the database and the broker counts all the same."""
ONE_BY_ONE, IN_BATCHES = Target("cpu_ms", 3.5, 1.7), Target("cpu_ms", 0.4, 0.05)
COMMANDS = ("find", "insert", "update", "findAndModify", "commitTransaction")
RATE = Target("throughput", 200, at_least=True)
ANSWER, VISIBLE_P50, VISIBLE_P95 = Target("p99", 300), Target("visible_p50", 25, 2), Target("visible_p95", 100, 6)
BATCH = 100
_PATIENCE = 300.0


@dataclass(slots=True)
class Sender:
    """Posts notifications as Alertmanager does."""

    http: httpx.AsyncClient
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    async def send(self, prints: Sequence[str]) -> None:
        """One notification of alerts with these fingerprints; what is not 200 counts as an error."""
        began = time.perf_counter()
        try:
            answer = await self.http.post("/ingest/alertmanager", content=_notification(prints))
            if answer.status_code == httpx.codes.OK:
                self.accepted.update(prints)
            else:
                self.errors.append(f"{answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as problem:
            self.errors.append(repr(problem))
        self.latencies.append(time.perf_counter() - began)


_START = datetime(2026, 3, 2, 8, tzinfo=UTC).isoformat()


def _notification(prints: Sequence[str]) -> bytes:
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "instance": f"{each}.example:9100", "job": "node", "severity": "critical"},
            "annotations": {"summary": f"disk of {each} is full", "description": "less than 5 % is free"},
            "startsAt": _START,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": each,
        }
        for each in prints
    ]
    return orjson.dumps({"version": "4", "status": "firing", "receiver": "bench", "groupKey": "{}", "alerts": alerts})


class Stand:
    """A running stack, and how its inside is asked whether it has come to rest."""

    def __init__(self, description: dict[str, Any], http: httpx.AsyncClient) -> None:
        self.description, self.http = description, http
        self._mongo: Any = AsyncMongoClient(description["backing"]["mongo"]["root_uri"])
        self._commands: dict[str, int] = {}

    async def close(self) -> None:
        """Lets go of the database."""
        await self._mongo.close()

    async def rested(self, prints: Sequence[str]) -> dict[str, int]:
        """Waits until each of these alerts has its incident and nothing is under way; says how many of both there are."""
        query = {"fingerprint": {"$in": list(prints)}}
        linked = {**query, "incident_id": {"$gt": ""}}
        pending = {"pending": True}
        monitor, incident = self._mongo["itsm_monitor"], self._mongo["itsm_incident"]
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            done = await monitor["alerts"].count_documents(linked) == len(prints)
            if done and not await monitor["changes"].find_one(pending) and not await incident["changes"].find_one(pending):
                break
            await asyncio.sleep(0.2)
        keys = {"dedup_key": {"$in": [f"alert/{each}" for each in prints]}}
        return {
            "alerts": await monitor["alerts"].count_documents(query),
            "incidents": await incident["incidents"].count_documents(keys),
        }

    async def cell(
        self, name: str, batches: Sequence[Sequence[str]], workers: int, targets: Sequence[Target]
    ) -> dict[str, Any]:
        """All notifications, as fast as answers come."""
        sender, distinct = Sender(self.http), sorted({each for batch in batches for each in batch})
        meter, before, began = await self._meter()
        waiting = iter(batches)

        async def work() -> None:
            for batch in waiting:
                await sender.send(batch)

        await asyncio.gather(*(work() for _ in range(workers)))
        sent = time.perf_counter() - began
        kept = await self.rested(distinct)
        row = await self._row(name, sender, sum(map(len, batches)), sent, meter, before, began, kept, len(distinct))
        row["targets"] = [target.judge(row.get(target.figure)) for target in targets]
        return row

    async def steady(self, rate: int, seconds: float) -> dict[str, Any]:
        """New alerts at even distances, each followed to its incident on the live stream."""
        prints = _prints(round(rate * seconds))
        sender, sent_at, seen_at = Sender(self.http), dict.fromkeys(prints, 0.0), dict[str, float]()
        following = asyncio.create_task(self._follow(seen_at))
        await asyncio.sleep(2)
        meter, before, began = await self._meter()
        tasks = set()
        for number, each in enumerate(prints):
            await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
            sent_at[each] = time.perf_counter()
            task = asyncio.create_task(sender.send([each]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        sent = time.perf_counter() - began
        kept = await self.rested(prints)
        with suppress(TimeoutError):  # who was not seen is missing in the figures, and no incident is
            async with asyncio.timeout(20):
                while len(sent_at.keys() & seen_at.keys()) < len(prints):  # noqa: ASYNC110 - filled by the stream
                    await asyncio.sleep(0.1)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        row = await self._row(f"{rate} new alerts/s", sender, len(prints), sent, meter, before, began, kept, len(prints))
        visible = percentiles([seen_at[each] - sent_at[each] for each in prints if each in seen_at])
        row |= {f"visible_{name}": value for name, value in visible.items()}
        row["targets"] = [target.judge(row.get(target.figure)) for target in (ANSWER, VISIBLE_P50, VISIBLE_P95)]
        return row

    async def _follow(self, seen_at: dict[str, float]) -> None:
        headers = {"authorization": f"Bearer {self.description['users']['viewer']['token']}", "accept": "text/event-stream"}
        client = httpx.AsyncClient(base_url=self.description["gateway"], headers=headers, timeout=60, trust_env=False)
        async with client, client.stream("GET", "/api/v1/stream", params={"topics": "incidents"}) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if not line.startswith("data:") or "IncidentOpened" not in line:
                    continue
                key = orjson.loads(line.removeprefix("data:"))["data"]["incident"]["dedupKey"]
                seen_at.setdefault(key.removeprefix("alert/"), time.perf_counter())

    async def _meter(self) -> tuple[Meter, dict[str, float], float]:
        meter = Meter({name: self.description["processes"][name] for name in (*SERVING, *FOLLOWING)})
        self._commands = await self._counted()
        return meter, meter.read(), time.perf_counter()

    async def _counted(self) -> dict[str, int]:
        """How often the database was asked for something so far."""
        status = await self._mongo.admin.command("serverStatus")
        commands = status["metrics"]["commands"]
        return {name: commands[name]["total"] for name in COMMANDS}

    async def _row(
        self,
        name: str,
        sender: Sender,
        count: int,
        sent: float,
        meter: Meter,
        before: dict[str, float],
        began: float,
        kept: dict[str, int],
        distinct: int,
    ) -> dict[str, Any]:
        after, lasted = meter.read(), time.perf_counter() - began
        cpu, commands = per_operation(before, after, count), await self._counted()
        errors = list(sender.errors)
        if kept != {"alerts": distinct, "incidents": distinct}:
            errors.append(f"of {distinct} acknowledged there are {kept}")
        return {
            "operation": f"alerts: {name}",
            "count": count,
            "distinct": distinct,
            "throughput": round(count / sent, 1),
            "through_to_incident": round(count / lasted, 1),
            "cpu": cpu,
            "cpu_ms": round(sum(cpu[name] for name in SERVING), 3),
            "all_ms": round(sum(cpu.values()), 3),
            "commands": {name: round((commands[name] - self._commands[name]) / count, 3) for name in COMMANDS},
            "foreign_share": foreign_share(before, after, lasted),
            "errors": len(errors),
            "first_error": errors[0] if errors else "",
            **percentiles(sender.latencies),
        }


def _prints(count: int) -> list[str]:
    run = uuid4().hex[:8]
    return [f"{run}{number:08x}" for number in range(count)]


async def measured(description: dict[str, Any], *, count: int, seconds: float, rate: int) -> list[dict[str, Any]]:
    """All rows, on a running stack."""
    headers = {"authorization": f"Bearer {await _key(description)}", "content-type": "application/json"}
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=description["ingest"], headers=headers, limits=limits, timeout=60, trust_env=False
    ) as http:
        stand = Stand(description, http)
        try:
            await stand.cell("warming up", [[each] for each in _prints(200)], 8, ())
            singles, many = _prints(count), _prints(count)
            storm = _prints(max(count // 20, 1)) * 20
            return [
                await stand.cell("one by one", [[each] for each in singles], 32, (RATE, ONE_BY_ONE)),
                await stand.cell("in batches of 100", _batched(many), 4, (RATE, IN_BATCHES)),
                await stand.cell("a storm, 95 % repeats", _batched(storm), 4, (RATE, IN_BATCHES)),
                await stand.steady(rate, seconds),
            ]
        finally:
            await stand.close()


def _batched(prints: Sequence[str]) -> list[Sequence[str]]:
    return [prints[start : start + BATCH] for start in range(0, len(prints), BATCH)]


async def _key(description: dict[str, Any]) -> str:
    headers = {"authorization": f"Bearer {description['users']['admin']['token']}"}
    async with httpx.AsyncClient(base_url=description["gateway"], headers=headers, timeout=30, trust_env=False) as http:
        answer = await http.post("/api/v1/tokens", json={"kind": "INTEGRATION", "name": "bench", "roles": ["integration"]})
        answer.raise_for_status()
        return str(answer.json()["secret"])


@asynccontextmanager
async def _stack(parsed: argparse.Namespace) -> AsyncIterator[dict[str, Any]]:
    if parsed.stack:
        yield json.loads(parsed.stack.read_text())
        return
    async with running(Options(state=parsed.state, fresh=True, agent=False)) as stack:
        yield stack.describe()


async def _main(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    async with _stack(parsed) as description:
        return await measured(description, count=parsed.count, seconds=parsed.seconds, rate=parsed.rate)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; see the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description="What alerts cost, up to their incidents.")
    parser.add_argument("--stack", type=Path, help="description of a running stack; without it one is started")
    parser.add_argument("--state", type=Path, default=ROOT / ".state" / "bench", help="folder of the stack that is started")
    parser.add_argument("--count", type=int, default=10_000, help="alerts in a block that is sent as fast as answers come")
    parser.add_argument("--seconds", type=float, default=30, help="length of the steady block")
    parser.add_argument("--rate", type=int, default=100, help="alerts a second in the steady block")
    rows = asyncio.run(_main(parser.parse_args(arguments)))
    print(json.dumps(rows, indent=1))
    return 1 if any(row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
