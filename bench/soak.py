"""`python -m bench.soak`: the tests of the whole stack at the durations and counts that are stated, not the short forms.

Runs `tests/e2e` with `ITSM_TEST_SOAK=true` and writes a dated report, one JSON object with an entry a test, under `docs/soak`.
Its exit status is that of pytest; arguments go to pytest and narrow the run (`python -m bench.soak tests/e2e/test_outages.py`).
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil

from stack.options import ROOT

TESTS = "tests/e2e"
REPORTS = ROOT / "docs" / "soak"


def run(arguments: list[str]) -> tuple[int, list[dict[str, Any]]]:
    """Runs pytest; its exit status, and how each test went."""
    chosen = arguments if any(not argument.startswith("-") for argument in arguments) else [TESTS, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "--timeout=0", f"--junit-xml={results}", *chosen]
        environment = {**os.environ, "ITSM_TEST_SOAK": "true", "CI": "true"}  # noqa: TID251 - pytest gets ours
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - our own line
        return status, outcomes(results.read_text()) if results.exists() else []


def outcomes(junit: str) -> list[dict[str, Any]]:
    """The tests of a JUnit report: name, seconds, outcome, the message of a failure and what a test recorded of itself."""
    tests = []
    for case in ElementTree.fromstring(junit).iter("testcase"):  # noqa: S314 - what pytest has just written
        wrong = next((case.find(kind) for kind in ("failure", "error", "skipped") if case.find(kind) is not None), None)
        test: dict[str, Any] = {
            "test": f"{case.get('classname', '')}::{case.get('name', '')}",
            "seconds": round(float(case.get("time", "0")), 1),
            "outcome": "passed" if wrong is None else wrong.tag,
        }
        if wrong is not None:
            test["message"] = (wrong.get("message") or "")[:500]
        recorded = {each.get("name", ""): each.get("value") for each in case.iter("property")}
        tests.append({**test, "recorded": recorded} if recorded else test)
    return tests


def write(began: datetime, status: int, tests: list[dict[str, Any]], folder: Path = REPORTS) -> Path:
    """The report, named after the instant at which the run began."""
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    report = {
        "began": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "commit": commit,
        "machine": {
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "python": platform.python_version(),
        },
        "status": status,
        "counts": {kind: sum(test["outcome"] == kind for test in tests) for kind in ("passed", "failure", "error", "skipped")},
        "tests": tests,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{began:%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path


def main() -> int:
    """See the module."""
    began = datetime.now(UTC)
    status, tests = run(sys.argv[1:])
    print(f"the report is {write(began, status, tests).relative_to(ROOT)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
