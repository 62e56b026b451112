"""One look: what a check finds on this machine now."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import psutil

from agent.checks.definition import Check, Kind
from agent.metrics import busy
from agent.platforms.base import Platform, Running, Unsupported
from agent.times import text_of

_PORT = "port:"
# Several checks that are due together share one walk over the processes.
_SHARED_SECONDS = 1.0


class Outcome(StrEnum):
    """What a result means. None of them: the platform judges the value."""

    OK = "OK"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Result:
    """What a look found. `time` is when it began, in seconds since 1970; `level` is how bad it seems from here, 0 for well."""

    check_id: str
    time: float
    level: int
    message: str
    outcome: Outcome | None = None
    value: float | None = None

    def told(self) -> Mapping[str, Any]:
        """The result as the platform takes it."""
        result: dict[str, Any] = {"time": text_of(self.time), "message": self.message}
        if self.outcome is not None:
            result["outcome"] = self.outcome.value
        if self.value is not None:
            result["value"] = self.value
        return {"checkId": self.check_id, "result": result}


class Looker:
    """Runs checks on a platform. Safe to use from several threads; remembers processor times per check."""

    def __init__(
        self, platform: Platform, *, clock: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._platform = platform
        self._clock = clock
        self._ticks = ticks
        self._running: tuple[float, list[Running]] | None = None
        self._cpu: dict[str, Any] = {}
        self._first = psutil.cpu_times()

    def now(self) -> float:
        """The system's time, in seconds since 1970."""
        return self._clock()

    def look(self, check: Check) -> Result:
        """The result of one look. What cannot be seen is UNKNOWN, never an error."""
        began = self._clock()
        try:
            match check.kind:
                case Kind.PROCESS:
                    return self._process(check, began)
                case Kind.DISK:
                    return _disk(check, began)
                case Kind.MEMORY:
                    return measured(check, began, float(psutil.virtual_memory().percent), "of the memory is in use")
                case Kind.CPU:
                    return self._processors(check, began)
        except (Unsupported, OSError, psutil.Error) as error:
            return unknown(check, began, str(error) or type(error).__name__)

    def forget(self, ids: Iterable[str]) -> None:
        """These checks are no more."""
        for id_ in ids:
            self._cpu.pop(id_, None)

    def _process(self, check: Check, began: float) -> Result:
        if check.target.startswith(_PORT):
            return self._port(check, began)
        count = sum(matches(one, check) for one in self._all_running())
        fits = f"{check.target} with {check.command_line!r} in its command line" if check.command_line else check.target
        message = f"{count} of {fits} running"
        if check.minimum > 1:
            message += f", {check.minimum} needed"
        well = count >= check.minimum
        return Result(check.id, began, 0 if well else 2, message, Outcome.OK if well else Outcome.FAILED, float(count))

    def _port(self, check: Check, began: float) -> Result:
        text = check.target.removeprefix(_PORT)
        if not (text.isascii() and text.isdigit()):
            return unknown(check, began, f"{check.target!r} names no port; one is {_PORT}443")
        listens = int(text) in self._platform.listening_ports()
        message = f"something listens on port {text}" if listens else f"nothing listens on port {text}"
        outcome = Outcome.OK if listens else Outcome.FAILED
        return Result(check.id, began, 0 if listens else 2, message, outcome, float(listens))

    def _processors(self, check: Check, began: float) -> Result:
        before = self._cpu.get(check.id, self._first)
        now = self._cpu[check.id] = psutil.cpu_times()
        return measured(check, began, round(100 * busy(before, now), 1), "of the processors' time is in use")

    def _all_running(self) -> list[Running]:
        now = self._ticks()
        if self._running is None or now - self._running[0] > _SHARED_SECONDS:
            self._running = (now, self._platform.running())
        return self._running[1]


def matches(process: Running, check: Check) -> bool:
    """Whether a process is meant: by its name or that of its program, `*` and `?` standing for any characters."""
    program = process.command[0].replace("\\", "/").rpartition("/")[2] if process.command else ""
    names = {process.name, program, process.name.removesuffix(".exe"), program.removesuffix(".exe")} - {""}
    if not any(fnmatchcase(name, check.target) for name in names):
        return False
    return not check.command_line or check.command_line in " ".join(process.command)


def measured(check: Check, began: float, value: float, what: str) -> Result:
    """A result that the platform judges by the limits of the check."""
    level = 2 if check.down and value >= check.down else 1 if check.degraded and value >= check.degraded else 0
    return Result(check.id, began, level, f"{value:.1f} % {what}", None, value)


def unknown(check: Check, began: float, message: str) -> Result:
    """The look itself failed."""
    return Result(check.id, began, 3, message[:500], Outcome.UNKNOWN)


def _disk(check: Check, began: float) -> Result:
    if not Path(check.target).exists():
        return unknown(check, began, f"there is no {check.target}")
    usage = psutil.disk_usage(check.target)
    free = f"of {check.target} is in use, {usage.free / 2**30:.1f} GiB are free"
    return measured(check, began, float(usage.percent), free)
