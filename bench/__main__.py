"""`python -m bench`: one JSON object on the standard output, a table on standard error.

It starts a stack of its own under `.state/bench`, or measures the one that `--stack FILE` describes (what `python -m stack
up --json` prints), which it leaves with the incidents that it made. Exit status 1 when an operation failed; a missed
target is in the report, and no failure: a busy machine misses them all.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import agent, alerts, child, desk, edge, impact, report, samples, search
from bench.data import SEED
from bench.measure import Bench, Description, UseDriver, summarized, versions
from bench.plan import QUICK, Plan
from stack.options import ROOT, Options
from stack.supervisor import Stack, running

_DRIVERS = {"motor": ("motor",), "pymongo": ("pymongo",), "both": ("motor", "pymongo")}


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Plan]:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Load and cost of the platform, measured.")
    parser.add_argument("--stack", type=Path, help="description of a running stack; without it one is started")
    parser.add_argument("--state", type=Path, default=ROOT / ".state" / "bench", help="folder of the stack that is started")
    parser.add_argument("--mongo-driver", choices=sorted(_DRIVERS), help="both by default; with --stack the one that it uses")
    parser.add_argument("--quick", action="store_true", help="one short round on little data: shows that it runs")
    parser.add_argument("--records", type=int, help="how many incidents are there to be listed and read")
    parser.add_argument("--seconds", type=float, help="length of a measured block")
    parser.add_argument("--rounds", type=int)
    parsed = parser.parse_args(arguments)
    if parsed.stack and parsed.mongo_driver == "both":
        parser.error("a running stack has one driver: name it")
    given = {name: getattr(parsed, name) for name in ("records", "seconds", "rounds") if getattr(parsed, name) is not None}
    return parsed, replace(QUICK if parsed.quick else Plan(), **given)


@asynccontextmanager
async def _stack(parsed: argparse.Namespace, driver: str) -> AsyncIterator[tuple[Description, UseDriver | None]]:
    if parsed.stack:
        yield json.loads(parsed.stack.read_text()), None
        return
    options = Options(state=parsed.state, fresh=True, agent=False, mongo_driver=driver, extra=samples.SETTINGS)
    async with running(options) as stack:
        yield stack.describe(), lambda other: _restarted(stack, other)


async def _restarted(stack: Stack, driver: str) -> Description:
    """The incident service with another driver; the rest of the stack runs on."""
    process = stack.process("incident")
    process.spec = replace(process.spec, environment={**process.spec.environment, "ITSM_MONGO_DRIVER": driver})
    await stack.restart("incident")
    return stack.describe()


async def _measure(parsed: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    drivers = _DRIVERS[parsed.mongo_driver or ("motor" if parsed.stack or parsed.quick else "both")]
    began = datetime.now(UTC)
    async with (
        _stack(parsed, drivers[0]) as (description, use_driver),
        child.running("bench.load") as generator,
        child.running("bench.consume") as consumer,
    ):
        bench = Bench(plan, description, generator, _say, drivers, use_driver)
        idle = await bench.prepare()
        await bench.warm_up()
        await bench.cells()
        cells = summarized(bench.rows)
        rows = [*cells, *edge.overhead(cells, drivers[0]), *await bench.events(consumer)]
        seconds = plan.steady_seconds
        rows += await alerts.measured(description, count=plan.alerts, seconds=seconds, rate=100)
        if plan.whole:
            rows += await impact.rows(bench)
            rows += await samples.measured(description, series=plan.series, rounds=plan.rounds, seconds=seconds, rate=2_000)
            with TemporaryDirectory(prefix="itsm-bench-search-") as folder:
                rows.append(await search.measured(plan.records, Path(folder)))
    if plan.whole:
        rows += await desk.rows(plan.desk_records, plan.timers)
    rows.append(await agent.measured(plan.agent_seconds))
    seen = versions(description)
    common = {"driver": bench.driver, "seed": SEED, "records": plan.records, "versions": seen}
    rows = [{**common, **row} for row in rows]
    return {
        "time": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "drivers": drivers,
        "idle_cpu_ms_per_second": idle,
        "driver_ratios": report.driver_ratios(rows, drivers),
        "rows": rows,
        "rounds": bench.rows,
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the bench; see the module."""
    parsed, plan = _parse(arguments)
    measured = asyncio.run(_measure(parsed, plan))
    report.write(measured, sys.stderr)
    print(json.dumps(measured, indent=1))
    return 1 if any(row.get("errors") for row in measured["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
