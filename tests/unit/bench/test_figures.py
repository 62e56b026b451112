"""How figures are drawn together and judged."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import soak
from bench.load import percentiles
from bench.measure import summarized
from bench.plan import Target
from bench.report import driver_ratios


def a_row(**fields: Any) -> dict[str, Any]:
    row = {"operation": "create", "transport": "rest", "concurrency": 8, "driver": "motor", "round": 1, "errors": 0}
    figures = {"p50": 4.0, "p95": 6.0, "p99": 9.0, "throughput": 500.0, "cpu_ms": 2.0, "cpu_all_ms": 2.5, "client_cpu_ms": 0.3}
    return {
        **row,
        **figures,
        "count": 100,
        "first_error": "",
        "foreign_share": 0.1,
        "cpu": {"incident": 1.0, "mongo": 1.0},
        **fields,
    }


def test_rounds_of_a_cell_become_one_row_with_their_spread() -> None:
    rows = [a_row(), a_row(round=2, cpu_ms=3.0, cpu={"incident": 2.0, "mongo": 1.0}, errors=1, first_error="it said 500")]
    [row] = summarized(rows)
    assert (row["cpu_ms"], row["rounds_ratio"], row["cpu"]["incident"], row["count"]) == (2.5, 1.5, 1.5, 200)
    assert (row["errors"], row["first_error"]) == (1, "it said 500")


@pytest.mark.parametrize(("cpu", "met"), [(3.0, True), (3.01, False)])
def test_a_cost_is_held_against_its_target(cpu: float, met: bool) -> None:
    [row] = summarized([a_row(cpu_ms=cpu)])
    assert [(one["figure"], one["met"]) for one in row["targets"]] == [("cpu_ms", met)]


def test_a_throughput_is_to_reach_its_target() -> None:
    target = Target("throughput", 400, at_least=True)
    assert [target.judge(value)["met"] for value in (400, 399, None)] == [True, False, False]


def test_drivers_are_compared_by_ratio() -> None:
    rows = summarized([a_row(), a_row(driver="pymongo", cpu_ms=1.5), a_row(operation="get", cpu_ms=1.0)])
    assert driver_ratios(rows, ("motor", "pymongo")) == {"create rest": 0.75}


def test_percentiles_are_of_the_slow_end() -> None:
    assert percentiles([place / 1000 for place in range(1, 101)]) == {"p50": 51.0, "p95": 96.0, "p99": 100.0}
    assert percentiles([]) == {}


def test_a_soak_report_says_how_each_test_went(tmp_path: Path) -> None:
    junit = """<testsuites><testsuite>
      <testcase classname="tests.e2e.test_outages" name="test_kafka_away" time="12.34">
        <properties><property name="written" value="900"/></properties></testcase>
      <testcase classname="tests.e2e.test_outages" name="test_mongo_away" time="3"><failure message="lost 1"/></testcase>
    </testsuite></testsuites>"""
    path = soak.write(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1, soak.outcomes(junit), tmp_path)
    report = json.loads(path.read_text())
    assert (path.name, report["status"], report["counts"]["failure"]) == ("2026-01-02T030405Z.json", 1, 1)
    assert report["tests"] == [
        {
            "test": "tests.e2e.test_outages::test_kafka_away",
            "seconds": 12.3,
            "outcome": "passed",
            "recorded": {"written": "900"},
        },
        {"test": "tests.e2e.test_outages::test_mongo_away", "seconds": 3.0, "outcome": "failure", "message": "lost 1"},
    ]
