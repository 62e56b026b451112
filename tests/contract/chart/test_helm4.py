"""Helm 4 renders, refuses and finds fault as Helm 3 does: with every preset, and with the values of every case of the suites.

helm-unittest renders by the packages of Helm 3; because every case renders the same, what its suites say holds for Helm 4 too.
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.contract.chart.test_suites import SUITES
from tests.support.chart import BACKING, CHART, NAMESPACE, PRESETS, RELEASE, helm, preset

NEWER = "helm4"
_LEAST_CASES = 80
# Each names the template and the line in its own way before it says why.
_WHY = re.compile(r"execution error at \([^)]*\): (.*)|values don't meet the specifications of the schema\(s\)(.*)", re.DOTALL)


def cases() -> Iterator[tuple[str, ...]]:
    """The arguments of each case of each suite, as helm takes them."""
    for file in SUITES:
        suite = yaml.safe_load(file.read_text())
        for case in suite["tests"]:
            release = {"name": RELEASE, "namespace": NAMESPACE} | suite.get("release", {}) | case.get("release", {})
            given: list[str] = []
            for name in (*suite.get("values", ()), *case.get("values", ())):
                given += ["--values", str((file.parent / name).resolve())]
            for path, value in (suite.get("set", {}) | case.get("set", {})).items():
                given += ["--set-json", f"{path}={json.dumps(value)}"]
            yield ("template", release["name"], str(CHART), "--namespace", release["namespace"], *given)


def rendered(program: str, arguments: tuple[str, ...]) -> list[str] | str:
    """The objects as text in an order of their own, or why there are none."""
    done = helm(*arguments, check=False, program=program)
    if done.returncode == 0:
        return sorted(filter(None, (text.strip() for text in re.split(r"^---$", done.stdout, flags=re.MULTILINE))))
    why = _WHY.search(done.stderr)
    assert why is not None, done.stderr
    return " ".join(why[1].split()) if why[1] else "not of the schema"


def test_it_is_helm_4() -> None:
    assert helm("version", "--short", program=NEWER).stdout.startswith("v4.")
    assert helm("version", "--short").stdout.startswith("v3.")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_by_both(name: str) -> None:
    arguments = ("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *preset(name))
    found = rendered(NEWER, arguments)
    assert isinstance(found, list) and len(found) > 20
    assert found == rendered("helm", arguments)


@pytest.mark.timeout(600)
def test_every_case_of_the_suites_is_the_same_by_both() -> None:
    wanted = sorted(set(cases()))
    assert len(wanted) >= _LEAST_CASES
    with ThreadPoolExecutor(2) as both:
        older = both.map(lambda arguments: rendered("helm", arguments), wanted)
        newer = both.map(lambda arguments: rendered(NEWER, arguments), wanted)
        differing = [" ".join(case[5:]) for case, one, other in zip(wanted, older, newer, strict=True) if one != other]
    assert not differing


@pytest.mark.parametrize("name", PRESETS)
def test_it_finds_nothing_to_complain_about(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), *preset(name), program=NEWER)
    assert "0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout


def test_it_finds_nothing_to_complain_about_in_backing() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(BACKING), program=NEWER).stdout


def test_it_refuses_a_misspelled_value() -> None:
    done = helm("template", RELEASE, str(CHART), "--set", "gatewy.replicas=2", check=False, program=NEWER)
    assert done.returncode != 0
    assert "gatewy" in done.stderr


def test_it_packages_what_it_renders(tmp_path: Path) -> None:
    helm("package", str(CHART), "--destination", str(tmp_path), program=NEWER)
    (archive,) = tmp_path.glob("itsm-*.tgz")
    packed = rendered(NEWER, ("template", RELEASE, str(archive), "--namespace", NAMESPACE))
    assert packed == rendered(NEWER, ("template", RELEASE, str(CHART), "--namespace", NAMESPACE))
