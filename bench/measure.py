"""The measurements on a running stack: cells of the plan, events from a backlog, how soon an event is handled.

A cell is one operation through one way in at one concurrency with one driver. CPU is read before a block and once the relay has
cleared up after it, so that what an answer leaves behind is counted with it.
"""

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import psutil
from itsm.auth import v1 as auth_pb

from bench.child import Child
from bench.cpu import Meter, foreign_share, per_operation
from bench.data import SEED, load
from bench.plan import CONSUMED, OPERATIONS, SERVING, TARGETS, TRANSPORTS, VISIBLE_P50, VISIBLE_P95, Plan
from chassis.rpc import call, connect

_SETTLE = 0.3  # the relay clears what it has published every 0.1 s
_FRESH = 30.0  # seconds that a token of a minute is used
_USER = "agent"

Description = dict[str, Any]
Say = Callable[[str], None]
UseDriver = Callable[[str], Awaitable[Description]]


def versions(description: Description) -> dict[str, str]:
    """What the figures were measured with."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("grpcio", "motor", "pymongo", "protobuf", "uvloop", "aiokafka")},
        "mongod": str(description.get("versions", {}).get("mongo", "6.0.5")),
        "cores": str(psutil.cpu_count()),
    }


@dataclass(slots=True)
class Bench:
    """One run. `use_driver` makes the stack work with another Mongo driver and describes it anew."""

    plan: Plan
    description: Description
    generator: Child
    say: Say
    drivers: tuple[str, ...]
    use_driver: UseDriver | None = None
    driver: str = ""
    tenant: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    _token: str = ""
    _token_time: float = 0.0

    async def prepare(self) -> dict[str, float]:
        """Loads the mass of data, then listens to the idle stack: CPU ms a second by process."""
        self.driver = self.drivers[0]
        await self._fresh_token()
        began = time.perf_counter()
        missing = await load(self.description["backing"]["mongo"]["uris"]["incident"], self.plan.records, self.tenant)
        self.say(f"{self.plan.records} incidents are there, {missing} of them new, in {time.perf_counter() - began:.0f} s")
        meter = Meter(self.description["processes"])
        before = meter.read()
        await asyncio.sleep(2)
        return per_operation(before, meter.read(), 2)

    async def warm_up(self) -> None:
        """A cold broker, cold caches and an empty pool would be measured otherwise. Fills the pool that updates draw from."""
        for transport in self.transports():
            for operation in OPERATIONS:
                await self.run(operation, transport, 8, self.plan.warm_seconds, self.plan.most)
        while (made := await self.run("create", "grpc", 8, 5.0, min(1_000, self.plan.seed_events)))[
            "pool"
        ] < self.plan.seed_events:
            if made["errors"]:
                raise RuntimeError(f"incidents cannot be created: {made['first_error']}")
        self.say(f"warmed up; {made['pool']} incidents of the run's own to update")

    async def cells(self) -> None:
        """All rounds; the driver that is not the default is compared at concurrency 8 only."""
        for number in range(1, self.plan.rounds + 1):
            for driver in self.drivers:
                await self._use(driver)
                await self.warm_up_again()
                for operation, transport, concurrency in self._cells(driver):
                    self.rows.append(await self._cell(operation, transport, concurrency, number))

    async def warm_up_again(self) -> None:
        """After a change of driver the process is a new one."""
        for operation in OPERATIONS:
            await self.run(operation, "grpc", 8, self.plan.warm_seconds, self.plan.most)

    def transports(self) -> tuple[str, ...]:
        """The ways in that there are."""
        return TRANSPORTS if self.description["gateway"] else TRANSPORTS[:1]

    def _cells(self, driver: str) -> Iterator[tuple[str, str, int]]:
        for transport in self.transports():
            for concurrency in self.plan.concurrencies if driver == self.drivers[0] else (8,):
                for operation in OPERATIONS:
                    yield operation, transport, concurrency

    async def _use(self, driver: str) -> None:
        if driver != self.driver and self.use_driver is not None:
            self.description = await self.use_driver(driver)
            self.driver = driver

    async def _cell(self, operation: str, transport: str, concurrency: int, number: int) -> dict[str, Any]:
        await self.run(operation, transport, concurrency, self.plan.warm_seconds / 2, self.plan.most)
        pids: dict[str, int] = {**self.description["processes"], "load generator": self.generator.pid}
        meter = Meter(pids)
        before, began = meter.read(), time.perf_counter()
        result = await self.run(operation, transport, concurrency, self.plan.seconds, self.plan.most)
        await asyncio.sleep(_SETTLE)
        after, seconds = meter.read(), time.perf_counter() - began
        cpu = per_operation(before, after, result["count"])
        client = cpu.pop("load generator")
        row: dict[str, Any] = {
            "operation": operation,
            "transport": transport,
            "concurrency": concurrency,
            "driver": self.driver,
            "round": number,
            "records": self.plan.records,
            "seed": SEED,
            **{name: result[name] for name in ("count", "errors", "first_error", "p50", "p95", "p99") if name in result},
            "throughput": round(result["count"] / result["seconds"], 1),
            "cpu": cpu,
            "cpu_ms": round(sum(ms for name, ms in cpu.items() if name in SERVING), 3),
            "cpu_all_ms": round(sum(cpu.values()), 3),
            "client_cpu_ms": client,
            "foreign_share": foreign_share(before, after, seconds),
        }
        self.say(
            f"{number} {self.driver:8}{transport:5}{operation:16} x{concurrency:<3} {row['cpu_ms']:6.2f} ms CPU "
            f"{row['throughput']:7.0f}/s  p95 {row.get('p95', 0):7.2f} ms  {row['errors']} errors {row['first_error'][:80]}"
            f" others {row['foreign_share']:.0%}"
        )
        return row

    async def run(
        self,
        operation: str,
        transport: str,
        concurrency: int,
        seconds: float,
        most: int,
        rate: int = 0,
        *,
        service: str = "incident",
        **more: Any,
    ) -> dict[str, Any]:
        """One block of the load generator (`bench/load.py`), against the service that serves the operation."""
        rest = transport == "rest"
        return await self.generator.do(
            {
                "operation": operation,
                "transport": transport,
                "target": self.description["gateway"] if rest else self.description["services"][service]["target"],
                "token": self.description["users"][_USER]["token"] if rest else await self._fresh_token(),
                "concurrency": concurrency,
                "seconds": seconds,
                "most": most,
                "rate": rate,
                "seed": SEED,
                "loaded": self.plan.records,
                **more,
            }
        )

    async def _fresh_token(self) -> str:
        """The short token that the gateway would send, from the auth service as the gateway gets it."""
        if time.monotonic() - self._token_time > _FRESH:
            channel = connect(self.description["services"]["auth"]["target"])
            request = auth_pb.ExchangeRequest(secret=self.description["users"][_USER]["token"])
            answer = await call(auth_pb.ExchangeServiceStub(channel).Exchange, request)
            await channel.close()
            self._token, self.tenant, self._token_time = answer.token, answer.tenant, time.monotonic()
        return self._token

    async def events(self, consumer: Child) -> list[dict[str, Any]]:
        """A consumer eats a backlog of what the run has told so far; then the figures follow what is opened."""
        await self._use(self.drivers[0])
        start = {
            "environment": self.description["backing"]["service_environment"]["analytics"],
            "driver": self.driver,
            "group": f"itsm.analytics.bench-{time.time_ns()}",
        }
        base = {"driver": self.driver, "seed": SEED, "records": self.plan.records}
        meter = Meter({**self.description["processes"], "consumer": consumer.pid})
        before, began = meter.read(), time.perf_counter()
        eaten = await consumer.do({**start, "do": "backlog", "most": 20_000})
        after, seconds = meter.read(), time.perf_counter() - began
        cpu = per_operation(before, after, eaten["count"])
        backlog = {
            "operation": "consume a backlog",
            **base,
            "count": eaten["count"],
            "batch": eaten["batch"],
            "throughput": round(eaten["count"] / eaten["seconds"], 1),
            "cpu": cpu,
            "cpu_ms": round(cpu["consumer"] + cpu["mongo"] + cpu["kafka"], 3),
            "foreign_share": foreign_share(before, after, seconds),
        }
        backlog["targets"] = [CONSUMED.judge(backlog["cpu_ms"])]
        rows = [backlog]
        transport = self.transports()[-1]
        for name, rate, concurrency in (("100/s", 100, 8), ("all that goes", 0, 8)):
            await consumer.do({"do": "live"})
            made = await self.run("create", transport, concurrency, self.plan.steady_seconds, 20_000, rate)
            await asyncio.sleep(1)
            seen = await consumer.do({"do": "report"})
            row = {"operation": f"commit to figures at {name}", "transport": transport, **base, **seen}
            row |= {"created": made["count"], "throughput": round(made["count"] / made["seconds"], 1)}
            if rate:
                row["targets"] = [VISIBLE_P50.judge(seen.get("p50")), VISIBLE_P95.judge(seen.get("p95"))]
            rows.append(row)
        return rows


def summarized(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a cell: the mean of its rounds, their spread as a ratio, and whether its targets are met."""
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault(tuple(row[name] for name in ("operation", "transport", "concurrency", "driver")), []).append(row)
    summary = []
    for rounds in cells.values():
        merged = dict(rounds[0])
        for name in ("p50", "p95", "p99", "throughput", "cpu_ms", "cpu_all_ms", "client_cpu_ms", "foreign_share"):
            known = [row[name] for row in rounds if name in row]
            merged[name] = round(sum(known) / len(known), 3) if known else None
        merged["cpu"] = {name: round(sum(row["cpu"][name] for row in rounds) / len(rounds), 3) for name in rounds[0]["cpu"]}
        merged["count"], merged["errors"] = (sum(row[name] for row in rounds) for name in ("count", "errors"))
        merged["first_error"] = next((row["first_error"] for row in rounds if row["first_error"]), "")
        merged["round"] = len(rounds)
        costs = [row["cpu_ms"] for row in rounds]
        merged["rounds_ratio"] = round(max(costs) / min(costs), 2) if min(costs) > 0 else None
        target = TARGETS.get((merged["operation"], merged["concurrency"]))
        merged["targets"] = [target.judge(merged[target.figure])] if target else []
        summary.append(merged)
    return summary
