"""CPU time of the processes of a stack, children included. A process that has ended counts with what was seen last."""

from collections.abc import Mapping

import psutil

OTHERS = "everything else on this machine"


class Meter:
    """Reads the CPU seconds that each process has used so far, and what all others together have used."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def read(self) -> dict[str, float]:
        """Seconds of user and system time by process."""
        used = {name: self._of(process) for name, process in self._processes.items()}
        machine = psutil.cpu_times()
        busy = sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
        return {**used, OTHERS: busy - sum(used.values())}

    def _of(self, process: psutil.Process) -> float:
        total = 0.0
        for each in (process, *process.children(recursive=True)):
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total


def foreign_share(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> float:
    """How much of the machine others had meanwhile, 0 to 1. Figures of a block where it is not near 0 are too high."""
    return round(max(0.0, after[OTHERS] - before[OTHERS]) / (seconds * (psutil.cpu_count() or 1)), 2)


def per_operation(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float]:
    """CPU ms an operation by process."""
    return {name: round(1000 * (after[name] - before[name]) / max(count, 1), 3) for name in after if name != OTHERS}
