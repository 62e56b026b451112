"""Where the programs that check the charts lie, and what decides that they are built anew."""

from pathlib import Path

import pytest

import deploy.tools as tools
from deploy.tools import TOOLS, Tool, ToolError, path
from stack.console import Console


def test_a_tool_that_is_not_built_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITSM_STACK_CACHE", str(tmp_path))
    with pytest.raises(ToolError, match=r"python -m deploy\.tools"):
        path("helm")


def test_what_is_linked_in_decides_about_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = tools._home(tmp_path)
    monkeypatch.setattr(tools, "TOOLS", {**TOOLS, "helm": Tool(TOOLS["helm"].package, linked={"a": "b"})})
    assert tools._home(tmp_path) != before


def test_what_is_there_is_not_built_again(tmp_path: Path) -> None:
    home = tools._home(tmp_path)
    home.mkdir(parents=True)
    for name in TOOLS:
        (home / name).touch()
    assert tools.build(tmp_path, Console()) == home


def test_go_of_the_machine_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    assert tools._version(str(old)) == (1, 19)
    assert tools._version(str(old)) < tools._LEAST_GO


def _flaky(folder: Path, failures: int) -> Path:
    """A compiler that fails so often and then writes where it keeps what it makes."""
    go = folder / "go"
    go.write_text(
        "#!/bin/sh\n"
        f'echo try >> "{folder}/tries"\n'
        f'if [ $(wc -l < "{folder}/tries") -le {failures} ]; then echo proxy: timed out >&2; exit 1; fi\n'
        'while [ "$1" != -o ]; do shift; done; echo "$GOPATH $GOCACHE $GOFLAGS" > "$2"\n'
    )
    go.chmod(0o755)
    return go


def test_a_build_that_fails_twice_succeeds_and_needs_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "_PAUSE", 0)
    monkeypatch.setenv("HOME", "")
    home = tmp_path / "tools" / "0"
    home.mkdir(parents=True)
    tools._compile(_flaky(tmp_path, 2), "helm", TOOLS["helm"], home, Console())
    assert (home / "helm").read_text() == f"{home.parent}/gopath {home.parent}/gocache -modcacherw\n"


def test_a_build_that_fails_three_times_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "_PAUSE", 0)
    with pytest.raises(ToolError, match="proxy: timed out"):
        tools._compile(_flaky(tmp_path, 3), "helm", TOOLS["helm"], tmp_path, Console())
    assert (tmp_path / "tries").read_text().count("try") == 3
