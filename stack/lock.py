"""One stack per state folder: a lock that the system releases by itself when its holder ends, and what a killed one left.

Processes are ended by id, and only those that carry this state folder's mark in their environment.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from stack.console import Console
from stack.errors import StackError
from stack.process import MARK


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock, with our process id in the file; raises `StackError` when another stack holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"another stack (process {_read_pid(path)}) runs on {path.parent}; stop it with `make down` or choose "
                "another folder with --state"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(path: Path) -> int | None:
    """The process id of the stack that holds the lock, `None` if nobody does."""
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_pid(path)
    return None


def _read_pid(path: Path) -> int | None:
    text = path.read_text().strip()
    return int(text) if text.isdigit() else None


def leftovers(state: Path) -> list[psutil.Process]:
    """Processes that an earlier stack on this folder has started and that still run."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):  # ended meanwhile, or not ours to read
            if process.environ().get(MARK) == str(state):
                found.append(process)
    return found


def end_leftovers(state: Path, console: Console) -> None:
    """Stop what a killed stack left on this folder, so that its data has one owner again."""
    processes = leftovers(state)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            console.say(f"ending {process.name()} (process {process.pid}), left by an earlier stack")
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=15)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def end_holder(path: Path, console: Console, *, timeout: float = 90) -> bool:
    """Ask the stack that holds the lock to stop and wait until it has; says whether there was one."""
    pid = holder(path)
    if pid is None:
        return False
    console.say(f"stopping the stack (process {pid})")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while holder(path) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"the stack (process {pid}) did not stop within {timeout:.0f} s")
        time.sleep(0.1)
    return True
