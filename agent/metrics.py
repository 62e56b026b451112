"""Figures of the host, under the names of OpenTelemetry's semantic conventions for system metrics.

Counters are told as they are, cumulative since the machine was started, so that a lost sample loses no count.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from agent.platforms.shared import local_partitions

CPU_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
# A machine with a thousand containers has a thousand interfaces; the platform has no use for each of them.
_MOST_DEVICES = 64
_NO_DISKS = ("loop", "ram", "zram", "sr", "fd")
_NO_INTERFACES = ("lo", "veth", "docker", "br-", "cali", "flannel", "cni", "ifb")


@dataclass(frozen=True, slots=True)
class Point:
    """One figure. `counter` says that it only grows, since `Sample.start`."""

    name: str
    unit: str
    value: float | int
    attributes: Mapping[str, str] = field(default_factory=dict)
    counter: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at a moment. Times are seconds since 1970; `start` is when the counters were zero."""

    time: float
    start: float
    points: list[Point]


class Sampler:
    """Takes samples; use of the processors is that since the sample before."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._times = psutil.cpu_times()

    def sample(self) -> Sample:
        """All figures of now. One that the machine does not tell is left out."""
        points = [*self._cpu(), *_load(), *_memory(), *_filesystems(), *_disks(), *_network(), *_system(self._clock())]
        return Sample(self._clock(), psutil.boot_time(), points)

    def _cpu(self) -> Iterator[Point]:
        times = psutil.cpu_times()
        yield Point("system.cpu.utilization", "1", busy(self._times, times))
        self._times = times
        for state in CPU_STATES:
            if hasattr(times, state):
                yield Point("system.cpu.time", "s", float(getattr(times, state)), {"cpu.mode": state}, counter=True)
        yield Point("system.cpu.logical.count", "{cpu}", os.cpu_count() or 0)


def busy(before: Any, after: Any) -> float:
    """The part of the time between two readings that processors were at work, 0 to 1. Waiting for a disk is not work."""
    whole = sum(after) - sum(before)
    # Linux counts a guest's time in `user` and `nice` already.
    twice = sum(getattr(after, name, 0.0) - getattr(before, name, 0.0) for name in ("guest", "guest_nice"))
    idle = sum(getattr(after, name, 0.0) - getattr(before, name, 0.0) for name in ("idle", "iowait"))
    whole -= twice
    return min(1.0, max(0.0, (whole - idle) / whole)) if whole > 0 else 0.0


def _load() -> Iterator[Point]:
    with contextlib.suppress(OSError):
        for span, value in zip(("1m", "5m", "15m"), psutil.getloadavg(), strict=True):
            yield Point(f"system.cpu.load_average.{span}", "{thread}", float(value))


def _memory() -> Iterator[Point]:
    memory = psutil.virtual_memory()
    yield Point("system.memory.limit", "By", int(memory.total))
    yield Point("system.memory.usage", "By", int(memory.total - memory.available), {"system.memory.state": "used"})
    yield Point("system.memory.usage", "By", int(memory.available), {"system.memory.state": "available"})
    yield Point("system.memory.utilization", "1", memory.percent / 100)
    with contextlib.suppress(OSError, RuntimeError):
        swap = psutil.swap_memory()
        if swap.total:
            yield Point("system.paging.usage", "By", int(swap.used), {"system.paging.state": "used"})
            yield Point("system.paging.utilization", "1", swap.percent / 100)


def _filesystems() -> Iterator[Point]:
    for device, mountpoint, kind in local_partitions()[:_MOST_DEVICES]:
        try:
            usage = psutil.disk_usage(mountpoint)
        except OSError:
            continue
        where = {"system.device": device, "system.filesystem.mountpoint": mountpoint, "system.filesystem.type": kind}
        yield Point("system.filesystem.limit", "By", int(usage.total), where)
        yield Point("system.filesystem.usage", "By", int(usage.used), {**where, "system.filesystem.state": "used"})
        yield Point("system.filesystem.utilization", "1", usage.percent / 100, where)


def _disks() -> Iterator[Point]:
    try:
        counters = psutil.disk_io_counters(perdisk=True) or {}
    except (OSError, RuntimeError, NotImplementedError):  # no block devices that are counted
        return
    for device, told in sorted(_wanted(counters, _NO_DISKS)):
        for direction in ("read", "write"):
            where = {"system.device": device, "disk.io.direction": direction}
            yield Point("system.disk.io", "By", int(getattr(told, f"{direction}_bytes")), where, counter=True)
            yield Point("system.disk.operations", "{operation}", int(getattr(told, f"{direction}_count")), where, counter=True)


def _network() -> Iterator[Point]:
    for interface, told in sorted(_wanted(psutil.net_io_counters(pernic=True), _NO_INTERFACES)):
        for direction, bytes_, errors, dropped in (
            ("receive", told.bytes_recv, told.errin, told.dropin),
            ("transmit", told.bytes_sent, told.errout, told.dropout),
        ):
            where = {"network.interface.name": interface, "network.io.direction": direction}
            yield Point("system.network.io", "By", int(bytes_), where, counter=True)
            yield Point("system.network.errors", "{error}", int(errors), where, counter=True)
            yield Point("system.network.packet.dropped", "{packet}", int(dropped), where, counter=True)


def _system(now: float) -> Iterator[Point]:
    yield Point("system.process.count", "{process}", len(psutil.pids()))
    yield Point("system.uptime", "s", max(0.0, now - psutil.boot_time()))


def _wanted(counters: Mapping[str, Any], without: tuple[str, ...]) -> list[tuple[str, Any]]:
    named = [(name, told) for name, told in counters.items() if not name.startswith(without)]
    return named[:_MOST_DEVICES]
