"""Downloads and missing programs: what was interrupted is done again, what cannot be had is named in one line."""

import os
from pathlib import Path

import pytest

from stack import fetch
from stack.console import Console
from stack.errors import StackError
from stack.system import require_tools


async def test_an_interrupted_download_is_done_again_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    seen: list[list[str]] = []

    async def interrupted(part: Path) -> None:
        (part / "half").write_text("x")
        raise StackError("the network is gone")

    async def works(part: Path) -> None:
        seen.append([path.name for path in part.iterdir()])
        (part / "whole").write_text("x")

    with pytest.raises(StackError, match="network"):
        await fetch._once(folder, "a program", interrupted, Console())
    assert not folder.exists()
    await fetch._once(folder, "a program", works, Console())
    await fetch._once(folder, "a program", interrupted, Console())
    assert seen == [[]]
    assert sorted(path.name for path in folder.iterdir()) == ["complete", "whole"]


def test_one_changed_byte_of_one_file_changes_the_digest_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"1")
    (tmp_path / "b.jar").write_bytes(b"2")
    pinned = fetch.folder_digest(tmp_path)
    fetch._require_digest("the jars", fetch.folder_digest(tmp_path), pinned)
    (tmp_path / "b.jar").write_bytes(b"3")
    with pytest.raises(StackError, match="not the pinned ones"):
        fetch._require_digest("the jars", fetch.folder_digest(tmp_path), pinned)


async def test_a_helper_program_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(StackError, match=r"(?s)the tool failed with status 4.*out of luck"):
        await fetch.run("the tool", "/bin/sh", "-c", "echo out of luck; exit 4")


def test_a_missing_program_that_we_may_not_install_is_named_with_its_package(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError, match="missing: java, mvn; install the packages openjdk-17-jre-headless maven"):
        require_tools(Console(), ("java", "mvn"))
