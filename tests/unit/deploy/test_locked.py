"""The locked requirements of each image: all that its service needs, pinned with hashes, in the versions of development."""

import tomllib

import pytest

from chassis.peers import SERVICES
from deploy.image.parts import locked
from stack.options import ROOT


def pins(lines: dict[str, str]) -> dict[str, str]:
    return {name: line.split("==")[1].split()[0] for name, line in lines.items()}


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_the_versions_that_tests_ran_with(service: str) -> None:
    assert pins(locked(service)).items() <= pins(locked("dev")).items()


@pytest.mark.parametrize("service", SERVICES)
def test_every_dependency_of_the_service_is_locked_with_a_hash(service: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"].get(service, [])]
    found = locked(service)
    assert {text.split("==")[0].lower() for text in wanted} <= set(found), "run `make lock`"
    assert all("--hash=sha256:" in line for line in found.values())


def test_no_image_has_what_only_development_needs() -> None:
    for service in SERVICES:
        assert not {"pytest", "mypy", "ruff", "hypothesis", "playwright", "grpcio-tools"} & set(locked(service))
