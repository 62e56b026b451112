"""The command line against a small platform over real HTTP."""

import io
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from tests.unit.cli.platform import TOKEN, Platform, serve

CTRL_C = "\x03"
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
    """Runs `itsm` as a process on a real terminal of 120 columns; stdout and stderr come together.

    `typed` is a prompt to wait for, and what is typed then.
    """

    def run_it(*arguments: str, typed: tuple[str, str] = ("", ""), **environment: str) -> Ended:
        prompt, answer = typed
        ours, theirs = pty.openpty()
        basics = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "120", "LANG": "C.UTF-8"}
        about = {"ITSM_URL": platform.url, "ITSM_TOKEN": TOKEN, "ITSM_CONFIG_DIR": str(tmp_path / "config")}
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env={**basics, **about, **environment},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_as_in_a_terminal,
        )  # fmt: skip
        os.close(theirs)
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        shown = b""
        while chunk := _read(ours):
            shown += chunk
            if answer and prompt in shown.decode(errors="replace"):
                if answer == CTRL_C:
                    process.send_signal(signal.SIGINT)
                else:
                    _until_quiet(ours)
                    os.write(ours, answer.encode())
                answer = ""
        os.close(ours)
        watchdog.cancel()
        return Ended(process.wait(), shown.decode().replace("\r\n", "\n"), "")

    return run_it


def _as_in_a_terminal() -> None:
    """Whoever runs the tests in the background has them ignore Ctrl-C, and what is ignored is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _until_quiet(terminal: int) -> None:
    """Waits until the terminal shows nothing of what is typed; what came before would be thrown away."""
    deadline = time.monotonic() + 10
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < deadline, "the prompt shows what is typed"
        time.sleep(0.01)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the last process has left the terminal
        return b""
