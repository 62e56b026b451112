"""One child process: started in its own group, watched while it gets ready, logged, and stopped for good.

Fails with `PortTaken` before a start next to a foreign server and with `ProcessDied` when the child ends before it is
ready. A child that ends later is reported to the owner once; nothing restarts it.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.console import Console
from stack.errors import ProcessDied
from stack.files import tail
from stack.ports import require_free

# Every child carries this variable with the state folder as value: a later start finds what a killed stack left behind.
MARK = "ITSM_STACK_STATE"
_OURS = ("ITSM_", "KC_", "KAFKA_")
_LOG_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run.

    `own_log` says that the program writes `log` itself; its output then goes to a file beside it, not to the terminal.
    """

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    state: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    own_log: bool = False
    ready_timeout: float = 60.0
    stop_timeout: float = 15.0


def child_environment(spec: Spec) -> dict[str, str]:
    """The environment of a child: ours without settings meant for other processes, then its own, then the mark."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**inherited, **spec.environment, MARK: str(spec.state)}


class Process:
    """A running child. Use `start`, then `wait_ready`, and `stop` in the end, whatever happened between."""

    def __init__(self, spec: Spec, console: Console, on_death: Callable[["Process"], None]) -> None:
        self.spec = spec
        self._console = console
        self._on_death = on_death
        self._child: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._ready = False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        """The process id, `None` when it does not run."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    @property
    def exit_status(self) -> int | None:
        """The exit status as of the operating system (negative: the signal), `None` while it runs or never ran."""
        return None if self._child is None else self._child.returncode

    async def start(self) -> None:
        """Start the child once its ports are known to be free."""
        require_free(self.name, self.spec.ports)
        self.spec.log.parent.mkdir(parents=True, exist_ok=True)
        if self.spec.log.exists() and self.spec.log.stat().st_size > _LOG_LIMIT:
            self.spec.log.replace(self.spec.log.with_suffix(".log.1"))
        # A pipe of our own: asyncio's makes `wait` last until every grandchild has closed it too.
        reading, writing = os.pipe()
        output = await _reader(reading)
        try:
            self._child = await asyncio.create_subprocess_exec(
                *_ending_with_us(self.spec.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.spec.cwd,
                env=child_environment(self.spec),
                start_new_session=True,
            )
        finally:
            os.close(writing)
        self._tasks = [asyncio.create_task(self._copy_output(output)), asyncio.create_task(self._watch())]

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]]) -> None:
        """Ask `probe` until it says yes, looking at the exit status each time.

        Raises `ProcessDied` when the child ends or its `ready_timeout` passes first.
        """
        deadline = time.monotonic() + self.spec.ready_timeout
        while True:
            self.require_alive()
            if await probe():
                self.require_alive()
                self._ready = True
                return
            if time.monotonic() > deadline:
                raise ProcessDied(f"{self.name} was not ready after {self.spec.ready_timeout:.0f} s{self._last_lines()}")
            await asyncio.sleep(0.05)

    def require_alive(self) -> None:
        """Raise `ProcessDied` if the child has ended; to be called before anything is written to its port."""
        if self.pid is None:
            raise ProcessDied(self.obituary())

    def obituary(self) -> str:
        """How it ended, with its last log lines."""
        return f"{self.name} ended with {_status(self.exit_status)}{self._last_lines()}"

    async def stop(self) -> None:
        """Ask the child to end, then insist; afterwards no process of its group is left."""
        self._stopping = True
        child = self._child
        if child is None:
            return
        if child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), self.spec.stop_timeout)
            except TimeoutError:
                self._console.line(self.name, f"did not stop within {self.spec.stop_timeout:.0f} s, killing it")
                _signal_group(child.pid, signal.SIGKILL)
                await child.wait()
        await _end_group(child.pid)
        await asyncio.wait(self._tasks, timeout=2)
        for task in self._tasks:
            task.cancel()
        self._child = None

    def kill(self) -> None:
        """End the child and its group at once, as a crash would; the owner hears of it as of any death."""
        if self._child is not None and self._child.returncode is None:
            _signal_group(self._child.pid, signal.SIGKILL)

    async def _watch(self) -> None:
        if self._child is None:
            return
        await self._child.wait()
        if self._ready and not self._stopping:
            _signal_group(self._child.pid, signal.SIGKILL)  # a shell that is killed leaves its program running
            await asyncio.wait(self._tasks[:1], timeout=1)  # its last words come through the other task
            self._on_death(self)

    async def _copy_output(self, output: asyncio.StreamReader) -> None:
        log = self.spec.log.with_suffix(".out.log") if self.spec.own_log else self.spec.log
        with log.open("ab") as file:
            rest = b""
            while chunk := await output.read(65536):
                file.write(chunk)
                file.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                self._show(lines)
            self._show([rest] if rest else [])

    def _show(self, lines: list[bytes]) -> None:
        if not self.spec.own_log:
            for line in lines:
                self._console.line(self.name, line.decode("utf-8", "replace").rstrip())

    def _last_lines(self) -> str:
        lines = tail(self.spec.log) or tail(self.spec.log.with_suffix(".out.log"))
        return "".join(f"\n    {line}" for line in lines) + f"\n  (all of it: {self.spec.log})"


def _ending_with_us(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Let the kernel end the child when the stack itself is killed, where the system has a program for that."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--", *argv) if setpriv else argv


async def _reader(descriptor: int) -> asyncio.StreamReader:
    """A stream that ends when the last writer of the pipe does; the loop then closes the descriptor."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


def _status(status: int | None) -> str:
    if status is None:
        return "no status"
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _signal_group(pid: int, number: int) -> bool:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


async def _end_group(pid: int) -> None:
    """Give children of the child a moment to follow it, then kill them."""
    for _ in range(40):
        if not _signal_group(pid, 0):
            return
        await asyncio.sleep(0.05)
    _signal_group(pid, signal.SIGKILL)
