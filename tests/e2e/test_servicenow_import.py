"""A real event log goes in through the command line and comes out as the figures that a second opinion computes from it.

The short form takes the sample of the documentation (tests/integration/analytics/test_servicenow.py has the figures of the
log), the long one the log, which lies in the data folder beside the checkout.
"""

import asyncio
import csv
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support import servicenow_oracle as oracle
from tests.support.aftermath import Aftermath
from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "servicenow-incident-log" / "incident_event_log.csv"
SAMPLE = ROOT / "docs" / "samples" / "servicenow-incident-log.csv"
COPIES = 8
KILL_AFTER = 50


@dataclass(frozen=True)
class Cli:
    """The program `itsm` as a process of its own."""

    environment: dict[str, str]

    async def start(self, file: Path) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "import", "servicenow", str(file), "-o", "json",
            cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def imported(self, file: Path) -> tuple[int, dict[str, Any]]:
        """Exit code and summary of a whole import."""
        process = await self.start(file)
        async with asyncio.timeout(180):
            out, err = await process.communicate()
        assert out, err.decode()
        return process.returncode or 0, json.loads(out)


@pytest.fixture(scope="module")
def cli(stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Signed in as somebody who may import."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ITSM_")}
    settings = {
        "ITSM_URL": stack["gateway"],
        "ITSM_TOKEN": stack["users"]["incident-manager"]["token"],
        "ITSM_CONFIG_DIR": str(tmp_path_factory.mktemp("itsm")),
    }
    return Cli(inherited | settings)


@pytest.fixture(scope="module")
def log(soak: bool) -> Path:
    """The real log, or the sample where that is enough, or there is no other."""
    if not soak:
        return SAMPLE
    if REAL.exists():
        return REAL
    warnings.warn(f"{REAL} is absent, the sample stands in for it", stacklevel=1)
    return SAMPLE


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def write(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def renumbered(rows: list[dict[str, str]], prefix: str) -> list[dict[str, str]]:
    """The same histories as those of other incidents in other groups, so that they are in no figure of the log."""
    names = {"number": prefix, "assignment_group": prefix}
    return [row | {name: f"{given} {row[name]}".replace("?", "nobody") for name, given in names.items()} for row in rows]


@dataclass(frozen=True)
class Compared:
    """What the second opinion says, what the platform says, and the period that the log lies in."""

    expected: dict[str, Any]
    incidents: list[dict[str, Any]]
    first: tuple[int, dict[str, Any]]
    period: dict[str, str]


@pytest.fixture(scope="module")
async def compared(cli: Cli, log: Path, agent: Gateway, backing: dict[str, Any]) -> AsyncIterator[Compared]:
    """The log imported, and everything that follows from it worked off."""
    first = await cli.imported(log)
    inside = Aftermath(backing)
    await inside.drained(within=200)  # snapshots of ten years follow from the log
    await inside.close()
    with log.open(encoding="utf-8-sig", newline="") as lines:
        expected = oracle.figures(lines)
    opened = sorted(oracle.date(row["opened_at"]) for row in rows_of(log))
    period = {"from": f"{opened[0]:%Y}-01-01T00:00:00Z", "to": f"{opened[-1].year + 1}-12-31T00:00:00Z"}
    numbers = {row["number"] for row in rows_of(log)}
    incidents = [
        record
        async for record in agent.pages("incidents", "incidents", filter="source = IMPORT")
        if record["externalNumber"] in numbers
    ]
    yield Compared(expected, incidents, first, period)


async def test_every_incident_of_the_log_is_there_once(compared: Compared) -> None:
    code, summary = compared.first
    assert (code, summary["refused"]) == (0, [])
    assert summary["created"] + summary["unchanged"] == compared.expected["incidents"]
    assert summary["rows"] == compared.expected["updates"]
    assert len(compared.incidents) == compared.expected["incidents"]
    assert len({record["externalNumber"] for record in compared.incidents}) == len(compared.incidents)


async def test_incidents_stand_where_the_log_leaves_them(compared: Compared) -> None:
    assert dict(Counter(record["state"] for record in compared.incidents)) == compared.expected["by_state"]
    assert dict(Counter(record["teamId"] for record in compared.incidents)) == compared.expected["by_group"]


async def test_reopened_reassigned_and_the_verdict_are_those_of_the_log(compared: Compared) -> None:
    records, expected = compared.incidents, compared.expected
    assert sum(record["reopenCount"] > 0 for record in records) == expected["reopened"]
    assert sum(record["reassignmentCount"] > 0 for record in records) == expected["reassigned"]
    verdicts = [record["importedMadeSla"] for record in records if "importedMadeSla" in record]
    assert {"with_verdict": len(verdicts), "made": sum(verdicts)} == expected["made_sla"]


async def test_the_time_to_resolve_by_group_is_what_the_second_opinion_computes(compared: Compared, agent: Gateway) -> None:
    figure = await agent.get("kpis/mttr-resolve", groupBy="team", filter="source = IMPORT", **compared.period)
    expected = compared.expected["resolve_by_group"]
    found = {row["group"]: row for row in figure["rows"] if row["group"] in expected}
    assert {name: row["count"] for name, row in found.items()} == {name: each["count"] for name, each in expected.items()}
    for name, each in expected.items():
        assert found[name]["value"] == pytest.approx(each["mean"]), name
        assert found[name]["median"] == pytest.approx(each["median"]), name


async def test_a_second_import_changes_nothing(
    cli: Cli, log: Path, compared: Compared, agent: Gateway, aftermath: Aftermath
) -> None:
    await aftermath.mark()
    code, summary = await cli.imported(log)
    assert (code, summary["created"], summary["unchanged"]) == (0, 0, compared.expected["incidents"])
    await aftermath.drained()
    assert await aftermath.published({f"incidents/{record['id']}" for record in compared.incidents}) == 0
    after = {record["id"]: record["etag"] async for record in agent.pages("incidents", "incidents", filter="source = IMPORT")}
    assert {record["id"]: record["etag"] for record in compared.incidents}.items() <= after.items()


async def test_an_interrupted_import_goes_on_where_it_ended(cli: Cli, agent: Gateway, tmp_path: Path) -> None:
    prefix = f"cut-{uuid4().hex[:8]}"
    rows = [row for copy in range(COPIES) for row in renumbered(rows_of(SAMPLE), f"{prefix}-{copy}")]
    file, total = write(tmp_path / "log.csv", rows), len({row["number"] for row in rows})

    async def arrived() -> int:
        count = 0
        async for record in agent.pages("incidents", "incidents", filter="source = IMPORT"):
            count += record["externalNumber"].startswith(prefix)
        return count

    process = await cli.start(file)
    async with asyncio.timeout(60):
        while await arrived() < KILL_AFTER:
            assert process.returncode is None, "the import was over before it could be interrupted"
    process.kill()
    await process.wait()
    before = await arrived()
    assert KILL_AFTER <= before < total
    code, summary = await cli.imported(file)
    assert (code, summary["refused"]) == (0, [])
    assert summary["created"] + summary["unchanged"] == total
    assert summary["unchanged"] >= before
    assert await arrived() == total


async def test_a_malformed_row_is_told_and_the_rest_goes_in(cli: Cli, agent: Gateway, tmp_path: Path) -> None:
    prefix = f"odd-{uuid4().hex[:8]}"
    rows = renumbered(rows_of(SAMPLE), prefix)
    rows[4] |= {"sys_updated_at": "31-02-2026 10:00"}
    rows[7] |= {"incident_state": "Vanished"}
    code, summary = await cli.imported(write(tmp_path / "log.csv", rows))
    assert code == 1
    assert [(refusal["line"], refusal["number"]) for refusal in summary["refused"]] == [
        (6, rows[4]["number"]),
        (9, rows[7]["number"]),
    ]
    assert "sys_updated_at" in summary["refused"][0]["reason"]
    assert "Vanished" in summary["refused"][1]["reason"]
    assert summary["created"] == len({row["number"] for row in rows})
