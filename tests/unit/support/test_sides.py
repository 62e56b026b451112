"""Two pytests at once, with both outcomes heeded, and one more try for what failed."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.__main__ import FAILED, ROOT, SIDES, Run

PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert 0, 'as it always does'\n"
PORTS = """
import os
from pathlib import Path

def test_tells(): Path(__file__).with_suffix(".ports").write_text(os.environ["ITSM_STACK_PORTS"])
"""
ONCE = """
from pathlib import Path

def test_stays(): Path(__file__).with_suffix(".ran").open("a").write("x")

def test_fails_at_first():
    tried = Path(__file__).with_suffix(".tried")
    first = not tried.exists()
    tried.touch()
    assert not first
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no test here needs is not loaded by some dozen pytests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def sides(root: Path, **texts: str) -> dict[str, list[str]]:
    for name, text in texts.items():
        (root / name).mkdir()
        (root / name / f"test_{name}.py").write_text(text)
    (root / "pytest.ini").write_text("[pytest]\n")
    return {name: [name] for name in texts}


def test_every_test_is_of_one_side() -> None:
    def runs(paths: Iterable[str], file: Path) -> bool:
        left_out = [path.removeprefix("--ignore=") for path in paths if path.startswith("--ignore=")]
        return any(file.is_relative_to(ROOT / path) for path in paths) and not any(
            file.is_relative_to(ROOT / path) for path in left_out
        )

    homeless = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if sum(runs(paths, file) for paths in SIDES.values()) != 1
    ]
    assert not homeless, f"tests/__main__.py runs these not at all, or twice: {homeless}"


def test_all_is_well_when_both_sides_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Run(sides(tmp_path, left=PASSES, right=PASSES), tmp_path).both() == 0
    lines = capfd.readouterr().out.splitlines()
    assert all(line.startswith(("left  | ", "right | ")) for line in lines)
    assert not any("once more" in line for line in lines)


def test_what_fails_twice_has_failed_and_is_shown_in_full(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Run(sides(tmp_path, left=FAILS, right=PASSES), tmp_path).both() == FAILED
    shown = [line for line in capfd.readouterr().out.splitlines() if "AssertionError: as it always does" in line]
    assert len([line for line in shown if " | E " in line]) == 2
    assert {line.split(" ")[0] for line in shown} == {"left"}


def test_what_failed_once_is_tried_again_by_itself_on_each_side(tmp_path: Path) -> None:
    assert Run(sides(tmp_path, left=ONCE, right=ONCE), tmp_path).both() == 0
    assert [file.read_text() for file in sorted(tmp_path.rglob("*.ran"))] == ["x", "x"], "what passed did not run again"


def test_a_side_that_could_not_run_is_not_tried_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Run(sides(tmp_path, left=ONCE, right="import nothing_of_this_name\n"), tmp_path).both() == 2
    assert "once more" not in capfd.readouterr().out


def test_arguments_go_to_both(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Run(sides(tmp_path, left=FAILS, right=FAILS), tmp_path, ["-k", "of_no_such_name"]).both() == 5
    shown = capfd.readouterr().out.splitlines()
    assert {line.split(" ")[0] for line in shown if "1 deselected" in line} == {"left", "right"}


def test_no_side_takes_a_port_of_another(tmp_path: Path) -> None:
    assert Run(sides(tmp_path, left=PORTS, middle=PORTS, right=PORTS), tmp_path).both() == 0
    told = sorted(tuple(map(int, file.read_text().split("-"))) for file in tmp_path.rglob("*.ports"))
    ends = [port for first_and_last in told for port in first_and_last]
    assert len(told) == 3 and sorted(set(ends)) == ends
