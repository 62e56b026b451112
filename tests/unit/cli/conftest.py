"""The command line against a small platform over real HTTP."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from tests.unit.cli.platform import TOKEN, Platform, serve

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def platform() -> Iterator[Platform]:
    """The platform that the commands talk to."""
    made = Platform()
    server = serve(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `itsm` in this process, signed in by the environment; stdout is a pipe."""
    monkeypatch.setenv("ITSM_URL", platform.url)
    monkeypatch.setenv("ITSM_TOKEN", TOKEN)
    monkeypatch.setenv("ITSM_CONFIG_DIR", str(tmp_path / "config"))

    def run_it(*arguments: str, stdin: str = "") -> Ended:
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", given)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run_it


@pytest.fixture
def terminal(platform: Platform, tmp_path: Path) -> Run:
    """Runs `itsm` as a process on a real terminal of 120 columns; stdout and stderr come together."""

    def run_it(*arguments: str, **environment: str) -> Ended:
        ours, theirs = pty.openpty()
        basics = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "120", "LANG": "C.UTF-8"}
        about = {"ITSM_URL": platform.url, "ITSM_TOKEN": TOKEN, "ITSM_CONFIG_DIR": str(tmp_path / "config")}
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env={**basics, **about, **environment},
            stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
        return Ended(process.wait(), shown.decode().replace("\r\n", "\n"), "")

    return run_it


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the last process has left the terminal
        return b""
