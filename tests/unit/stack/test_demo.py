"""The company of a local stack: made once, and only where a stack runs."""

import asyncio
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.demo.cast import SHOWN, everybody
from stack.console import Console
from stack.demo import MADE, MAKING, REMOVED, Demo, Place
from stack.errors import StackError
from stack.options import Layout

PLACE = Place("http://127.0.0.1:1", "http://127.0.0.1:1", {}, {member.name: f"pw-{member.name}" for member in everybody()})


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(Layout(tmp_path), Console())


def became(tmp_path: Path, state: str) -> None:
    (tmp_path / "services").mkdir(exist_ok=True)
    (tmp_path / "services" / "demo.json").write_text(json.dumps({"state": state}))


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """As a stack that runs holds its lock."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("1")
        file.flush()
        yield


async def test_without_a_stack_there_is_none_and_a_later_start_tries_again(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.prepare(PLACE)
    await demo.make_once()
    assert "there is no demonstration: the platform does not run here" in capsys.readouterr().err
    assert demo.state == ""
    with pytest.raises(StackError):
        await demo.remove()


@pytest.mark.parametrize("state", [MADE, REMOVED])
async def test_what_was_made_or_removed_is_made_no_second_time(demo: Demo, tmp_path: Path, state: str) -> None:
    became(tmp_path, state)
    async with asyncio.timeout(5):
        await demo.make_once()
    assert demo.state == state
    assert not demo.people.exists()


async def test_what_is_removed_before_it_was_made_stays_away(demo: Demo, tmp_path: Path) -> None:
    demo.prepare(PLACE)
    with holding(tmp_path / "stack.lock"):
        await demo.remove()
    assert demo.state == REMOVED


def test_a_visitor_is_told_as_whom_to_sign_in_once_it_is_there(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.prepare(PLACE)
    became(tmp_path, MAKING)
    demo.introduce()
    assert capsys.readouterr().err == ""
    became(tmp_path, MADE)
    with holding(tmp_path / "stack.lock"):
        demo.introduce()
    said = capsys.readouterr().err
    assert all(f"{name:<16} pw-{name}" in said for name, _ in SHOWN)
    assert (tmp_path / "services" / "demo-place.json").stat().st_mode & 0o077 == 0
