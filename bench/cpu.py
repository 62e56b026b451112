"""CPU time of the processes of a stack, children included. A process that has ended counts with what was seen last."""

from collections.abc import Mapping

import psutil


class Meter:
    """Reads the CPU seconds that each process has used so far."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def read(self) -> dict[str, float]:
        """Seconds of user and system time by process."""
        return {name: self._of(process) for name, process in self._processes.items()}

    def _of(self, process: psutil.Process) -> float:
        total = 0.0
        for each in (process, *process.children(recursive=True)):
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total


def per_operation(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float]:
    """CPU ms an operation by process."""
    return {name: round(1000 * (after[name] - before[name]) / max(count, 1), 3) for name in after}
