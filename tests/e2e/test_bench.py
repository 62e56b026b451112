"""The bench runs against a stack and says what it promises to say; how fast anything was is no matter of a test."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from bench.plan import OPERATIONS, SERVING
from stack.options import ROOT
from tests.support.platform import Breakable


@pytest.mark.timeout(600)
async def test_a_quick_bench_of_a_running_stack_has_a_row_for_every_cell(breakable: Breakable, tmp_path: Path) -> None:
    described = tmp_path / "stack.json"
    described.write_text(json.dumps(breakable.stack.describe()))  # as it is now: tests before may have killed processes
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--quick", "--stack", str(described)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    printed, said = await asyncio.wait_for(process.communicate(), 400)
    assert process.returncode == 0, said.decode()[-3000:]
    report = json.loads(printed)
    cells = {(row["operation"], row.get("transport"), row.get("concurrency")) for row in report["rows"]}
    assert {(operation, way, 8) for operation in OPERATIONS for way in ("rest", "grpc")} <= cells
    assert {f"gateway overhead, {operation}" for operation in ("get", "list", "create")} <= {cell[0] for cell in cells}
    for row in report["rows"]:
        assert row.get("count", 1) > 0, row
        assert {"driver", "seed", "records", "versions"} <= row.keys()
        if row["operation"] in OPERATIONS:
            assert row["errors"] == 0, row
            assert set(SERVING) <= row["cpu"].keys()
            assert row["p50"] <= row["p95"] <= row["p99"]
    judged = [target for row in report["rows"] for target in row.get("targets", [])]
    assert {"figure", "target", "floor", "value", "met"} == set().union(*judged)
