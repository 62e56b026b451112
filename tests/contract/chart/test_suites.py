"""The suites of helm-unittest beside the chart: what single values make of single objects."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.tools import path
from tests.support.chart import CHART

SUITES = sorted((CHART / "tests").glob("*_test.yaml"))
LEAST_ASSERTIONS = 150


@pytest.mark.timeout(900)
def test_the_suites_of_the_chart_pass(tmp_path: Path) -> None:
    command = [str(path("helm-unittest")), "--strict", str(CHART)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=840, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"^Test Suites: (\d+) passed, (\d+) total$", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout
    assert int(passed[1]) == int(passed[2]) == len(SUITES)


def test_the_suites_say_enough() -> None:
    cases = [case for file in SUITES for case in yaml.safe_load(file.read_text())["tests"]]
    assert sum(len(case["asserts"]) for case in cases) >= LEAST_ASSERTIONS
    sentences = [case["it"] for case in cases]
    assert all(sentences)


def test_every_template_is_named_by_a_suite_or_rendered_by_all() -> None:
    told = "\n".join(file.read_text() for file in SUITES)
    templates = [str(file.relative_to(CHART)) for file in (CHART / "templates").rglob("*") if file.suffix in {".yaml", ".txt"}]
    assert not [template for template in templates if template not in told]
